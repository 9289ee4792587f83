#include "series/query.h"

#include <errno.h>
#include <string.h>

#include "base/own.h"
#include "series/buckets.h"
#include "series/gathered.h"
#include "series/pass.h"
#include "series/series.h"
#include "series/window.h"

/* Two ways. A series of one type, forwards: straight through. Points backwards, or values of
 * several types that must be put in order: piece by piece, gathered and sorted. */
struct points {
	const struct pass_from *from;
	struct query_wants wants;
	bool newest_first;
	query_point_fn fn;
	void *ud;
	int answer; /* what fn said */
	struct gathered gathered;
};

struct query_wants query_wants(const struct series *s, int64_t from_ns, int64_t last_ns)
{
	struct query_wants w = { .n = 0 };
	for (int t = 0; t < SERIES_TYPES; t++) {
		uint32_t stream = s->places[t].stream;
		if (stream)
			w.at[w.n++] = (struct source_want){ stream, s->places[t].column, from_ns,
				                            last_ns };
	}
	return w;
}

static int point_give(void *ud, const struct series_point *p, uint64_t rank)
{
	struct points *k = ud;
	(void)rank;
	k->answer = k->fn(k->ud, p);
	return k->answer;
}

static int point_keep(void *ud, const struct series_point *p, uint64_t rank)
{
	return gathered_add(&((struct points *)ud)->gathered, p, rank);
}

static void gathered_give(struct points *k)
{
	struct gathered *g = &k->gathered;
	for (size_t i = 0; i < g->n && !k->answer; i++) {
		struct series_point p = gathered_at(g, k->newest_first ? g->n - 1 - i : i);
		k->answer = k->fn(k->ud, &p);
	}
}

static int64_t points_take(void *ud, int64_t from_ns, int64_t last_ns, bool smallest, bool *stop)
{
	struct points *k = ud;
	int r = 0;
	gathered_reset(&k->gathered, smallest);
	for (uint32_t i = 0; i < k->wants.n && r >= 0; i++) {
		struct source_want want = k->wants.at[i];
		want.from_ns = from_ns;
		want.last_ns = last_ns;
		r = pass_run(k->from, &want, &(struct pass_to){ .point = point_keep, .ud = k });
	}
	if (r < 0)
		return r;
	gathered_sort(&k->gathered);
	gathered_give(k);
	*stop = k->answer != 0;
	return (int64_t)k->gathered.n;
}

static int in_pieces(struct points *k, int64_t from_ns, int64_t last_ns)
{
	int r = window_walk(&(struct window){ .from_ns = from_ns,
	                                      .last_ns = last_ns,
	                                      .newest_first = k->newest_first,
	                                      .few = 4096,
	                                      .take = points_take,
	                                      .ud = k });
	gathered_fini(&k->gathered);
	return r < 0 ? r : k->answer;
}

int query_points(const struct pass_from *from, const struct series *s, int64_t from_ns,
                 int64_t last_ns, query_point_fn fn, void *ud)
{
	struct points k = { .from = from, .fn = fn, .ud = ud };
	k.wants = query_wants(s, from_ns, last_ns);
	if (from_ns > last_ns || k.wants.n == 0)
		return 0;
	if (k.wants.n > 1)
		return in_pieces(&k, from_ns, last_ns);
	int r = pass_run(from, &k.wants.at[0], &(struct pass_to){ .point = point_give, .ud = &k });
	return k.answer ? k.answer : r;
}

int query_points_back(const struct pass_from *from, const struct series *s, int64_t from_ns,
                      int64_t last_ns, query_point_fn fn, void *ud)
{
	struct points k = { .from = from, .fn = fn, .ud = ud, .newest_first = true };
	k.wants = query_wants(s, from_ns, last_ns);
	return k.wants.n ? in_pieces(&k, from_ns, last_ns) : 0;
}

/* ---- raw */

struct raw {
	const struct series_query *q;
	uint64_t given;
	int user; /* what the callback answered */
};

static int raw_give(void *ud, const struct series_point *p)
{
	struct raw *raw = ud;
	raw->user = raw->q->point(raw->q->ud, p);
	return raw->user || ++raw->given == raw->q->limit;
}

static int raw_run(const struct pass_from *from, const struct series_query *q, int64_t first_ns,
                   int64_t last_ns)
{
	struct raw raw = { .q = q };
	int64_t begin = MAX(q->from_ns, first_ns);
	int64_t last = MIN(q->to_ns - 1, last_ns);
	int r = q->newest_first ? query_points_back(from, q->series, begin, last, raw_give, &raw)
	                        : query_points(from, q->series, begin, last, raw_give, &raw);
	return raw.user < 0 ? raw.user : r < 0 ? r : 0;
}

int query_run(const struct pass_from *from, const struct series_query *q, int64_t first_ns,
              int64_t last_ns)
{
	bool raw = !q->grid && !q->bucket_ns;
	if (q->bucket_ns < 0 || q->n_quantiles > SERIES_QUANTILES_MAX ||
	    (raw ? !q->point : !q->bucket))
		return -EINVAL;
	if (q->from_ns >= q->to_ns)
		return 0;
	return raw ? raw_run(from, q, first_ns, last_ns) : buckets_run(from, q, first_ns, last_ns);
}
