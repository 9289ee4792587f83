#define LOG_MODULE "series"
#include "series/erase.h"

#include <errno.h>
#include <stdlib.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "journal/journal.h"
#include "model/row.h"
#include "series/catalog.h"
#include "series/column.h"
#include "series/latest.h"
#include "series/series.h"
#include "series/tierstate.h"
#include "series/tombs.h"

#define WAIT_NS (20 * NS_PER_S)

static int by_stream(const void *a, const void *b)
{
	const struct tomb *x = a;
	const struct tomb *y = b;
	return x->stream < y->stream ? -1 : x->stream > y->stream;
}

/* Columns of one stream together; how many streams. */
static uint32_t targets_of(struct series *const *series, uint32_t n, struct tomb *out)
{
	uint32_t all = 0;
	uint32_t k = 0;
	for (uint32_t i = 0; i < n; i++)
		for (int t = 0; t < SERIES_TYPES; t++) {
			const struct series_place *place = &series[i]->places[t];
			uint32_t stream = place->stream;
			if (stream)
				out[all++] = (struct tomb){ .stream = stream,
					                    .columns = 1ULL << place->column };
		}
	if (all)
		qsort(out, all, sizeof(*out), by_stream);
	for (uint32_t i = 0; i < all; i++) {
		if (k && out[k - 1].stream == out[i].stream)
			out[k - 1].columns |= out[i].columns;
		else
			out[k++] = out[i];
	}
	return k;
}

static int define(struct tombs *tombs, struct journal *journal, const struct tomb *targets,
                  uint32_t n, int64_t from_ns, int64_t last_ns, uint64_t *seq)
{
	/* The clock tells apart what was before the start. */
	uint64_t id = (uint64_t)clock_utc() + ++tombs->ids;
	struct buffer record = { 0 };
	tombs_give(&record, id, from_ns, last_ns, targets, n);
	int r = record.bad ? -ENOMEM
	                   : journal_define(journal, (struct sb_bytes){ record.p, record.n });
	buffer_fini(&record);
	if (r < 0)
		return r;
	*seq = tombs_wait(tombs, id, WAIT_NS);
	return *seq ? 0 : -ETIMEDOUT;
}

int erase_define(struct tombs *tombs, struct journal *journal, struct series *const *series,
                 uint32_t n, int64_t from_ns, int64_t last_ns, uint64_t *seq)
{
	_own_(freep) struct tomb *targets = calloc((size_t)n * SERIES_TYPES + 1, sizeof(*targets));
	int r = 0;
	*seq = 0;
	if (!targets)
		return -ENOMEM;
	uint32_t all = targets_of(series, n, targets);
	if (all + tombs_count(tombs) > TOMBS_MAX)
		return SB_E_QUOTA;
	for (uint32_t i = 0; i < all && r >= 0; i += TOMBS_RECORD)
		r = define(tombs, journal, targets + i, MIN(all - i, (uint32_t)TOMBS_RECORD),
		           from_ns, last_ns, seq);
	return r;
}

/* ---- latest */

struct newest {
	struct series_db *db;
	struct series *series;
};

static int newest_seen(void *ud, const struct series_point *p)
{
	struct newest *n = ud;
	const struct series_place *place = &n->series->places[p->type];
	struct row row;
	row.stream = place->stream;
	row.flags = p->flags;
	row.n = 1;
	row.ts_ns = p->ts_ns;
	row.rx_ns = p->rx_ns;
	row.values[0] = (struct row_value){ .column = place->column,
		                            .type = p->type,
		                            .quality = p->quality };
	if (column_is_blob(p->type))
		row.values[0].v.blob = p->v.blob;
	else
		row.values[0].v.u = p->v.u;
	series_db_offer(n->db, &row);
	return 1;
}

/* Whatever is there already: it may be an older one that a restart just brought back. */
int erase_find_latest(struct series_db *db, struct series *s)
{
	struct newest newest = { db, s };
	struct series_query q = { .series = s,
		                  .from_ns = INT64_MIN,
		                  .to_ns = INT64_MAX,
		                  .limit = 1,
		                  .newest_first = true,
		                  .point = newest_seen,
		                  .ud = &newest };
	return series_db_query(db, &q);
}

static void find_of(struct series_db *db, const struct tomb *t, struct catalog *catalog)
{
	struct series_latest latest;
	for (uint8_t c = 0; c < ROW_COLUMNS_MAX; c++) {
		struct series *s = t->columns >> c & 1 ? catalog_at(catalog, t->stream, c) : NULL;
		if (!s)
			continue;
		series_db_latest(db, s, &latest);
		if (latest.type == SB_T_NULL)
			(void)erase_find_latest(db, s);
	}
}

void erase_find_all(struct series_db *db, struct tombs *tombs, struct catalog *catalog)
{
	struct tombs_view *v = tombs_view(tombs);
	for (size_t i = 0; v && i < v->n; i++)
		find_of(db, &v->at[i], catalog);
	tombs_view_drop(v);
}

uint64_t erase_newest(struct tombs *tombs)
{
	struct tombs_view *v = tombs_view(tombs);
	uint64_t newest = 0;
	for (size_t i = 0; v && i < v->n; i++)
		newest = MAX(newest, v->at[i].seq);
	tombs_view_drop(v);
	return newest;
}

void erase_forget_since(struct series_db *db, struct tombs *tombs, struct catalog *catalog,
                        struct latest *latest, uint64_t seq)
{
	struct tombs_view *v = tombs_view(tombs);
	for (size_t i = 0; v && i < v->n; i++) {
		const struct tomb *t = &v->at[i];
		if (t->seq <= seq)
			continue;
		latest_forget(latest, t->stream, t->columns, t->from_ns, t->last_ns);
		find_of(db, t, catalog);
	}
	tombs_view_drop(v);
}

/* ---- tiers */

void erase_mark(void *ud, const struct tomb *t)
{
	if (tierstate_mark(ud, t->stream, t->from_ns, t->last_ns) < 0)
		(void)log_error(-ENOMEM, "tiers of stream %u still tell what is deleted",
		                t->stream);
}

void erase_mark_all(struct tombs *tombs, struct tierstate *tiers)
{
	struct tombs_view *v = tombs_view(tombs);
	for (size_t i = 0; v && i < v->n; i++)
		if (v->at[i].seq > tiers->seq_digested)
			erase_mark(tiers, &v->at[i]);
	tombs_view_drop(v);
}
