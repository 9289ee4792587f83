/* Memory of one query: taken piece by piece, given back at once. What it may hold is limited, so
 * that no query takes more than its share. One thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include <signalbox/types.h>

struct arena_block;

struct arena { /* zero but max: empty */
	struct arena_block *blocks;
	size_t used, max; /* bytes */
	bool full;        /* max was reached, or there is no memory */
};

void arena_fini(struct arena *a);
/* Zeroed bytes, aligned for everything, or NULL (a->full is set). */
void *arena_take(struct arena *a, size_t n);
/* A copy of s, 0-terminated; p is NULL when the arena is full. */
struct sb_str arena_copy(struct arena *a, struct sb_str s);
