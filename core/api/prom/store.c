#include "api/prom/store.h"

#include <errno.h>

#include <signalbox/services.h>

#include "api/prom/naming.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "registry/registry.h"
#include "series/catalog.h"
#include "series/series.h"

#define MS_MAX (INT64_MAX / NS_PER_MS - 1)

static int64_t ns_of(int64_t ms)
{
	return MAX(-MS_MAX, MIN(ms, MS_MAX)) * NS_PER_MS;
}

/* ---- which series */

struct choice {
	struct store *store;
	struct arena *arena;
	const struct node *selector;
	int64_t from_ns;
	int (*found)(void *ud, const struct labels *labels, void *series);
	void *found_ud;
};

static bool is_stopped(const struct promql_limits *limits)
{
	return (limits->cancelled && *limits->cancelled) || clock_mono() >= limits->until_ns;
}

static int on_any(void *ud, const struct series_point *p)
{
	(void)p;
	*(bool *)ud = true;
	return 1;
}

/* Nothing that new is there. After a start the newest value in memory may not be the newest of
 * all, so that storage has the last word. */
static bool has_ended(const struct choice *c, struct series *s)
{
	struct series_latest latest;
	bool some = false;
	const struct series_query q = { .series = s,
		                        .from_ns = c->from_ns,
		                        .to_ns = INT64_MAX,
		                        .limit = 1,
		                        .point = on_any,
		                        .ud = &some };

	if (!c->store->skips_ended)
		return false;
	series_db_latest(c->store->series, s, &latest);
	if (latest.type == SB_T_NULL || latest.ts_ns >= c->from_ns)
		return false;
	return series_view_query(c->store->view, &q) == 0 && !some;
}

static int device_select(struct choice *c, const struct device *dev)
{
	struct naming_device names;
	int r = 0;

	if (!dev->series || !series_set_count(dev->series))
		return 0;
	naming_device(&names, c->store->registry, dev);
	if (!naming_device_matches(&names, c->selector))
		return 0;
	for (struct series *s = series_set_first(dev->series); s && r == 0; s = s->next_of_device) {
		if (!naming_is_numeric(s))
			continue;
		if (is_stopped(c->store->limits)) /* expressions may be slow */
			return -ECANCELED;
		const struct labels *labels = naming_labels(&names, s, c->selector, c->arena);

		if (c->arena->full)
			return -ENOMEM;
		if (labels && !has_ended(c, s))
			r = c->found(c->found_ud, labels, s);
	}
	return r;
}

/* The one device that is asked for; p NULL: there may be several. */
static struct sb_str only_device(const struct node *selector)
{
	for (uint32_t i = 0; i < selector->n_matchers; i++)
		if (selector->matchers[i].kind == MATCHER_EQUAL &&
		    text_is(selector->matchers[i].name, "device") && selector->matchers[i].value.n)
			return selector->matchers[i].value;
	return sb_str_of(NULL, 0);
}

int store_select(void *ud, struct arena *a, const struct node *selector, const int64_t ms[2],
                 int (*found)(void *ud, const struct labels *labels, void *series), void *found_ud)
{
	struct choice c = { ud, a, selector, ns_of(ms[0]), found, found_ud };
	struct sb_str only = only_device(selector);
	struct device *dev;
	uint32_t no = 0;
	int r = 0;

	if (only.p)
		return registry_find(c.store->registry, only, &dev) == 0 ? device_select(&c, dev)
		                                                         : 0;
	while (r == 0 && (dev = registry_next(c.store->registry, &no)))
		r = is_stopped(c.store->limits) ? -ECANCELED : device_select(&c, dev);
	return r;
}

/* ---- their samples */

struct reading {
	struct store *store;
	int (*sample)(void *ud, int64_t ms, double v);
	void *ud;
	bool enough; /* sample() said so */
};

#define DAY_NS    (24 * 3600 * NS_PER_S)
#define MINUTE_NS (60 * NS_PER_S)

static bool number_of(const struct series_point *p, double *v)
{
	switch (p->type) {
	case SB_T_BOOL:
		*v = p->v.i != 0;
		return true;
	case SB_T_I64:
		*v = (double)p->v.i;
		return true;
	case SB_T_U64:
		*v = (double)p->v.u;
		return true;
	case SB_T_F64:
		*v = p->v.f;
		return true;
	default:
		return false;
	}
}

static int on_point(void *ud, const struct series_point *p)
{
	struct reading *rd = ud;
	int64_t ms = p->ts_ns / NS_PER_MS - (p->ts_ns % NS_PER_MS < 0);
	double v;

	if (number_of(p, &v))
		rd->enough = rd->sample(rd->ud, ms, v) != 0;
	return rd->enough;
}

/* What the tiers still know of values as they were: the first and the last of each stretch. */
static int on_bucket(void *ud, const struct series_bucket *b)
{
	struct reading *rd = ud;

	if (b->count && on_point(rd, &b->first))
		return 1;
	return b->count > 1 && b->last.ts_ns > b->first.ts_ns ? on_point(rd, &b->last) : 0;
}

/* Tiers answer for whole days. */
static int64_t raw_from(const struct store *store)
{
	int64_t gone_ns = series_view_raw_from(store->view);

	if (gone_ns < 0 || gone_ns > INT64_MAX - DAY_NS)
		return gone_ns;
	return (gone_ns + DAY_NS - 1) / DAY_NS * DAY_NS;
}

static bool on_stop(void *ud)
{
	return is_stopped(((struct reading *)ud)->store->limits);
}

static int store_read(void *ud, void *series, const int64_t ms[2],
                      int (*sample)(void *ud, int64_t ms, double v), void *sample_ud)
{
	struct store *store = ud;
	struct reading rd = { store, sample, sample_ud, false };
	struct series_query q = { .series = series,
		                  .from_ns = ns_of(ms[0]),
		                  .to_ns = ns_of(ms[1] + 1),
		                  .stop = on_stop,
		                  .ud = &rd };
	int64_t to_ns = q.to_ns;
	int64_t raw_ns = raw_from(store);
	int r = 0;

	if (q.from_ns < raw_ns) {
		q.to_ns = MIN(to_ns, raw_ns);
		q.bucket_ns = MINUTE_NS;
		q.bucket = on_bucket;
		r = series_view_query(store->view, &q);
		q.from_ns = q.to_ns;
		q.to_ns = to_ns;
		q.bucket_ns = 0;
	}
	q.point = on_point;
	if (r >= 0 && !rd.enough && q.from_ns < q.to_ns)
		r = series_view_query(store->view, &q);
	return r < 0 ? r : 0;
}

static void store_ahead(void *ud, void *const *series, uint32_t n, const int64_t ms[2])
{
	struct store *store = ud;
	struct reading rd = { .store = store };
	struct series *list[PROMQL_AHEAD];

	for (uint32_t i = 0; i < n; i++)
		list[i] = series[i];
	series_view_fetch(store->view, list, n, ns_of(ms[0]), ns_of(ms[1] + 1), on_stop, &rd);
}

int store_open(struct store *store, struct registry *reg, struct series_db *db,
               const struct promql_limits *limits)
{
	*store = (struct store){ .registry = reg, .series = db, .limits = limits };
	store->source = (struct promql_source){ store_select, store_read, store_ahead, store };
	return series_view_open(db, &store->view);
}

void store_close(struct store *store)
{
	series_view_close(store->view);
	store->view = NULL;
}
