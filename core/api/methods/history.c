/* telemetry.query: the past of series, raw or in buckets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/services.h>

#include "api/aggregate.h"
#include "api/describe.h"
#include "api/methods/chosen.h"
#include "api/position.h"
#include "api/rpc.h"
#include "api/select.h"
#include "api/server.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "methods.gen.h"
#include "registry/registry.h"
#include "series/catalog.h"
#include "series/kind.h"
#include "series/series.h"

#define DAY_NS      (24 * 3600 * NS_PER_S)
#define LONG_NS     (20 * NS_PER_S) /* of one call: others wait for the same threads */
#define SLICE_NS    (2 * NS_PER_S)  /* of one page, if there is anything in it */
#define PAGE_VALUES 100000
#define PAGE_BYTES  (4u << 20)
#define GROUP_MAX   256 /* series whose blocks are read at once */

struct history {
	struct call *c;
	struct series_query query;
	struct aggregates aggregates;
	uint8_t kind;   /* of the series */
	uint64_t empty; /* buckets that were left out */
	struct series_view *view;
	struct select select;
	uint64_t limit, n; /* of the series: allowed, given so far */
	int64_t begun_ns;  /* monotonic */
	bool truncated, late;
	/* pages */
	bool paged, many;     /* many: series without values are left out */
	uint64_t page, total; /* values in this answer */
	bool full, moved;     /* moved: a series was finished */
	uint64_t question;
	struct position at; /* where it would go on */
	uint32_t skip;      /* values at at.ts_ns that were given before */
	struct device *devices[GROUP_MAX];
	struct series *series[GROUP_MAX];
	uint32_t group;
};

static bool is_late(struct history *h)
{
	int64_t most_ns = h->paged && (h->moved || h->total) ? SLICE_NS : LONG_NS;

	h->late = h->late || clock_mono() - h->begun_ns >= most_ns;
	return h->late;
}

/* Stops the query: enough, the client is gone, the answer is full, or it takes too long. */
static bool is_over(struct history *h)
{
	h->truncated = h->n >= h->limit;
	if (h->truncated || h->c->cancelled || h->c->out.bad)
		return true;
	h->full = h->paged && (h->total >= h->page || h->c->out.n > PAGE_BYTES);
	return h->full || (h->total % 256 == 0 && is_late(h));
}

/* Asked for each chunk. */
static bool is_stopped(void *ud)
{
	struct history *h = ud;

	return h->c->cancelled || is_late(h);
}

enum { GIVE, STOP, LEAVE_OUT };

/* Before each point or bucket. */
static int admit(struct history *h, int64_t ts_ns)
{
	if (h->skip && ts_ns == h->at.ts_ns) {
		h->skip--;
		return LEAVE_OUT;
	}
	h->skip = 0;
	if (is_over(h))
		return STOP;
	h->at.skip = h->at.inside && ts_ns == h->at.ts_ns ? h->at.skip + 1 : 1;
	h->at.ts_ns = ts_ns;
	h->at.inside = true;
	h->n++;
	h->total++;
	return GIVE;
}

static int point_give(void *ud, const struct series_point *p)
{
	struct history *h = ud;
	struct wire *w = &h->c->result;
	int answer = admit(h, p->ts_ns);

	if (answer != GIVE)
		return answer == STOP;
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

	if (aggregate_is_empty(&h->aggregates, b))
		return ++h->empty % 256 == 0 && (h->c->cancelled || is_late(h));
	int answer = admit(h, b->t_ns);

	if (answer != GIVE)
		return answer == STOP;
	aggregate_give(&h->aggregates, h->kind, b, &h->c->result);
	return 0;
}

/* ---- one series */

/* Where it goes on: behind what an answer before gave of this series. False: there is no more. */
static bool range_take(struct history *h)
{
	const struct position *at = &h->at;

	h->query.from_ns = at->from_ns;
	h->query.to_ns = at->to_ns;
	h->skip = 0;
	if (!at->inside)
		return true;
	h->skip = at->skip;
	if (!h->query.newest_first) {
		h->query.from_ns = MAX(at->from_ns, at->ts_ns);
	} else if (h->aggregates.buckets) {
		h->query.to_ns = MIN(at->to_ns, at->ts_ns); /* the begin of the bucket */
		h->skip = 0;
	} else if (at->ts_ns < INT64_MAX) {
		h->query.to_ns = MIN(at->to_ns, at->ts_ns + 1);
	}
	return h->query.from_ns < h->query.to_ns;
}

