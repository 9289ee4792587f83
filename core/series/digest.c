#include "series/digest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "series/blocks.h"
#include "series/catalog.h"
#include "series/column.h"
#include "series/pass.h"
#include "series/series.h"
#include "series/source.h"
#include "series/tombs.h"

#define FAST 6 /* values in a minute that has any: then there is a tier of minutes */

void digest_fini(struct digest *d)
{
	for (int t = 0; t < TIERS; t++)
		for (int c = 0; c < ROW_COLUMNS_MAX; c++)
			free(d->rows[t][c].p);
	memset(d->rows, 0, sizeof(d->rows));
	tierread_fini(&d->old);
	buffer_fini(&d->bytes);
}

static struct tier_row *row_push(struct digest_rows *rows, int64_t t)
{
	if (rows->n == rows->cap) {
		uint32_t cap = rows->cap ? 2 * rows->cap : 32;
		struct tier_row *p = realloc(rows->p, cap * sizeof(*p));
		if (!p)
			return NULL;
		rows->p = p;
		rows->cap = cap;
	}
	struct tier_row *row = &rows->p[rows->n++];
	*row = (struct tier_row){ .t_ns = t };
	return row;
}

/* ---- raw values into rows */

struct taking {
	struct digest *d;
	uint8_t column;
};

static int point_take(void *ud, const struct series_point *p, uint64_t rank)
{
	struct taking *t = ud;
	(void)rank;
	if (*t->d->stop)
		return -ECANCELED;
	for (enum tier tier = 0; tier < TIERS; tier++) {
		struct digest_rows *rows = &t->d->rows[tier][t->column];
		int64_t begin = bucket_begin(p->ts_ns, tier_width(tier));
		struct tier_row *row = rows->n ? &rows->p[rows->n - 1] : NULL;
		if (!row || row->t_ns != begin)
			row = row_push(rows, begin);
		if (!row)
			return -ENOMEM;
		tier_add(row, p);
	}
	return 0;
}

/* What had no number but NaN. */
static void empty_drop(struct digest_rows *rows, uint32_t from)
{
	uint32_t n = from;
	for (uint32_t i = from; i < rows->n; i++)
		if (rows->p[i].s.count)
			rows->p[n++] = rows->p[i];
	rows->n = n;
}

/* ---- raw values are gone, rows are there */

/* Late values behind or before all that a row knew of belong to it; so does what has all of it.
 * Anything else would count twice. */
static void row_keep(struct digest *d, struct tier_row *fresh, const struct tier_row *old)
{
	const struct bucket_summary *f = &fresh->s;
	const struct bucket_summary *o = &old->s;
	struct tier_row both = *old;
	if (f->count >= o->count && f->first.ts_ns <= o->first.ts_ns &&
	    f->last.ts_ns >= o->last.ts_ns)
		return;
	if (f->first.ts_ns > o->last.ts_ns) {
		tier_join(&both, fresh);
	} else if (f->last.ts_ns < o->first.ts_ns) {
		both = *fresh;
		tier_join(&both, old);
	} else {
		d->kept++;
	}
	*fresh = both;
}

static int rows_keep(struct digest *d, enum tier tier, uint32_t stream, uint8_t column, int32_t day,
                     uint32_t from)
{
	struct digest_rows *rows = &d->rows[tier][column];
	int64_t begin = tier_day_begin(day);
	uint32_t n = (uint32_t)(TIER_DAY_NS / tier_width(tier));
	struct tierread tr = { d->blocks, d->corrupt };
	struct digest_rows all = { 0 };
	/* Of a period of which something is deleted, nothing can stay that raw values do not tell.
	 */
	struct tombs_view *tombs = tombs_view(d->blocks->tombs);
	int r = tierread_column(&tr, tier, stream, column, begin, n, &d->old);
	uint32_t at = from;
	for (uint32_t i = 0; i < n && r >= 0; i++) {
		const struct tier_row *old = &d->old.row[i];
		int64_t t = begin + i * tier_width(tier);
		bool has_old = d->old.owner[i] && old->s.count &&
		               !tombs_touch(tombs, stream, column, t, t + tier_width(tier) - 1, 0);
		bool has_new = at < rows->n && rows->p[at].t_ns == t;
		struct tier_row *row = has_old || has_new ? row_push(&all, t) : NULL;
		if (!has_old && !has_new)
			continue;
		if (!row)
			r = -ENOMEM;
		else if (!has_new)
			*row = *old;
		else
			*row = rows->p[at++];
		if (row && has_old && has_new)
			row_keep(d, row, old);
	}
	rows->n = from;
	for (uint32_t i = 0; i < all.n && r >= 0; i++) {
		struct tier_row *row = row_push(rows, all.p[i].t_ns);
		if (row)
			*row = all.p[i];
		else
			r = -ENOMEM;
	}
	free(all.p);
	tombs_view_drop(tombs);
	return r;
}

/* ---- a day */

static bool is_number(uint8_t type)
{
	return type >= SB_T_BOOL && type <= SB_T_F64;
}

/* The type a column holds, for ever. */
static uint8_t column_type(const struct catalog *catalog, uint32_t stream, uint8_t column)
{
	const struct series *s = catalog_at(catalog, stream, column);
	for (uint8_t t = 0; s && t < SERIES_TYPES; t++)
		if (s->places[t].stream == stream && s->places[t].column == column)
			return t;
	return SB_T_NULL;
}

