/* What is deleted goes for good: blocks that hold values of it are written anew without them, and
 * when none does any more, nobody needs to know. */
#pragma once
#include <stdint.h>

struct blocks;
struct plan;
struct plan_run;
struct series_config;

struct burial {
	const struct series_config *config;
	const struct blocks *blocks;
	const struct plan *plan;
	int (*pace)(void *ud, uint64_t bytes); /* as rewrite.h has it */
	void *ud;
};

enum { BURIAL_RUN = 2 };

/* BURIAL_RUN: *out is to be written anew. 1: something was forgotten, there may be more. 0: nothing
 * to do. Or a fault. */
int burial_turn(const struct burial *b, struct plan_run *out);
