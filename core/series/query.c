#include "series/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "series/bucket.h"
#include "series/catalog.h"
#include "series/gathered.h"
#include "series/pass.h"
#include "series/series.h"
#include "series/source.h"
#include "series/window.h"

#define ENOUGH 1 /* stops a pass: the limit is reached */

/* Three ways. A series of one type, forwards: straight through. Its buckets backwards: the same
 * piece by piece, each turned round. Everything else, points backwards or values of several types
 * that must be put in order: piece by piece, gathered and sorted. */
struct query {
	const struct pass_from *from;
	const struct series_query *q;
	struct source_want wants[SERIES_TYPES];
	uint32_t n_wants;
	uint64_t given;
	int user; /* what a callback answered */
	struct bucket bucket;
	struct gathered points;
	struct series_bucket *buckets;
	uint32_t n_buckets, cap_buckets;
};

static int answered(struct query *qu, int user)
{
	qu->given++;
	if (user) {
		qu->user = user;
		return ENOUGH;
	}
	return qu->q->limit && qu->given >= qu->q->limit ? ENOUGH : 0;
}

static int point_give(void *ud, const struct series_point *p, uint64_t rank)
{
	struct query *qu = ud;
	(void)rank;
	return answered(qu, qu->q->point(qu->q->ud, p));
}

static int bucket_give(void *ud, const struct series_bucket *b)
{
	struct query *qu = ud;
	return answered(qu, qu->q->bucket(qu->q->ud, b));
}

static int point_to_bucket(void *ud, const struct series_point *p, uint64_t rank)
{
	struct query *qu = ud;
	(void)rank;
	return bucket_point(&qu->bucket, p);
}

static int summary_to_bucket(void *ud, const struct bucket_summary *s)
{
	struct query *qu = ud;
	return bucket_add(&qu->bucket, s);
}

/* ---- straight through */

static int buckets_pass(struct query *qu, const struct source_want *want)
{
	struct pass_to to = { .point = point_to_bucket,
		              .summary = summary_to_bucket,
		              .bucket_ns = qu->q->bucket_ns,
		              .ud = qu };
	int r = pass_run(qu->from, want, &to);
	return r ? r : bucket_end(&qu->bucket);
}

static int run_straight(struct query *qu)
{
	if (qu->q->bucket_ns)
		return buckets_pass(qu, &qu->wants[0]);
	return pass_run(qu->from, &qu->wants[0],
	                &(struct pass_to){ .point = point_give, .ud = qu });
}

/* ---- buckets backwards */

static int bucket_keep(void *ud, const struct series_bucket *b)
{
	struct query *qu = ud;
	if (qu->n_buckets == qu->cap_buckets)
		return -EOVERFLOW;
	qu->buckets[qu->n_buckets++] = *b;
	return 0;
}

static bool is_text(const struct series_point *p)
{
	return column_is_blob(p->type);
}

/* Texts of a bucket live only until the next one: such a piece is one bucket wide. */
static int64_t buckets_take(void *ud, int64_t from_ns, int64_t last_ns, bool smallest, bool *stop)
{
	struct query *qu = ud;
	struct source_want want = qu->wants[0];
	want.from_ns = from_ns;
	want.last_ns = last_ns;
	qu->n_buckets = 0;
	int r = buckets_pass(qu, &want);
	qu->bucket.open = false;
	if (r < 0)
		return r;
	uint32_t n = qu->n_buckets;
	if (n > 1 && !smallest && (is_text(&qu->buckets[0].first) || is_text(&qu->buckets[0].last)))
		return -EOVERFLOW;
	for (uint32_t i = n; i > 0 && !*stop; i--)
		*stop = bucket_give(qu, &qu->buckets[i - 1]) != 0;
	return n;
}

