/* storage.*: what is on the disk, and for how long there is room. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "api/describe.h"
#include "api/rpc.h"
#include "api/server.h"
#include "base/clock.h"
#include "base/own.h"
#include "methods.gen.h"
#include "registry/registry.h"
#include "series/series.h"

#define RECENT_DAYS 7

/* ---- by device */

struct tally {
	struct call *call;
	uint64_t *bytes; /* by device number; [0]: of nobody any more */
	uint32_t cap;
};

static int count(void *ud, uint32_t device_no, uint64_t bytes)
{
	struct tally *t = ud;

	t->bytes[device_no < t->cap ? device_no : 0] += bytes;
	return t->call->cancelled ? -ECANCELED : 0;
}

static uint32_t largest(const struct tally *t)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < t->cap; i++)
		if (t->bytes[i] > (best ? t->bytes[best] : 0))
			best = i;
	return best;
}

static int give_devices(struct call *c, uint32_t most)
{
	const struct registry *reg = c->api->config.registry;
	uint32_t last = 0;
	while (registry_next(reg, &last))
		;
	uint32_t cap = last + 1;
	_own_(freep) uint64_t *bytes = calloc(cap, sizeof(*bytes));
	struct tally tally = { .call = c, .bytes = bytes, .cap = cap };
	const struct series_usage_reader reader = { .chunk = count, .ud = &tally };

	if (!bytes)
		return -ENOMEM;
	int r = series_db_usage_devices(c->api->config.series, &reader);
	if (r < 0)
		return r;
	wire_key(&c->result, "devices");
	wire_array(&c->result);
	for (uint32_t no; most > 0 && (no = largest(&tally)) != 0; most--) {
		const struct device *dev = registry_at(reg, no);
		if (dev) {
			wire_map(&c->result);
			wire_key_text(&c->result, "id", dev->id);
			wire_key_u64(&c->result, "bytes", bytes[no]);
			wire_map_end(&c->result);
		}
		bytes[no] = 0;
	}
	wire_array_end(&c->result);
	return 0;
}

/* ---- all of it */

static void give_classes(struct wire *w, const struct series_usage *u)
{
	wire_key(w, "classes");
	wire_array(w);
	for (uint32_t i = 0; i < u->n; i++) {
		const struct series_usage_class *k = &u->classes[i];

		wire_map(w);
		wire_key_text(w, "name", k->name);
		wire_key_u64(w, "blocks", k->blocks);
		wire_key_u64(w, "bytes", k->bytes);
		wire_key_u64(w, "rows", k->rows);
		describe_time(w, "from", k->t_min_ns);
		describe_time(w, "to", k->t_max_ns);
		wire_map_end(w);
	}
	wire_array_end(w);
}

/* Values of the last week, or of as long as there are any, make the pace; what retention will give
 * back is not counted, so the day may come later than it says. */
static void give_outlook(struct wire *w, const struct series_usage *u, const struct series_space *s)
{
	int64_t now = clock_utc();
	int64_t first = now;

	for (uint32_t i = 0; i < u->n; i++)
		first = MIN(first, u->classes[i].t_min_ns);
	double days = (double)(now - first) / (86400.0 * NS_PER_S);
	days = days < 1 ? 1 : days > RECENT_DAYS ? RECENT_DAYS : days;
	double pace = (double)u->bytes_recent / days;
	uint64_t room = s->free > s->low_water ? s->free - s->low_water : 0;

	wire_key(w, "growth_per_day");
	wire_f64(w, pace);
	if (pace < 1)
		return;
	wire_key(w, "days_left");
	wire_f64(w, (double)room / pace);
}

int storage_usage_call(struct call *c)
{
	struct series_space space;
	_own_(freep) struct series_usage *u = malloc(sizeof(*u));
	int64_t devices = call_int(c, "devices", 0);

	if (!u)
		return -ENOMEM;
	int r = series_db_usage(c->api->config.series, clock_utc() - RECENT_DAYS * 86400 * NS_PER_S,
	                        u);
	if (r == -EOPNOTSUPP)
		return call_refuse(c, RPC_UNAVAILABLE, NULL,
		                   "the plugin that stores values does not tell");
	if (r < 0)
		return r;
	series_db_space(c->api->config.series, &space);
	wire_map(&c->result);
	wire_key_u64(&c->result, "bytes", u->bytes);
	wire_key_u64(&c->result, "bytes_free", space.free);
	wire_key_u64(&c->result, "bytes_total", space.total);
	wire_key_u64(&c->result, "low_water", space.low_water);
	give_outlook(&c->result, u, &space);
	give_classes(&c->result, u);
	if (devices)
		r = give_devices(c, (uint32_t)devices);
	wire_map_end(&c->result);
	if (r == -ECANCELED)
		return call_refuse(c, RPC_CANCELLED, NULL, NULL);
	return r;
}
