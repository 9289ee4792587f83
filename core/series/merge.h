/* Many sources as one, in order of time; of values of one time the newest. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct series_point;
struct source;

struct merge_item {
	int64_t ts_ns; /* of the source's present value */
	uint64_t rank;
	struct source *source;
};

struct merge { /* zero: empty */
	struct merge_item *heap;
	size_t n, cap;
	struct source *ended; /* the one the last value came from, if it was its last */
};

void merge_fini(struct merge *m);
int merge_add(struct merge *m, struct source *s); /* takes s, which may be NULL; -ENOMEM */
/* Time of the next value; false: there is none. */
bool merge_peek(const struct merge *m, int64_t *ts);
/* The next value and its rank. Blobs are borrowed until the next call. */
bool merge_next(struct merge *m, struct series_point *out, uint64_t *rank);
