/* Start, service and stop of the platform, in the order the parts need each other. */
#pragma once

struct app;

/* Are there sections that are nobody's, or plugins' that are wrong? After host_new(): loads the
 * plugins, starts nothing. 0, or the first fault; all are logged. */
int run_check(struct app *app);
/* All signals are taken by the main loop; called before any thread is made. */
int run_block_signals(void);