static int run_buckets_back(struct query *qu)
{
	qu->cap_buckets = 4096;
	qu->buckets = malloc(qu->cap_buckets * sizeof(*qu->buckets));
	if (!qu->buckets)
		return -ENOMEM;
	qu->bucket.fn = bucket_keep;
	return window_walk(&(struct window){ .from_ns = qu->wants[0].from_ns,
	                                     .last_ns = qu->wants[0].last_ns,
	                                     .align_ns = qu->q->bucket_ns,
	                                     .newest_first = true,
	                                     .few = 512,
	                                     .take = buckets_take,
	                                     .ud = qu });
}

/* ---- piece by piece */

static int point_keep(void *ud, const struct series_point *p, uint64_t rank)
{
	struct query *qu = ud;
	return gathered_add(&qu->points, p, rank);
}

static int gathered_give(struct query *qu)
{
	struct gathered *g = &qu->points;
	int r = 0;
	for (size_t i = 0; i < g->n && !r; i++) {
		size_t at = qu->q->newest_first ? g->n - 1 - i : i;
		struct series_point p = gathered_at(g, at);
		r = qu->q->bucket_ns ? point_to_bucket(qu, &p, 0) : point_give(qu, &p, 0);
	}
	return r;
}

static int64_t points_take(void *ud, int64_t from_ns, int64_t last_ns, bool smallest, bool *stop)
{
	struct query *qu = ud;
	int r = 0;
	gathered_reset(&qu->points, smallest);
	for (uint32_t i = 0; i < qu->n_wants && r >= 0; i++) {
		struct source_want want = qu->wants[i];
		want.from_ns = from_ns;
		want.last_ns = last_ns;
		r = pass_run(qu->from, &want, &(struct pass_to){ .point = point_keep, .ud = qu });
	}
	if (r < 0)
		return r;
	gathered_sort(&qu->points);
	r = gathered_give(qu);
	if (r < 0)
		return r;
	*stop = r > 0;
	return (int64_t)qu->points.n;
}

static int run_pieces(struct query *qu)
{
	int r = window_walk(&(struct window){ .from_ns = qu->wants[0].from_ns,
	                                      .last_ns = qu->wants[0].last_ns,
	                                      .align_ns = 1,
	                                      .newest_first = qu->q->newest_first,
	                                      .few = 4096,
	                                      .take = points_take,
	                                      .ud = qu });
	if (r >= 0 && !qu->user && (!qu->q->limit || qu->given < qu->q->limit))
		r = bucket_end(&qu->bucket);
	return r;
}

/* ---- which way */

static void wants_set(struct query *qu, int64_t first_ns, int64_t last_ns)
{
	int64_t from = MAX(qu->q->from_ns, first_ns);
	int64_t last = MIN(qu->q->to_ns - 1, last_ns);
	for (int t = 0; t < SERIES_TYPES; t++) {
		const struct series_place *place = &qu->q->series->places[t];
		uint32_t stream = place->stream;
		if (stream)
			qu->wants[qu->n_wants++] = (struct source_want){ stream, place->column,
				                                         from, last };
	}
}

int query_run(const struct pass_from *from, const struct series_query *q, int64_t first_ns,
              int64_t last_ns)
{
	struct query qu = { .from = from, .q = q };
	int r = 0;
	if (q->bucket_ns < 0 || (q->bucket_ns ? !q->bucket : !q->point))
		return -EINVAL;
	if (q->from_ns >= q->to_ns)
		return 0;
	wants_set(&qu, first_ns, last_ns);
	bucket_init(&qu.bucket, q->bucket_ns, bucket_give, &qu);
	if (qu.n_wants && qu.wants[0].from_ns <= qu.wants[0].last_ns) {
		if (qu.n_wants == 1 && !q->newest_first)
			r = run_straight(&qu);
		else if (qu.n_wants == 1 && q->bucket_ns)
			r = run_buckets_back(&qu);
		else
			r = run_pieces(&qu);
	}
	gathered_fini(&qu.points);
	bucket_fini(&qu.bucket);
	free(qu.buckets);
	if (qu.user)
		return qu.user < 0 ? qu.user : 0;
	return r < 0 ? r : 0;
}
