/* Catalogue and series over the fakes, and a model that keeps every value in a list. */
#pragma once
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buffer.h"
#include "model/record.h"
#include "model/row.h"
#include "series/catalog.h"
#include "series/fake_docs.h"
#include "series/fake_journal.h"
#include "series/fake_store.h"
#include "series/series.h"

#define WORLD_SERIES 6
#define WORLD_POINTS 60000
#define WORLD_BASE   1764547200000000000LL /* 2025-12-01 */
#define WORLD_MINUTE 60000000000LL

struct world_point {
	uint8_t series;
	bool live; /* the newest of its time */
	struct series_point p;
	char text[24];
};

struct world {
	struct docs docs;
	struct catalog *catalog;
	struct series_db *db;
	struct series *series[WORLD_SERIES];
	struct world_point *points;
	size_t n;
	uint64_t seed;
	int64_t scrub_every_ns;
	bool quiet;        /* definitions go to the journal only */
	uint64_t head_max; /* 0: without end */
};

static struct world world;

static inline uint64_t world_rnd(void)
{
	world.seed ^= world.seed << 13;
	world.seed ^= world.seed >> 7;
	world.seed ^= world.seed << 17;
	return world.seed;
}

static inline int world_define(void *ud, struct sb_bytes record)
{
	(void)ud;
	struct journal_commit *c = fake_journal_commit(record);
	if (!world.quiet)
		series_db_commit(world.db, c);
	journal_commit_unref(c);
	return 0;
}

static inline void world_committed(struct journal_commit *c)
{
	series_db_commit(world.db, c);
}

static inline int world_open(void)
{
	fake_journal.committed = world_committed;
	uint64_t durable = 0;
	int r = catalog_new(&world.catalog, world_define, NULL);
	struct series_config config = { .catalog = world.catalog,
		                        .journal = &fake_journal,
		                        .docs = &world.docs,
		                        .head_max_bytes = world.head_max ? world.head_max : 1 << 30,
		                        .flush_every_ns = INT64_MAX,
		                        .scrub_every_ns = world.scrub_every_ns,
		                        .retention_class = "standard" };
	if (r >= 0)
		r = series_db_new(&world.db, &config);
	if (r >= 0)
		r = catalog_load(world.catalog, &world.docs);
	if (r >= 0)
		r = series_db_attach(world.db, &durable);
	for (size_t i = 0; i < fake_journal.n && r >= 0; i++) {
		struct sb_bytes payload = { fake_journal.at[i].p, fake_journal.at[i].n };
		if (payload.p[0] == RECORD_SERIES)
			r = catalog_apply(world.catalog, payload);
		else if (i + 1 > durable)
			r = series_db_replay(world.db, i + 1, payload);
	}
	if (r >= 0)
		r = series_db_start(world.db);
	for (uint32_t i = 0; i < WORLD_SERIES && r >= 0; i++) {
		char name[8];
		(void)snprintf(name, sizeof(name), "s%u", i);
		r = series_set_resolve(catalog_set(world.catalog, 1 + i / 4),
		                       sb_str_of(name, strlen(name)), SB_STR(""), true, 100,
		                       &world.series[i]);
	}
	return r;
}

static inline void world_close(void)
{
	world.db = series_db_free(world.db);
	world.catalog = catalog_free(world.catalog);
}

static inline int world_init(uint64_t seed)
{
	world = (struct world){ .seed = seed };
	world.points = calloc(WORLD_POINTS, sizeof(*world.points));
	return world_open();
}

static inline void world_fini(void)
{
	world_close();
	free(world.points);
	fake_docs_fini(&world.docs);
	fake_store_reset();
	fake_journal_reset();
}

/* ---- rows in */

