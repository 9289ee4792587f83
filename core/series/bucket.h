/* Points and summaries of many points into buckets that begin at multiples of their width. They
 * come in order of time, forwards or backwards. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "series/series.h"

struct column_stats;

struct bucket_summary { /* of many points that lie in one bucket */
	uint64_t count;
	double min, max, sum;
	struct series_point first, last;
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
