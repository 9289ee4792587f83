/* Start, service and stop of the platform, in the order the parts need each other. */
#pragma once

/* All signals are taken by the main loop; called before any thread is made. */
int run_block_signals(void);
