/* Points and summaries of many points into buckets, in order of time, forwards. What goes over from
 * one bucket to the next, a counter's last number and the value that holds, stays here between
 * them. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "series/grid.h"
#include "series/series.h"
#include "series/sketch.h"
#include "series/states.h"

/* Of many numbers that lie in one bucket, with nothing else of the series between them: of a chunk,
 * or of a row of a tier. Counters: a value below the one before it is a reset, the counter began
 * again at 0, so that it adds itself. The step from one stretch to the next is not in either; who
 * puts them together adds it to the bucket of the later one. */
struct bucket_summary {
	uint64_t count; /* of numbers; NaN is none */
	double min, max, sum;
	struct series_point first, last; /* with their times */
	uint32_t has;                    /* SERIES_INCREASE, SERIES_AREA: of what follows */
	double increase;                 /* from first to last */
	double area; /* value times ns, each held until the next one, from first to last */
};

typedef int (*bucket_fn)(void *ud, const struct series_bucket *b); /* non-zero stops */

struct bucket {
	/* Set by bucket_init(); all but the first three may be changed before the first point. */
	bucket_fn fn;
	void *ud;
	struct grid grid;
	uint32_t want;
	const double *quantiles;
	uint32_t n_quantiles;
	int64_t from_ns, last_ns, now_ns; /* of the query, for span_ns; INT64_MAX: no now */

	bool open, counted; /* counted: a number of this bucket, for b.increase */
	struct grid_cell cell;
	uint64_t numbers;
	struct series_bucket b;
	struct buffer first_blob, last_blob; /* texts of b.first, b.last */
	struct sketch sketch;
	struct states states;
	double held_min, held_max;
	/* from bucket to bucket */
	bool has_number, holds;
	struct series_point number, held; /* the last number; the last value */
	struct buffer held_blob;
	int64_t held_ns; /* up to when held is counted */
};

void bucket_init(struct bucket *b, int64_t width_ns, bucket_fn fn, void *ud);
void bucket_fini(struct bucket *b);
int64_t bucket_begin(int64_t ts_ns, int64_t width_ns);
/* Is a summary enough for what is wanted, or must its points come? */
bool bucket_enough(uint32_t want, const struct bucket_summary *s);
/* Values from before the first bucket: the last number and the last value, which holds from from_ns
 * on; NULL: none. 0, -ENOMEM. */
int bucket_carry(struct bucket *b, const struct series_point *number,
                 const struct series_point *held, int64_t from_ns);
/* What fn answered, or 0, or -ENOMEM. */
int bucket_point(struct bucket *b, const struct series_point *p);
int bucket_add(struct bucket *b, const struct bucket_summary *s);
int bucket_end(struct bucket *b); /* gives the last one */
/* The same; what holds does so up to end_ns, which is not part of it. */
int bucket_end_at(struct bucket *b, int64_t end_ns);
