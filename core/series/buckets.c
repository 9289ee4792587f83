#include "series/buckets.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/own.h"
#include "series/bucket.h"
#include "series/catalog.h"
#include "series/numeric.h"
#include "series/pass.h"
#include "series/query.h"
#include "series/tierpass.h"
#include "series/window.h"

#define ENOUGH  1 /* stops: the limit is reached, or the callback said so */
#define GOES_ON (SERIES_INCREASE | SERIES_AREA | SERIES_STATES)
#define HOLDS   (SERIES_AREA | SERIES_STATES)
#define AT_ONCE 4096 /* buckets in memory, backwards */

/* Buckets are made forwards, always; asked for backwards, they are made piece by piece and each
 * piece turned round. */
struct buckets {
	const struct pass_from *from;
	const struct series_query *q;
	struct grid grid;
	int64_t first_ns; /* nothing lies before */
	int64_t hold_ns;  /* the last value holds until then */
	struct bucket bucket;
	uint64_t given;
	int user; /* what the callback answered */
	struct series_bucket *kept;
	uint32_t n_kept;
};

static int give(void *ud, const struct series_bucket *b)
{
	struct buckets *k = ud;
	k->given++;
	k->user = k->q->bucket(k->q->ud, b);
	return k->user || k->given == k->q->limit ? ENOUGH : 0;
}

static int keep(void *ud, const struct series_bucket *b)
{
	struct buckets *k = ud;
	if (k->n_kept == AT_ONCE)
		return -EOVERFLOW;
	k->kept[k->n_kept++] = *b;
	return 0;
}

/* ---- what is brought along from before */

struct carry {
	uint32_t want;
	bool has_number, has_held;
	struct series_point number, held;
	struct buffer text;
};

static int carry_take(void *ud, const struct series_point *p)
{
	struct carry *c = ud;
	double v;
	if (!c->has_held) {
		c->has_held = true;
		c->held = *p;
		if (column_is_blob(p->type)) {
			buffer_give(&c->text, p->v.blob.p, p->v.blob.n);
			c->held.v.blob.p = c->text.p;
		}
		if (c->text.bad)
			return -ENOMEM;
	}
	if (!c->has_number && numeric_of(p, &v) && isfinite(v)) {
		c->has_number = true;
		c->number = *p;
	}
	return c->has_number || !(c->want & SERIES_INCREASE) ? ENOUGH : 0;
}

static int carry_in(struct buckets *k, int64_t from_ns)
{
	struct carry c = { .want = k->q->want };
	int r = 0;
	if ((k->q->want & GOES_ON) && from_ns > k->first_ns)
		r = query_points_back(k->from, k->q->series, k->first_ns, from_ns - 1, carry_take,
		                      &c);
	if (r >= 0)
		r = bucket_carry(&k->bucket, c.has_number ? &c.number : NULL,
		                 c.has_held ? &c.held : NULL, from_ns);
	buffer_fini(&c.text);
	return r;
}

/* ---- a stretch of time, forwards */

static int on_point(void *ud, const struct series_point *p)
{
	return bucket_point(&((struct buckets *)ud)->bucket, p);
}

static int on_ranked(void *ud, const struct series_point *p, uint64_t rank)
{
	(void)rank;
	return on_point(ud, p);
}

static int on_summary(void *ud, const struct bucket_summary *s)
{
	return bucket_add(&((struct buckets *)ud)->bucket, s);
}

static int stretch(struct buckets *k, int64_t from_ns, int64_t last_ns)
{
	struct query_wants wants = query_wants(k->q->series, from_ns, last_ns);
	k->bucket.open = false;
	int r = carry_in(k, from_ns);
	if (r < 0)
		return r;
	if (wants.n == 1) {
		struct pass_to to = { .point = on_ranked,
			              .summary = on_summary,
			              .grid = &k->grid,
			              .want = k->q->want,
			              .ud = k };
		bool text = k->q->series->places[SB_T_STR].stream ||
		            k->q->series->places[SB_T_BYTES].stream;
		r = k->from->tiers && !text ? tierpass_run(k->from, &wants.at[0], &to)
		                            : pass_run(k->from, &wants.at[0], &to);
	} else {
		r = query_points(k->from, k->q->series, from_ns, last_ns, on_point, k);
	}
	int64_t end = last_ns == INT64_MAX ? last_ns : last_ns + 1;
	return r ? r : bucket_end_at(&k->bucket, MIN(end, k->hold_ns));
}

/* ---- backwards */

static int64_t piece(void *ud, int64_t from_ns, int64_t last_ns, bool smallest, bool *stop)
{
	struct buckets *k = ud;
	(void)smallest;
	k->n_kept = 0;
	int r = stretch(k, from_ns, last_ns);
	if (r < 0)
		return r;
	uint32_t n = k->n_kept;
	for (uint32_t i = n; i > 0 && !*stop; i--)
		*stop = give(k, &k->kept[i - 1]) != 0;
	return n;
}

/* Texts and states of a bucket live only until the next one. */
static uint64_t most_at_once(const struct series_query *q)
{
	bool texts = q->series->places[SB_T_STR].stream || q->series->places[SB_T_BYTES].stream;
	return texts || (q->want & SERIES_STATES) ? 1 : AT_ONCE / 4;
}

static int backwards(struct buckets *k, int64_t from_ns, int64_t last_ns)
{
	k->kept = malloc(AT_ONCE * sizeof(*k->kept));
	if (!k->kept)
		return -ENOMEM;
	k->bucket.fn = keep;
	int r = window_walk(&(struct window){ .from_ns = from_ns,
	                                      .last_ns = last_ns,
	                                      .grid = &k->grid,
	                                      .newest_first = true,
	                                      .few = 512,
	                                      .most = most_at_once(k->q),
	                                      .take = piece,
	                                      .ud = k });
	free(k->kept);
	return r;
}

/* ---- all of it */

static int newest_take(void *ud, const struct series_point *p)
{
	struct buckets *k = ud;
	k->hold_ns = MAX(k->hold_ns, p->ts_ns);
	return ENOUGH;
}

int buckets_run(const struct pass_from *from, const struct series_query *q, int64_t first_ns,
                int64_t last_ns)
{
	struct buckets k = { .from = from, .q = q, .first_ns = first_ns };
	int64_t now_ns = clock_utc();
	int r = 0;
	k.hold_ns = now_ns;
	k.grid = q->grid ? *q->grid : (struct grid){ .unit = GRID_NS, .n = q->bucket_ns };
	int64_t begin = MAX(q->from_ns, first_ns);
	int64_t last = MIN(q->to_ns - 1, last_ns);
	/* What holds does so behind the last value, too. */
	if (q->want & HOLDS)
		last = MIN(q->to_ns - 1, MAX(last_ns, now_ns - 1));
	if (begin > last || first_ns > last_ns)
		return 0;
	bucket_init(&k.bucket, 1, give, &k);
	k.bucket.grid = k.grid;
	k.bucket.want = q->want;
	k.bucket.quantiles = q->quantiles;
	k.bucket.n_quantiles = q->n_quantiles;
	k.bucket.from_ns = q->from_ns;
	k.bucket.last_ns = q->to_ns - 1;
	k.bucket.now_ns = now_ns;
	/* Among values of the future each holds until the next, whichever piece that is in. */
	if (q->newest_first && last_ns > now_ns)
		r = query_points_back(from, q->series, begin, last, newest_take, &k);
	if (r >= 0)
		r = q->newest_first ? backwards(&k, begin, last) : stretch(&k, begin, last);
	bucket_fini(&k.bucket);
	return k.user < 0 ? k.user : r < 0 ? r : 0;
}
