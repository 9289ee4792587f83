#include "ingest/rows.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "ingest/admit.h"
#include "ingest/producer.h"
#include "ingest/recent.h"
#include "ingest/stamp.h"
#include "ingest/state.h"
#include "registry/registry.h"
#include "series/catalog.h"

#define TELL_EVERY_NS (500 * NS_PER_MS)

struct work { /* one call */
	struct producer *p;
	struct device *dev;
	struct state_device *own;
	const struct sb_batch *batch;
	int64_t rx_ns;
	struct rows_result *out;
	int reason; /* why the last point was rejected */
};

size_t rows_bound(uint32_t points, uint32_t blob_bytes)
{
	return (size_t)points * (PRODUCER_ROW_HEAD + PRODUCER_ROW_VALUE) + blob_bytes;
}

static void reject(struct work *w, uint32_t n, int r)
{
	w->out->rejected += n;
	w->reason = r;
}

/* ---- points */
static int check_blob(const struct sb_batch *b, const struct sb_point *pt)
{
	uint32_t off = pt->v.blob.off;
	uint32_t len = pt->v.blob.len;
	if (off > b->blob_len || len > b->blob_len - off || len > ROW_TEXT_MAX)
		return SB_E_RANGE;
	if (pt->type == SB_T_STR && !text_is_utf8(sb_str_of((const char *)b->blob + off, len)))
		return SB_E_MALFORMED;
	return 0;
}

static int check_point(const struct work *w, struct sb_point *pt, struct series **out)
{
	struct series *s = catalog_series(w->p->ingest->config.catalog, pt->series);
	if (!s || s->device_no != w->dev->no)
		return SB_E_STALE;
	*out = s;
	switch (pt->type) {
	case SB_T_BOOL:
		pt->v.i = pt->v.i != 0;
		return 0;
	case SB_T_I64:
	case SB_T_U64:
		return 0;
	case SB_T_F64:
		/* Not a measurement, but what the device said: kept, and marked. */
		if (!isfinite(pt->v.f) && (pt->quality & SB_Q_CLASS) == SB_Q_GOOD)
			pt->quality = SB_Q_BAD;
		return 0;
	case SB_T_STR:
	case SB_T_BYTES:
		return check_blob(w->batch, pt);
	default:
		return SB_E_TYPE;
	}
}

static int slots_room(struct producer *p, uint32_t n)
{
	if (n <= p->slots_cap)
		return 0;
	uint32_t cap = MAX(n, 2 * p->slots_cap);
	struct state_slot *more = realloc(p->slots, cap * sizeof(*more));
	if (!more)
		return -ENOMEM;
	p->slots = more;
	p->slots_cap = cap;
	return 0;
}

/* Series that were never stored with this type get their columns, together. */
static void place_new(struct work *w, struct state_slot *slots, uint32_t n)
{
	_own_(freep) struct series **series = malloc(n * sizeof(struct series *));
	_own_(freep) uint8_t *types = malloc(n);
	int r = series && types ? 0 : -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		series[i] = slots[i].series;
		types[i] = slots[i].type;
	}
	if (r == 0)
		r = catalog_place(w->p->ingest->config.catalog, series, types, n);
	if (r < 0)
		w->reason = r; /* those still without a place are rejected */
}

static inline bool find_place(struct state_slot *slot)
{
	const struct series_place *place = &slot->series->places[slot->type];
	slot->stream = atomic_load_explicit(&place->stream, memory_order_acquire);
	if (slot->stream)
		slot->column = place->column;
	return slot->stream != 0;
}

/* ---- rows */
static void set_value(const struct work *w, struct row_value *to, const struct state_slot *slot)
{
	const struct sb_point *pt = &w->batch->points[slot->point];
	to->column = slot->column;
	to->type = slot->type;
	to->quality = pt->quality;
	if (slot->type == SB_T_STR || slot->type == SB_T_BYTES)
		to->v.blob = (struct sb_bytes){ w->batch->blob + pt->v.blob.off, pt->v.blob.len };
	else
		to->v.u = pt->v.u;
}

static int give_row(struct work *w, struct row *row)
{
	bool late = row->ts_ns < w->dev->hot.newest_ts_ns;
	struct recent *recent = table_at(&w->p->ingest->streams, row->stream);
	uint32_t epoch = atomic_load_explicit(&w->p->ingest->epoch, memory_order_relaxed);
	if (recent && recent_seen(recent, row, epoch, w->p)) {
		w->out->duplicate += row->n;
		w->out->leans = true;
		return 0;
	}
	row->flags = late ? row->flags | SB_P_LATE : row->flags;
	int r = producer_give(w->p, row);
	if (r < 0 && recent)
		recent_forget(recent);
	if (r == SB_E_RANGE) {
		reject(w, row->n, r);
		return 0;
	}
	if (r < 0)
		return r;
	w->out->stored += row->n;
	w->out->late += late ? row->n : 0;
	return 0;
}

/* One row of all slots of the first one's stream; the others stay. */
static int form_row(struct work *w, struct state_slot *slots, uint32_t *n)
{
	struct row *row = &w->p->row;
	uint64_t mask = 0;
	uint32_t stay = 0;
	row->stream = slots[0].stream;
	row->flags = 0;
	for (uint32_t i = 0; i < *n; i++) {
		if (slots[i].stream != row->stream) {
			slots[stay++] = slots[i];
			continue;
		}
		/* Twice the same series at the same time: the last one counts. */
		mask |= 1ULL << slots[i].column;
		set_value(w, &row->values[slots[i].column], &slots[i]);
		row->flags |= w->batch->points[slots[i].point].flags;
	}
	row->flags &= (uint16_t)~SB_P_LATE;
	*n = stay;
	row->n = 0;
	for (; mask; mask &= mask - 1) {
		int column = __builtin_ctzll(mask);
		if (column != row->n)
			row->values[row->n] = row->values[column];
		row->n++;
	}
	return give_row(w, row);
}

