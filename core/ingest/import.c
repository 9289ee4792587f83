#include "ingest/import.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "base/own.h"
#include "ingest/producer.h"
#include "ingest/state.h"
#include "journal/journal.h"
#include "model/record.h"
#include "registry/registry.h"
#include "series/catalog.h"
#include "series/series.h"

enum {
	RING_BYTES = 4 << 20,
	RECORD_BYTES = 64 * 1024,
	RECORD_HEAD = 9, /* type, base_ns */
	WAIT_MS = 20,    /* then stop is asked */
};

struct import {
	struct ingest *ingest;
	struct series_db *series;
	bool (*stop)(void *ud);
	void *ud;
	struct journal_ring *ring;
	struct buffer open; /* the record being filled, inside the ring; p NULL: none */
	int64_t base_ns;    /* its */
	int failed;         /* the first record that was not stored */
	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct state_slot *slots;
	uint32_t slots_cap;
	struct row row;
	uint64_t given; /* values in rows */
};

/* ---- waiting */

/* Journal thread. */
static void on_progress(void *ud)
{
	struct import *imp = ud;
	pthread_mutex_lock(&imp->lock);
	pthread_cond_signal(&imp->moved);
	pthread_mutex_unlock(&imp->lock);
}

static uint64_t done(struct import *imp)
{
	uint64_t before;
	uint64_t at = 0;
	do {
		int r;
		before = at;
		at = journal_ring_done(imp->ring, &r);
		if (r < 0 && !imp->failed)
			imp->failed = r;
	} while (at != before);
	return at;
}

static int pause_a_little(struct import *imp)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += WAIT_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_mutex_lock(&imp->lock);
	(void)pthread_cond_timedwait(&imp->moved, &imp->lock, &until);
	pthread_mutex_unlock(&imp->lock);
	return imp->stop && imp->stop(imp->ud) ? -ECANCELED : 0;
}

/* ---- records */

static void publish(struct import *imp)
{
	if (imp->open.p && imp->open.n > RECORD_HEAD)
		journal_ring_commit(imp->ring, imp->open.n);
	imp->open = (struct buffer){ 0 };
	journal_ring_publish(imp->ring);
}

/* An open record with this much room; waits for it. */
static int room(struct import *imp, size_t bytes)
{
	size_t want = MAX(bytes + RECORD_HEAD, (size_t)RECORD_BYTES);
	void *memory;
	int r = 0;
	if (imp->open.p && imp->open.cap - imp->open.n >= bytes)
		return 0;
	want = MIN(want, journal_record_max(imp->ingest->config.journal));
	if (want < bytes + RECORD_HEAD)
		return SB_E_RANGE;
	publish(imp);
	while (!(memory = journal_ring_reserve(imp->ring, want)) && r == 0) {
		(void)done(imp);
		r = imp->failed ? imp->failed : pause_a_little(imp);
	}
	if (r < 0)
		return r;
	imp->open = (struct buffer){ .p = memory, .cap = want, .max = want };
	imp->base_ns = imp->row.ts_ns;
	buffer_give_u8(&imp->open, RECORD_POINTS);
	buffer_give_u64(&imp->open, (uint64_t)imp->base_ns);
	return 0;
}

static int row_write(struct import *imp)
{
	const struct row *row = &imp->row;
	size_t most = PRODUCER_ROW_HEAD + (size_t)PRODUCER_ROW_VALUE * row->n;
	for (size_t i = 0; i < row->n; i++)
		if (row->values[i].type >= SB_T_STR)
			most += row->values[i].v.blob.n;
	int r = room(imp, most);
	if (r < 0)
		return r;
	size_t before = imp->open.n;
	row_give(&imp->open, imp->base_ns, row);
	if (!imp->open.bad)
		return 0;
	imp->open.n = before;
	imp->open.bad = false;
	return SB_E_RANGE;
}

/* ---- rows */

static int slots_room(struct import *imp, uint32_t n)
{
	if (n <= imp->slots_cap)
		return 0;
	uint32_t cap = MAX(n, 2 * imp->slots_cap);
	struct state_slot *more = realloc(imp->slots, cap * sizeof(*more));
	if (!more)
		return -ENOMEM;
	imp->slots = more;
	imp->slots_cap = cap;
	return 0;
}

static bool find_place(struct state_slot *slot)
{
	const struct series_place *place = &slot->series->places[slot->type];
	slot->stream = atomic_load_explicit(&place->stream, memory_order_acquire);
	if (slot->stream)
		slot->column = place->column;
	return slot->stream != 0;
}