/* Asked for by its name, not because it is one of many. */
static bool is_named(const struct history *h, const struct series *s)
{
	for (uint32_t i = 0; i < h->select.n_names; i++)
		if (text_equal(h->select.names[i], s->name))
			return true;
	return false;
}

/* 1: what is asked for fits; 0: it does not, which stands in the answer; or refused. */
static int fit(struct history *h, const struct series *s)
{
	int unfit = aggregate_unfit(&h->aggregates, h->kind);
	char why[200];
	char remedy[300];
	char name[80];

	if (unfit < 0)
		return 1;
	aggregate_why((enum aggregate)unfit, h->kind, why, sizeof(why));
	if (is_named(h, s) && !h->many) {
		snprintf(remedy, sizeof(remedy), "%s: %s", text_show(name, sizeof(name), s->name),
		         why);
		return call_refuse(h->c, RPC_INVALID_PARAMS, "/aggregate", remedy);
	}
	wire_key(&h->c->result, "unfit");
	wire_text(&h->c->result, why);
	return 0;
}

static int values_give(struct history *h, const struct series *s)
{
	struct wire *w = &h->c->result;
	int r = h->aggregates.buckets ? fit(h, s) : 1;

	if (r > 0 && h->aggregates.asked) {
		wire_key(w, "columns");
		aggregate_columns(&h->aggregates, w);
	}
	wire_key(w, h->aggregates.buckets ? "buckets" : "points");
	wire_array(w);
	if (r > 0 && range_take(h)) {
		h->query.limit = h->limit - h->n + h->skip + 1; /* one more tells of more */
		if (h->aggregates.buckets)
			aggregate_ask(&h->aggregates, h->kind, &h->query);
		r = series_view_query(h->view, &h->query);
	}
	wire_array_end(w);
	return r;
}

static int series_give(struct history *h, const struct device *dev, struct series *s)
{
	struct wire *w = &h->c->result;
	struct wire before = *w;
	size_t n = w->out->n;
	uint64_t total = h->total;

	h->n = h->at.given;
	h->truncated = false;
	h->query.series = s;
	wire_map(w);
	wire_key(w, "device");
	wire_text(w, dev->id);
	wire_key(w, "name");
	wire_str(w, s->name);
	wire_key(w, "unit");
	wire_str(w, s->unit);
	wire_key(w, "kind");
	h->kind = kind_of(s);
	wire_text(w, kind_name(h->kind));
	int r = values_give(h, s);

	if (h->truncated) {
		wire_key(w, "truncated");
		wire_bool(w, true);
	}
	wire_map_end(w);
	if (h->many && h->total == total) { /* nothing in it */
		*w = before;
		w->out->n = n;
	}
	h->at.given = h->n;
	return r == -ECANCELED ? 0 : MIN(r, 0);
}

/* ---- many of them */

/* The next few series, and what the blocks have of them. */
static int group_take(struct history *h, uint32_t most)
{
	int r = 1;

	h->group = 0;
	while (h->group < most && r > 0) {
		r = select_next(&h->select, &h->devices[h->group], &h->series[h->group]);
		h->group += r > 0;
	}
	if (r >= 0 && h->group > 1 && h->at.from_ns < h->at.to_ns)
		series_view_fetch(h->view, h->series, h->group, h->at.from_ns, h->at.to_ns,
		                  is_stopped, h);
	return r < 0 ? r : 0;
}

static bool is_ended(const struct history *h)
{
	return h->full || h->late || h->c->cancelled || h->c->out.bad;
}

