/* Many small blocks of a tier and month become one: of what they tell of the same time, the latest
 * stays. On the thread of the tiers, the only one that writes such blocks. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct blocks;
struct catalog;

#define TIERMERGE_BLOCKS 8 /* of a tier and month become one */

struct tiermerge {
	const struct catalog *catalog;
	const struct blocks *blocks;
	_Atomic uint64_t *corrupt;
	const _Atomic bool *stop;
};

/* One tier and month that needs it. 1: there may be more, 0: none needs it, -EOPNOTSUPP: a store of
 * 1.0, -ECANCELED: stop. */
int tiermerge_run(const struct tiermerge *tm);