static int place_new(struct import *imp, uint32_t n)
{
	_own_(freep) struct series **series = malloc(n * sizeof(struct series *));
	_own_(freep) uint8_t *types = malloc(n);
	if (!series || !types)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		series[i] = imp->slots[i].series;
		types[i] = imp->slots[i].type;
	}
	int r = catalog_place(imp->ingest->config.catalog, series, types, n);
	for (uint32_t i = 0; i < n && r >= 0; i++)
		r = find_place(&imp->slots[i]) ? 0 : SB_E_QUOTA;
	return r;
}

/* One row of all slots of the first one's stream; the others stay. */
static int row_form(struct import *imp, const struct import_point *points, uint32_t *n)
{
	struct row *row = &imp->row;
	uint64_t mask = 0;
	uint32_t stay = 0;
	row->stream = imp->slots[0].stream;
	for (uint32_t i = 0; i < *n; i++) {
		struct state_slot *slot = &imp->slots[i];
		if (slot->stream != row->stream) {
			imp->slots[stay++] = *slot;
			continue;
		}
		const struct import_point *p = &points[slot->point];
		struct row_value *to = &row->values[slot->column];
		mask |= 1ULL << slot->column;
		*to = (struct row_value){ slot->column, slot->type, p->quality, { 0 } };
		if (slot->type >= SB_T_STR)
			to->v.blob = p->v.blob;
		else
			to->v.u = p->v.u;
	}
	*n = stay;
	row->n = 0;
	for (; mask; mask &= mask - 1) {
		int column = __builtin_ctzll(mask);
		if (column != row->n)
			row->values[row->n] = row->values[column];
		row->n++;
	}
	imp->given += row->n;
	return row_write(imp);
}

int import_give(struct import *imp, struct device *dev, int64_t ts_ns, int64_t rx_ns,
                uint16_t flags, const struct import_point *points, uint32_t n)
{
	uint32_t left = n;
	uint64_t before = imp->given;
	bool known = true;
	int r = slots_room(imp, n);
	for (uint32_t i = 0; i < n && r == 0; i++) {
		imp->slots[i] = (struct state_slot){ .series = points[i].series,
			                             .point = i,
			                             .type = points[i].type };
		known &= find_place(&imp->slots[i]);
	}
	if (r == 0 && !known)
		r = place_new(imp, n);
	imp->row.ts_ns = ts_ns;
	imp->row.rx_ns = rx_ns;
	imp->row.flags = flags;
	while (left && r == 0)
		r = row_form(imp, points, &left);
	if (r < 0)
		return r;
	/* As they count when the journal is read again. */
	uint64_t values = imp->given - before;
	atomic_fetch_add_explicit(&dev->fates[FATE_accepted], values, memory_order_relaxed);
	if (flags & SB_P_LATE)
		atomic_fetch_add_explicit(&dev->fates[FATE_late], values, memory_order_relaxed);
	return 0;
}

int import_series(struct import *imp, struct device *dev, struct sb_str name, struct sb_str unit,
                  struct series **out)
{
	return series_set_resolve(dev->series, name, unit, true,
	                          state_limit(&imp->ingest->limits.series), out);
}

/* ---- life */

int import_sync(struct import *imp)
{
	int r = 0;
	publish(imp);
	while (done(imp) < journal_ring_count(imp->ring) && r == 0)
		r = pause_a_little(imp);
	/* What is flushed more slowly than it comes must not fill the memory. */
	while (r == 0 && !imp->failed && series_db_is_crowded(imp->series))
		r = pause_a_little(imp);
	return imp->failed ? imp->failed : r;
}

int import_new(struct import **out, struct ingest *ingest, struct series_db *series,
               bool (*stop)(void *ud), void *ud)
{
	struct import *imp = calloc(1, sizeof(*imp));
	if (!imp)
		return -ENOMEM;
	imp->ingest = ingest;
	imp->series = series;
	imp->stop = stop;
	imp->ud = ud;
	pthread_mutex_init(&imp->lock, NULL);
	pthread_cond_init(&imp->moved, NULL);
	int r = journal_ring_new(ingest->config.journal, RING_BYTES, on_progress, imp, &imp->ring);
	if (r < 0) {
		pthread_cond_destroy(&imp->moved);
		pthread_mutex_destroy(&imp->lock);
		free(imp);
		return r;
	}
	*out = imp;
	return 0;
}

struct import *import_free(struct import *imp)
{
	if (!imp)
		return NULL;
	publish(imp);
	journal_ring_retire(imp->ring);
	pthread_cond_destroy(&imp->moved);
	pthread_mutex_destroy(&imp->lock);
	free(imp->slots);
	free(imp);
	return NULL;
}