static int column_day(struct digest *d, uint32_t stream, uint8_t column, int32_t day)
{
	struct source_want want = { stream, column, tier_day_begin(day),
		                    tier_day_begin(day) + TIER_DAY_NS - 1 };
	struct pass_from from = { .blocks = d->blocks, .corrupt = d->corrupt };
	struct taking t = { d, column };
	uint32_t before[TIERS];
	uint64_t values = 0;
	for (int tier = 0; tier < TIERS; tier++)
		before[tier] = d->rows[tier][column].n;
	int r = pass_run(&from, &want, &(struct pass_to){ .point = point_take, .ud = &t });
	for (enum tier tier = 0; tier < TIERS && r >= 0; tier++) {
		empty_drop(&d->rows[tier][column], before[tier]);
		if (day < d->gone_before)
			r = rows_keep(d, tier, stream, column, day, before[tier]);
	}
	const struct digest_rows *minutes = &d->rows[TIER_MINUTE][column];
	for (uint32_t i = 0; i < minutes->n; i++)
		values += minutes->p[i].s.count;
	d->fast |= minutes->n && values >= (uint64_t)FAST * minutes->n;
	return r;
}

/* ---- rows into chunks */

static int chunk_give(struct digest *d, enum tier tier, uint32_t stream, int64_t from, int64_t end)
{
	struct tierwrite_column columns[ROW_COLUMNS_MAX];
	struct tierchunk_facts facts = { .tier = tier,
		                         .from_ns = from,
		                         .periods = (uint32_t)((end - from) / tier_width(tier)) };
	uint32_t n = 0;
	for (uint8_t c = 0; c < ROW_COLUMNS_MAX; c++) {
		const struct digest_rows *rows = &d->rows[tier][c];
		uint32_t begin = 0;
		while (begin < rows->n && rows->p[begin].t_ns < from)
			begin++;
		uint32_t last = begin;
		while (last < rows->n && rows->p[last].t_ns < end)
			last++;
		if (last > begin)
			columns[n++] = (struct tierwrite_column){
				c, column_type(d->catalog, stream, c), rows->p + begin, last - begin
			};
	}
	int r = tierwrite_chunk(&d->bytes, &facts, columns, n);
	if (r < 0)
		return r;
	return d->give(d->ud, &(struct digest_chunk){
				      tier, stream, from, end - 1, { d->bytes.p, d->bytes.n } });
}

static int tier_give(struct digest *d, enum tier tier, uint32_t stream, struct dirty_range days)
{
	int64_t end = tier_day_begin(days.last) + TIER_DAY_NS;
	int64_t step = TIERCHUNK_ROWS * tier_width(tier);
	int r = 0;
	for (int64_t t = tier_day_begin(days.first); t < end && r >= 0; t += step)
		r = chunk_give(d, tier, stream, t, MIN(t + step, end));
	for (int c = 0; c < ROW_COLUMNS_MAX; c++)
		d->rows[tier][c].n = 0;
	return r;
}

/* A slow day has no minutes, unless it must take back those it had. */
static int minutes_had(struct digest *d, uint32_t stream, int32_t day, bool *had)
{
	struct tierread tr = { d->blocks, d->corrupt };
	uint32_t n = (uint32_t)(TIER_DAY_NS / tier_width(TIER_MINUTE));
	int r = tierread_column(&tr, TIER_MINUTE, stream, 0, tier_day_begin(day), n, &d->old);
	for (uint32_t i = 0; i < n && r >= 0; i++)
		*had |= d->old.owner[i] != 0;
	return r;
}

static int minutes_give(struct digest *d, uint32_t stream, int32_t day)
{
	bool had = false;
	int r = 0;
	if (!d->fast && day < d->known_before)
		r = minutes_had(d, stream, day, &had);
	if (r >= 0 && (d->fast || had))
		return tier_give(d, TIER_MINUTE, stream, (struct dirty_range){ day, day });
	for (int c = 0; c < ROW_COLUMNS_MAX; c++)
		d->rows[TIER_MINUTE][c].n = 0;
	return r;
}

static int32_t any_seen(void *ud, const struct sb_chunk *c, uint64_t seq)
{
	(void)c;
	(void)seq;
	*(bool *)ud = true;
	return -ECANCELED;
}

/* What is deleted from the beginning of time to its end is mostly empty. */
static int is_anything(struct digest *d, uint32_t stream, struct dirty_range days, bool *any)
{
	uint32_t streams[] = { stream, tier_stream(TIER_HOUR, stream) };
	struct sb_scan scan = { .size = sizeof(scan),
		                .n_streams = 2,
		                .streams = streams,
		                .from_ns = tier_day_begin(days.first),
		                .to_ns = tier_day_begin(days.last) + TIER_DAY_NS };
	int r = blocks_scan(d->blocks, &scan, any_seen, any);
	return r < 0 && !*any ? r : 0;
}

int digest_days(struct digest *d, uint32_t stream, struct dirty_range days)
{
	bool any = false;
	int r = is_anything(d, stream, days, &any);
	if (r < 0 || !any)
		return r;
	for (int t = 0; t < TIERS; t++)
		for (int c = 0; c < ROW_COLUMNS_MAX; c++)
			d->rows[t][c].n = 0;
	for (int32_t day = days.first; day <= days.last && r >= 0; day++) {
		d->fast = false;
		for (uint8_t c = 0; c < ROW_COLUMNS_MAX && r >= 0; c++)
			if (is_number(column_type(d->catalog, stream, c)))
				r = column_day(d, stream, c, day);
		if (r >= 0)
			r = minutes_give(d, stream, day);
	}
	if (r >= 0)
		r = tier_give(d, TIER_HOUR, stream, days);
	return r < 0 ? r : tier_give(d, TIER_DAY, stream, days);
}
