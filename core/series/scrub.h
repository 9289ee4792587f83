/* Reads every block once in a while, so that damage is found while there is still a backup. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct blocks;
struct docs;

struct scrub { /* zero, then the first five */
	const struct blocks *blocks;
	struct docs *docs;
	const int64_t *every_ns;               /* 0: never */
	int (*pace)(void *ud, uint64_t bytes); /* as rewrite.h has it */
	void *ud;
	/* its own */
	bool loaded;
	int64_t began_ns; /* UTC: the present round, or the last one; 0: none yet */
	int64_t saved_ns; /* monotonic */
	char last[512];   /* name of the block it is at; empty: the round is over */
	uint32_t good;    /* chunks of the present block */
	_Atomic uint64_t blocks_read, bytes_read, rounds;
};

/* The next block, if it is time: 1, 0, or a fault. */
int scrub_turn(struct scrub *s);
