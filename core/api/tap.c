#include "api/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/describe.h"
#include "api/live.h"
#include "api/server.h"
#include "api/socket.h"
#include "base/own.h"
#include "base/ring.h"
#include "model/row.h"
#include "registry/registry.h"
#include "series/catalog.h"
#include "series/series.h"

#define RING_BYTES       (1U << 20)
#define TEXT_MAX         4096 /* of one live value; the rest is in the history */
#define POINTS_PER_FRAME 2000
#define POINTS_PER_TICK  100000 /* to all clients: the thread has other things to do */

struct tap {
	struct api *api;
	struct series_listener listener;
	struct ring *ring;
	struct marks wanted;       /* device numbers somebody watches */
	_Atomic uint32_t watchers; /* subscriptions */
	_Atomic uint32_t of_all;   /* those without a list of devices */
	_Atomic uint64_t lost;     /* points the ring or a tick had no room for */
	uint32_t told;             /* points written in this tick */
};

struct tap_row {
	uint32_t stream, n;
	int64_t ts_ns, rx_ns;
};

struct tap_value {
	uint8_t column, type, quality, pad;
	uint32_t len; /* bytes behind it, padded to 8 */
	uint64_t bits;
};

/* ---- process thread */

static uint32_t value_text(const struct row_value *v)
{
	return v->type == SB_T_STR || v->type == SB_T_BYTES
	               ? (uint32_t)MIN(v->v.blob.n, (size_t)TEXT_MAX)
	               : 0;
}

static size_t padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

static size_t row_size(const struct row *row)
{
	size_t n = sizeof(struct tap_row);

	for (uint16_t i = 0; i < row->n; i++)
		n += sizeof(struct tap_value) + padded(value_text(&row->values[i]));
	return n;
}

static void row_copy(uint8_t *p, const struct row *row)
{
	struct tap_row head = {
		.stream = row->stream,
		.n = row->n,
		.ts_ns = row->ts_ns,
		.rx_ns = row->rx_ns,
	};

	memcpy(p, &head, sizeof(head));
	p += sizeof(head);
	for (uint16_t i = 0; i < row->n; i++) {
		const struct row_value *v = &row->values[i];
		struct tap_value out = {
			.column = v->column,
			.type = v->type,
			.quality = v->quality,
			.len = value_text(v),
			.bits = v->v.u,
		};

		memcpy(p, &out, sizeof(out));
		p += sizeof(out);
		if (out.len)
			memcpy(p, v->v.blob.p, out.len);
		p += padded(out.len);
	}
}

static void on_row(void *ud, const struct row *row, uint64_t seq)
{
	struct tap *tap = ud;

	(void)seq;
	if (!atomic_load_explicit(&tap->watchers, memory_order_relaxed))
		return;
	if (!atomic_load_explicit(&tap->of_all, memory_order_relaxed) &&
	    !marks_has(&tap->wanted, catalog_stream_device(tap->api->config.catalog, row->stream)))
		return;
	size_t n = row_size(row);
	uint8_t *p = ring_reserve(tap->ring, n);

	if (!p) {
		atomic_fetch_add(&tap->lost, row->n);
		return;
	}
	row_copy(p, row);
	ring_commit(tap->ring, n);
}

static void on_turn(void *ud)
{
	struct tap *tap = ud;

	ring_publish(tap->ring); /* the api thread looks on its tick, nobody is to be woken */
}

/* ---- api thread */

int tap_new(struct tap **out, struct api *api)
{
	struct tap *tap = calloc(1, sizeof(*tap));

	if (!tap)
		return -ENOMEM;
	int r = ring_new(&tap->ring, RING_BYTES);

	if (r < 0) {
		free(tap);
		return r;
	}
	tap->api = api;
	tap->listener.row = on_row;
	tap->listener.turn = on_turn;
	tap->listener.ud = tap;
	series_db_listen(api->config.series, &tap->listener);
	*out = tap;
	return 0;
}

struct tap *tap_free(struct tap *tap)
{
	if (!tap)
		return NULL;
	ring_free(tap->ring);
	marks_fini(&tap->wanted);
	free(tap);
	return NULL;
}

static void forget_number(void *ud, uint32_t no)
{
	(void)ud;
	(void)no;
}

void tap_changed(struct tap *tap)
{
	uint32_t watchers = 0;
	uint32_t of_all = 0;

	marks_take(&tap->wanted, forget_number, NULL);
	for (const struct session *s = tap->api->first_session; s; s = s->next)
		for (const struct subscription *sub = s->subscriptions; sub; sub = sub->next) {
			watchers += sub->kind == LIVE_TELEMETRY;
			of_all += sub->kind == LIVE_TELEMETRY && sub->all;
			if (sub->kind == LIVE_TELEMETRY && !sub->all)
				marks_add(&tap->wanted, &sub->devices);
		}
	atomic_store(&tap->of_all, of_all);
	atomic_store(&tap->watchers, watchers);
}