static int group_give(struct history *h)
{
	int r = 0;

	for (uint32_t i = 0; i < h->group && r == 0 && !is_ended(h); i++) {
		const struct device *dev = h->devices[i];
		struct series *s = h->series[i];

		if (dev->no != h->at.device_no || s->no != h->at.series_no)
			h->at.inside = false;
		if (!h->at.inside)
			h->at.given = 0;
		h->at.device_no = dev->no;
		h->at.series_no = s->no;
		r = series_give(h, dev, s);
		if (is_ended(h))
			break;
		h->moved = true;
		h->at.series_no++;
		h->at.inside = false;
		h->full = h->paged && (h->total >= h->page || h->c->out.n > PAGE_BYTES);
		(void)is_late(h);
	}
	return r;
}

/* 1: there is more. */
static int history_give(struct history *h)
{
	int r = 0;

	select_seek(&h->select, h->at.device_no, h->at.series_no);
	for (uint32_t most = 16; r == 0 && !is_ended(h);
	     most = MIN(2 * most, (uint32_t)GROUP_MAX)) {
		r = group_take(h, most);
		if (r == 0 && h->group == 0)
			return 0;
		if (r == 0)
			r = group_give(h);
	}
	return r < 0 ? r : 1;
}

/* ---- the question */

static int history_take(struct call *c, struct history *h)
{
	struct sb_str order = call_str(c, "order");

	h->c = c;
	h->many = call_str(c, "device").p == NULL;
	h->paged = h->many || json_object_get(c->params, "page") || call_str(c, "cursor").p;
	h->page = (uint64_t)call_int(c, "page", PAGE_VALUES);
	h->limit = (uint64_t)call_int(c, "limit", h->paged ? INT64_MAX : 10000);
	h->begun_ns = clock_mono();
	h->query = (struct series_query){
		.newest_first = order.n == 4,
		.point = point_give,
		.bucket = bucket_give,
		.stop = is_stopped,
		.ud = h,
	};
	int r = aggregate_take(c, &h->aggregates);

	h->question = position_question(c->params);
	return r ? r : chosen_range(c, DAY_NS, h->question, &h->at);
}

/* Where something of it may be missing, because it is damaged. */
static void gaps_give(struct history *h)
{
	struct series_gap gaps[16];
	struct series_damage d;
	struct wire *w = &h->c->result;
	uint32_t n = 0;

	series_db_damage(h->c->api->config.series, h->at.from_ns, h->at.to_ns, gaps,
	                 ARRAY_LEN(gaps), &d);
	for (uint32_t i = 0; i < d.n_gaps; i++) {
		if (!h->many && gaps[i].device_no && h->devices[0] &&
		    gaps[i].device_no != h->devices[0]->no)
			continue;
		if (n++ == 0) {
			wire_key(w, "damaged");
			wire_array(w);
		}
		wire_array(w);
		describe_ns(w, gaps[i].t_min_ns);
		describe_ns(w, gaps[i].t_max_ns);
		wire_array_end(w);
	}
	if (n)
		wire_array_end(w);
}

int telemetry_query_call(struct call *c)
{
	char cursor[POSITION_TEXT];
	_own_(freep) struct history *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	int r = chosen_take(c, &h->select, CHOSEN_ALL);

	if (r == 0)
		r = history_take(c, h);
	if (r == 0)
		r = series_view_open(c->api->config.series, &h->view);
	if (r == 0) {
		wire_map(&c->result);
		wire_key(&c->result, "series");
		wire_array(&c->result);
		r = history_give(h);
		wire_array_end(&c->result);
		if (r > 0 && h->paged) {
			position_give(cursor, &h->at, h->question);
			wire_key(&c->result, "cursor");
			wire_text(&c->result, cursor);
		}
		gaps_give(h);
		wire_map_end(&c->result);
	}
	h->view = series_view_close(h->view);
	select_fini(&h->select);
	aggregate_fini(&h->aggregates);
	if (r < 0 || c->error.code)
		return r;
	if (c->cancelled)
		return call_refuse(c, RPC_CANCELLED, NULL, "the client took it back");
	if (h->late && (!h->paged || (!h->moved && !h->total)))
		return call_refuse_with(c, RPC_TOO_LARGE, NULL, "20 s for one answer",
		                        "ask for less: a shorter time, fewer series, buckets");
	return 0;
}