/* Points [from, to): one message, one time. */
static int take_group(struct work *w, uint32_t from, uint32_t to)
{
	int r = slots_room(w->p, to - from);
	if (r < 0)
		return r;
	struct state_slot *slots = w->p->slots;
	uint32_t n = 0;
	bool new_ones = false;
	for (uint32_t i = from; i < to; i++) {
		struct sb_point *pt = &w->batch->points[i];
		struct state_slot *slot = &slots[n];
		int fault = check_point(w, pt, &slot->series);
		if (fault < 0) {
			reject(w, 1, fault);
			continue;
		}
		slot->point = i;
		slot->type = pt->type;
		new_ones |= !find_place(slot);
		n++;
	}
	if (new_ones) {
		place_new(w, slots, n);
		uint32_t placed = 0;
		for (uint32_t i = 0; i < n; i++)
			if (find_place(&slots[i]))
				slots[placed++] = slots[i];
		w->out->rejected += n - placed;
		n = placed;
	}
	w->p->row.ts_ns = w->batch->points[from].ts_ns;
	w->p->row.rx_ns = w->rx_ns;
	while (n && r == 0)
		r = form_row(w, slots, &n);
	return r;
}

static int take_message(struct work *w, uint32_t from, uint32_t to)
{
	struct sb_point *points = w->batch->points;
	int64_t newest = stamp_message(w->dev, w->own, w->rx_ns, points + from, to - from);
	uint16_t flags = points[from].flags;
	while (from < to) {
		uint32_t end = from + 1;
		while (end < to && points[end].ts_ns == points[from].ts_ns)
			end++;
		int r = take_group(w, from, end);
		if (r < 0)
			return r;
		from = end;
	}
	if (flags & (SB_P_REPLAYED | SB_P_RETAINED))
		w->dev->hot.newest_ts_ns = MAX(w->dev->hot.newest_ts_ns, newest);
	else
		stamp_learn(w->dev, newest);
	return 0;
}

static int take_messages(struct work *w, uint32_t count)
{
	struct sb_point *points = w->batch->points;
	int r = 0;
	pthread_mutex_lock(&w->dev->hot.lock);
	for (uint32_t from = 0; r == 0 && from < count;) {
		uint32_t to = from + 1;
		while (to < count && points[to].msg == points[from].msg)
			to++;
		r = take_message(w, from, to);
		from = to;
	}
	pthread_mutex_unlock(&w->dev->hot.lock);
	return r;
}

/* ---- counting */
static void add_fate(struct device *dev, enum device_fate fate, uint64_t n)
{
	atomic_fetch_add_explicit(&dev->fates[fate], n, memory_order_relaxed);
}

static void count(struct work *w)
{
	struct registry *reg = w->p->ingest->config.registry;
	const struct rows_result *out = w->out;
	struct device *dev = w->dev;
	struct state_counters *c = &w->p->counters;
	int64_t now = loop_now(w->p->loop);
	state_count(&c->messages, 1);
	state_count(&c->points, out->stored);
	add_fate(dev, FATE_accepted, out->stored);
	atomic_store_explicit(&dev->seen_ns, w->rx_ns, memory_order_relaxed);
	atomic_store_explicit(&dev->data_ns, w->rx_ns, memory_order_relaxed);
	/* Listeners need not hear of every message. */
	if (now - atomic_load_explicit(&dev->told_ns, memory_order_relaxed) >= TELL_EVERY_NS)
		registry_fate(reg, dev, FATE_accepted, 0, NULL);
	if (out->duplicate) {
		add_fate(dev, FATE_duplicate, out->duplicate);
		state_count(&c->duplicates, out->duplicate);
	}
	if (out->late) {
		add_fate(dev, FATE_late, out->late);
		state_count(&c->late, out->late);
	}
	if (out->rejected) {
		char reason[96];
		snprintf(reason, sizeof(reason), "points left out: %s", sb_strerror(w->reason));
		admit_refuse(w->p->ingest, dev, out->rejected, w->reason, reason);
		state_count(&c->refused, out->rejected);
	}
}

/* What the plugin says, where it can be true. */
static int64_t arrival(int64_t rx_ns, int64_t now_ns)
{
	return rx_ns < STAMP_YEAR2000 || rx_ns > now_ns + NS_PER_S ? now_ns : rx_ns;
}

int rows_take(struct producer *p, struct device *dev, struct sb_batch *batch, uint16_t flags,
              struct rows_result *out)
{
	struct work w = {
		.p = p,
		.dev = dev,
		.own = table_at(&p->ingest->devices, dev->no),
		.batch = batch,
		.rx_ns = arrival(batch->rx_ns, loop_now_utc(p->loop)),
		.out = out,
		.reason = SB_E_QUOTA,
	};
	if (!w.own)
		return -ENOMEM;
	if (flags)
		for (uint32_t i = 0; i < batch->count; i++)
			batch->points[i].flags |= flags;
	int r = take_messages(&w, batch->count);
	if (r == 0)
		count(&w);
	return r;
}
