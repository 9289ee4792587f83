/* Points of a piece of time in memory, with their texts, to be put in order. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "series/series.h"

#define GATHERED_POINTS 65536U
#define GATHERED_BYTES  (8UL << 20) /* of texts */

struct gathered_point {
	struct series_point p; /* of a text: v.blob.n is right, where it lies is told by text_at */
	uint64_t rank;
	size_t text_at;
};

struct gathered { /* zero: empty */
	struct gathered_point *points;
	size_t n, cap;
	struct buffer texts;
	bool unlimited;
};

void gathered_fini(struct gathered *g);
void gathered_reset(struct gathered *g, bool unlimited); /* keeps its memory */
/* -EOVERFLOW beyond the limits, -ENOMEM. */
int gathered_add(struct gathered *g, const struct series_point *p, uint64_t rank);
/* In order of time; of several of one time only the newest stays. */
void gathered_sort(struct gathered *g);
struct series_point gathered_at(const struct gathered *g, size_t at);
