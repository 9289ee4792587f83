/* telemetry.query: the past of series, raw or in buckets. */
#include <stdio.h>
#include <string.h>

#include <signalbox/services.h>

#include "api/describe.h"
#include "api/methods/named.h"
#include "api/rpc.h"
#include "api/server.h"
#include "base/clock.h"
#include "methods.gen.h"
#include "registry/registry.h"
#include "series/catalog.h"
#include "series/series.h"

#define DAY_NS  (24 * 3600 * NS_PER_S)
#define LONG_NS (20 * NS_PER_S) /* of one call: others wait for the same threads */

struct history {
	struct call *c;
	struct series_query query;
	uint64_t limit, n;
	int64_t until_ns; /* monotonic */
	bool truncated, late;
};

static bool is_late(struct history *h)
{
	h->late = h->late || clock_mono() >= h->until_ns;
	return h->late;
}

/* Stops the query: enough, the client is gone, the answer is full, or it takes too long. */
static bool is_over(struct history *h)
{
	h->truncated = h->n >= h->limit;
	return h->truncated || h->c->cancelled || h->c->out.bad || (h->n % 256 == 0 && is_late(h));
}

static int point_give(void *ud, const struct series_point *p)
{
	struct history *h = ud;
	struct wire *w = &h->c->result;

	if (is_over(h))
		return 1;
	h->n++;
	wire_array(w);
	describe_ns(w, p->ts_ns);
	describe_point_value(w, p);
	if (p->quality || p->flags)
		wire_u64(w, p->quality);
	if (p->flags)
		wire_u64(w, p->flags);
	wire_array_end(w);
	return 0;
}

static int bucket_give(void *ud, const struct series_bucket *b)
{
	struct history *h = ud;
	struct wire *w = &h->c->result;
	bool number = b->first.type == SB_T_I64 || b->first.type == SB_T_U64 ||
	              b->first.type == SB_T_F64;

	if (b->count == 0)
		return 0;
	if (is_over(h))
		return 1;
	h->n++;
	wire_array(w);
	describe_ns(w, b->t_ns);
	wire_u64(w, b->count);
	if (number) {
		wire_f64(w, b->min);
		wire_f64(w, b->max);
		wire_f64(w, b->sum / (double)b->count);
	} else {
		for (int i = 0; i < 3; i++)
			wire_null(w);
	}
	describe_point_value(w, &b->first);
	describe_point_value(w, &b->last);
	wire_array_end(w);
	return 0;
}

static int history_give(struct history *h, const struct device *dev, struct series *s)
{
	struct wire *w = &h->c->result;

	h->n = 0;
	h->truncated = false;
	h->query.series = s;
	wire_map(w);
	wire_key(w, "device");
	wire_text(w, dev->id);
	wire_key(w, "name");
	wire_str(w, s->name);
	wire_key(w, "unit");
	wire_str(w, s->unit);
	wire_key(w, h->query.bucket_ns ? "buckets" : "points");
	wire_array(w);
	int r = series_db_query(h->c->api->config.series, &h->query);

	wire_array_end(w);
	if (h->truncated) {
		wire_key(w, "truncated");
		wire_bool(w, true);
	}
	wire_map_end(w);
	return r < 0 ? r : 0;
}

static int64_t time_of(const struct call *c, const char *key, int64_t fallback)
{
	const json_t *value = json_object_get(c->params, key);

	return json_is_number(value) ? describe_ms_to_ns(json_number_value(value)) : fallback;
}

static int history_take(struct call *c, struct history *h)
{
	struct sb_str order = call_str(c, "order");
	int64_t now_ns = clock_utc();

	h->c = c;
	h->limit = (uint64_t)call_int(c, "limit", 10000);
	h->until_ns = clock_mono() + LONG_NS;
	h->query = (struct series_query){
		.to_ns = time_of(c, "to", now_ns + NS_PER_MS),
		.bucket_ns = time_of(c, "bucket", 0),
		.limit = h->limit + 1, /* one more tells whether there is more */
		.newest_first = order.n == 4,
		.point = point_give,
		.bucket = bucket_give,
		.ud = h,
	};
	h->query.from_ns = time_of(c, "from", h->query.to_ns - DAY_NS);
	if (h->query.from_ns > h->query.to_ns)
		return call_refuse(c, RPC_INVALID_PARAMS, "/from", "must not be behind to");
	if (h->query.bucket_ns && h->query.bucket_ns < NS_PER_MS)
		return call_refuse_with(c, RPC_INVALID_PARAMS, "/bucket", "1 ms",
		                        "a wider bucket, or raw");
	return 0;
}

/* Every name asked for must exist; without names, all series of the device. */
static int names_check(struct call *c, const struct device *dev)
{
	const json_t *names = json_object_get(c->params, "series");
	char pointer[40];

	for (size_t i = 0; i < json_array_size(names); i++) {
		struct series *s = NULL;
		int r = dev->series ? series_set_resolve(dev->series,
		                                         named_text(json_array_get(names, i)),
		                                         SB_STR(""), false, 0, &s)
		                    : SB_E_NOT_FOUND;

		snprintf(pointer, sizeof(pointer), "/series/%zu", i);
		if (r < 0)
			return call_refuse(c, RPC_NOT_FOUND, pointer,
			                   "the device has no such series");
	}
	return 0;
}

int telemetry_query_call(struct call *c)
{
	const json_t *names = json_object_get(c->params, "series");
	struct history h = { 0 };
	struct device *dev;
	int r = registry_find(c->api->config.registry, call_str(c, "device"), &dev);

	r = call_fault(c, r == SB_E_NAME ? SB_E_UNKNOWN_DEVICE : r, "/device");
	if (r == 0)
		r = names_check(c, dev);
	if (r == 0)
		r = history_take(c, &h);
	if (r)
		return r;
	wire_map(&c->result);
	wire_key(&c->result, "series");
	wire_array(&c->result);
	struct series *s = dev->series ? series_set_first(dev->series) : NULL;

	for (; s && r == 0 && !c->cancelled && !c->out.bad && !is_late(&h); s = s->next_of_device)
		if (named_is(names, s))
			r = history_give(&h, dev, s);
	wire_array_end(&c->result);
	wire_map_end(&c->result);
	if (r == 0 && h.late)
		return call_refuse_with(c, RPC_TOO_LARGE, NULL, "20 s for one answer",
		                        "ask for less: a shorter time, fewer series, buckets");
	return r;
}
