/* Start, service and stop of the platform, in the order the parts need each other. */
#pragma once
#include <stdint.h>

struct app;

struct run_opened {
	uint64_t in_blocks; /* points up to here are in blocks */
	uint64_t records;   /* read back from the journal */
};

/* Everything that is stored, read, and nothing started but the stores. All faults are logged. */
int run_open(struct app *app, struct run_opened *out);
void run_close(struct app *app); /* what run_open() left, whatever it answered */
/* Are there sections that are nobody's, or plugins' that are wrong? After host_new(): loads the
 * plugins, starts nothing. 0, or the first fault; all are logged. */
int run_check(struct app *app);
/* All signals are taken by the main loop; called before any thread is made. */
int run_block_signals(void);