static bool names_series(const struct subscription *sub, const struct series *s)
{
	if (!sub->names)
		return true;
	for (size_t i = 0; i < json_array_size(sub->names); i++) {
		const json_t *name = json_array_get(sub->names, i);

		if (json_string_length(name) == s->name.n &&
		    memcmp(json_string_value(name), s->name.p, s->name.n) == 0)
			return true;
	}
	return false;
}

/* How many points were written. */
static uint32_t point_give(struct subscription *sub, const struct device *dev,
                           const struct series *s, const struct series_point *p)
{
	struct wire *w = &sub->w;

	if (sub->points >= POINTS_PER_FRAME || session_is_slow(sub->session)) {
		sub->gap++;
		sub->session->api->counts.events_left_out++;
		return 0;
	}
	if (sub->points++ == 0) {
		live_begin(sub, "telemetry");
		wire_key(w, "points");
		wire_array(w);
	}
	wire_map(w);
	wire_key(w, "device");
	wire_text(w, dev->id);
	wire_key(w, "series");
	wire_str(w, s->name);
	describe_time(w, "ts", p->ts_ns);
	wire_key(w, "value");
	describe_point_value(w, p);
	if (p->quality) {
		wire_key(w, "quality");
		wire_u64(w, p->quality);
	}
	if (s->unit.n) {
		wire_key(w, "unit");
		wire_str(w, s->unit);
	}
	wire_map_end(w);
	return 1;
}

static void point_tell(struct tap *tap, const struct device *dev, const struct series *s,
                       const struct series_point *p)
{
	for (struct session *at = tap->api->first_session; at; at = at->next)
		for (struct subscription *sub = at->subscriptions; sub; sub = sub->next)
			if (sub->kind == LIVE_TELEMETRY &&
			    (sub->all || marks_has(&sub->devices, dev->no)) && names_series(sub, s))
				tap->told += point_give(sub, dev, s, p);
}

static void row_tell(struct tap *tap, const uint8_t *p)
{
	struct catalog *cat = tap->api->config.catalog;
	struct tap_row row;

	memcpy(&row, p, sizeof(row));
	p += sizeof(row);
	if (tap->told >= POINTS_PER_TICK) {
		atomic_fetch_add(&tap->lost, row.n);
		return;
	}
	const struct device *dev = registry_at(tap->api->config.registry,
	                                       catalog_stream_device(cat, row.stream));

	for (uint32_t i = 0; dev && i < row.n; i++) {
		struct series_point point = { .ts_ns = row.ts_ns, .rx_ns = row.rx_ns };
		struct tap_value v;

		memcpy(&v, p, sizeof(v));
		p += sizeof(v);
		point.type = v.type;
		point.quality = v.quality;
		if (v.type == SB_T_STR || v.type == SB_T_BYTES)
			point.v.blob = (struct sb_bytes){ p, v.len };
		else
			point.v.u = v.bits;
		p += padded(v.len);
		const struct series *s = catalog_at(cat, row.stream, v.column);

		if (s)
			point_tell(tap, dev, s, &point);
	}
}

/* Ends the frame that was begun, or tells of a gap alone once the client reads again. */
static void subscription_flush(struct subscription *sub, uint64_t lost)
{
	sub->gap += lost;
	if (sub->points == 0 && (sub->gap == 0 || session_is_slow(sub->session)))
		return;
	if (sub->points == 0) {
		live_begin(sub, "telemetry");
		wire_key(&sub->w, "points");
		wire_array(&sub->w);
	}
	wire_array_end(&sub->w);
	if (!live_end(sub))
		sub->gap += sub->points;
	sub->points = 0;
}

void tap_tick(struct tap *tap)
{
	uint64_t limit = ring_limit(tap->ring);
	uint64_t lost;
	const void *p;
	size_t n;

	tap->told = 0;
	while ((p = ring_next(tap->ring, limit, &n)))
		row_tell(tap, p);
	ring_release(tap->ring);
	lost = atomic_exchange(&tap->lost, 0);
	tap->api->counts.events_left_out += lost;
	for (struct session *s = tap->api->first_session; s; s = s->next)
		for (struct subscription *sub = s->subscriptions; sub; sub = sub->next)
			if (sub->kind == LIVE_TELEMETRY)
				subscription_flush(sub, lost);
}
