/* Points and summaries of many points into buckets that begin at multiples of their width. They
 * come in order of time, forwards or backwards. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "series/series.h"

struct column_stats;

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
	int64_t width_ns; /* > 0 */
	bucket_fn fn;
	void *ud;
	bool open;
	uint64_t numbers;
	struct series_bucket b;
	struct buffer first_blob, last_blob; /* texts of b.first, b.last */
};

void bucket_init(struct bucket *b, int64_t width_ns, bucket_fn fn, void *ud);
void bucket_fini(struct bucket *b);
int64_t bucket_begin(int64_t ts_ns, int64_t width_ns);
/* What fn answered, or 0, or -ENOMEM. */
int bucket_point(struct bucket *b, const struct series_point *p);
int bucket_add(struct bucket *b, const struct bucket_summary *s);
int bucket_end(struct bucket *b); /* gives the last one */
