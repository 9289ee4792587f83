/* A range of time in pieces, forwards or backwards, each so wide that what it holds fits in memory:
 * the width follows what the last ones held. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct grid;

struct window {
	int64_t from_ns, last_ns; /* both included */
	const struct grid *grid;  /* pieces are whole cells of it; NULL: they begin anywhere */
	bool newest_first;
	uint32_t few;  /* fewer things than this: wider next time */
	uint64_t most; /* cells of a piece; 0: any number */
	/* Takes all of [from, last]: how many things there were (>= 0), -EOVERFLOW when they are
	 * too many (the piece comes again, smaller), or another fault, which ends the walk. *stop
	 * ends it. */
	int64_t (*take)(void *ud, int64_t from_ns, int64_t last_ns, bool smallest, bool *stop);
	void *ud;
};

int window_walk(const struct window *w);