static inline void world_note(uint8_t series, const struct row *row, const struct row_value *v)
{
	struct world_point *wp = &world.points[world.n++];
	for (size_t i = 0; i + 1 < world.n; i++)
		if (world.points[i].series == series && world.points[i].p.ts_ns == row->ts_ns)
			world.points[i].live = false;
	*wp = (struct world_point){ .series = series, .live = true };
	wp->p.ts_ns = row->ts_ns;
	wp->p.rx_ns = row->rx_ns;
	wp->p.flags = row->flags;
	wp->p.type = v->type;
	wp->p.quality = v->quality;
	if (v->type == SB_T_STR) {
		memcpy(wp->text, v->v.blob.p, v->v.blob.n);
		wp->p.v.blob = (struct sb_bytes){ (const uint8_t *)wp->text, v->v.blob.n };
	} else {
		wp->p.v.u = v->v.u;
	}
}

static inline void world_commit(struct buffer *payload)
{
	struct journal_commit *c = fake_journal_commit((struct sb_bytes){ payload->p, payload->n });
	series_db_commit(world.db, c);
	journal_commit_unref(c);
	buffer_fini(payload);
}

/* Puts values of series of one device into one row each stream, and the rows into one record. */
static inline void world_insert(const struct row_value *values, const uint8_t *series, uint32_t n,
                                int64_t ts, int64_t rx, uint16_t flags)
{
	struct series *s[WORLD_SERIES];
	uint8_t types[WORLD_SERIES];
	struct buffer payload = { 0 };
	for (uint32_t i = 0; i < n; i++) {
		s[i] = world.series[series[i]];
		types[i] = values[i].type;
	}
	if (catalog_place(world.catalog, s, types, n) < 0)
		abort();
	buffer_give_u8(&payload, RECORD_POINTS);
	buffer_give_u64(&payload, (uint64_t)rx);
	for (uint32_t stream = 1; stream < catalog_streams(world.catalog); stream++) {
		struct row row = { .stream = stream, .ts_ns = ts, .rx_ns = rx, .flags = flags };
		for (uint8_t column = 0; column < ROW_COLUMNS_MAX; column++)
			for (uint32_t i = 0; i < n; i++) {
				const struct series_place *p = &s[i]->places[types[i]];
				if (p->stream != stream || p->column != column)
					continue;
				row.values[row.n] = values[i];
				row.values[row.n].column = column;
				world_note(series[i], &row, &row.values[row.n]);
				row.n++;
			}
		if (row.n)
			row_give(&payload, rx, &row);
	}
	world_commit(&payload);
}

static inline void world_insert_random(int64_t ts)
{
	static char texts[4][8] = { "on", "off", "", "fault 7" };
	struct row_value values[4];
	uint8_t series[4];
	uint32_t n = 0;
	uint8_t device = world_rnd() % 3 == 0;
	for (uint8_t i = 0; i < (device ? 2 : 4); i++) {
		if (world_rnd() % 3 == 0)
			continue;
		uint8_t s = (uint8_t)(device * 4 + i);
		struct row_value v = { .type = SB_T_F64 };
		v.quality = world_rnd() % 20 ? 0 : 0x40;
		v.v.f = (double)(world_rnd() % 500) / 10;
		if (s == 1 && world_rnd() % 3 == 0) {
			v.type = SB_T_I64;
			v.v.i = (int64_t)(world_rnd() % 1000);
		} else if (s == 2) {
			v.type = SB_T_BOOL;
			v.v.i = world_rnd() % 2;
		} else if (s == 3) {
			const char *text = texts[world_rnd() % 4];
			v.type = SB_T_STR;
			v.v.blob = (struct sb_bytes){ (const uint8_t *)text, strlen(text) };
		} else if (s == 5 && world_rnd() % 50 == 0) {
			v.v.f = (double)NAN;
		}
		values[n] = v;
		series[n++] = s;
	}
	if (n)
		world_insert(values, series, n, ts, WORLD_BASE + (int64_t)fake_journal.n * 1000000,
		             (uint16_t)(world_rnd() % 9 ? 0 : SB_P_REPLAYED));
}

/* Until the feed has seen all that was committed. */
static inline void world_feed_wait(void)
{
	struct series_stats st;
	do {
		usleep(200);
		series_db_stats(world.db, &st);
	} while (st.feed_lag);
}

static int world_setup(void **state)
{
	(void)state;
	return world_init(88172645463325252ULL);
}

static int world_teardown(void **state)
{
	(void)state;
	world_fini();
	return 0;
}
