#include "series/tierpass.h"

#include <errno.h>

#include "base/own.h"
#include "series/bucket.h"
#include "series/generation.h"
#include "series/grid.h"
#include "series/pass.h"
#include "series/source.h"
#include "series/tierread.h"
#include "series/tierstate.h"

#define PIECE  9600 /* periods in memory */
#define RANGES 64

struct tierpassing {
	const struct tierpass *tp;
	const struct pass_from *from;
	const struct source_want *want;
	const struct pass_to *to;
	struct dirty_range raw[RANGES]; /* days that raw values must tell, ascending */
	uint32_t n_raw;
	int64_t closed_ns;   /* from here on too */
	int64_t raw_from_ns; /* from here on they are all there */
	struct tierread_rows rows, hours;
	int stopped;
};

struct span { /* [from, end) is told by one of them */
	int64_t from_ns, end_ns;
	bool raw;
	enum tier tier;
};

static int64_t floor_to(int64_t t, int64_t width)
{
	return bucket_begin(t, width);
}

static int64_t ceil_to(int64_t t, int64_t width)
{
	int64_t begin = bucket_begin(t, width);
	return begin == t || begin > INT64_MAX - width ? begin : begin + width;
}

/* ---- which days */

static void range_add(struct tierpassing *p, int32_t first, int32_t last)
{
	struct dirty_range *r = p->raw;
	uint32_t at = p->n_raw;
	if (p->n_raw == RANGES) { /* too many: one long one */
		r[RANGES - 1].first = MIN(r[RANGES - 1].first, first);
		r[RANGES - 1].last = MAX(r[RANGES - 1].last, last);
		return;
	}
	for (; at && r[at - 1].first > first; at--)
		r[at] = r[at - 1];
	r[at] = (struct dirty_range){ first, last };
	p->n_raw++;
}

static int head_days(struct tierpassing *p)
{
	int64_t last = MIN(p->want->last_ns, p->closed_ns - 1);
	struct generation_rows rows = { 0 };
	int r = 0;
	for (uint32_t i = 0; i < p->from->n && r >= 0; i++)
		if (p->from->generations[i]->t_min <= last)
			r = generation_gather(p->from->generations[i], p->want->stream, -1,
			                      p->want->from_ns, last, &rows);
	for (size_t i = 0; i < rows.n && r >= 0; i++) {
		int32_t day = tier_day(rows.p[i].ts_ns);
		if (p->n_raw && p->raw[p->n_raw - 1].last == day)
			continue;
		range_add(p, day, day);
	}
	generation_rows_fini(&rows);
	return r;
}

static int days_find(struct tierpassing *p)
{
	struct dirty_range dirty[TIERSTATE_RANGES];
	int32_t closed;
	uint32_t n = tierstate_days(p->tp->tiers, p->want->stream, dirty, &closed);
	p->closed_ns = tier_day_begin(closed);
	p->raw_from_ns = p->tp->gone_ns[0] == INT64_MIN ? INT64_MIN
	                                                : ceil_to(p->tp->gone_ns[0], TIER_DAY_NS);
	int r = head_days(p);
	for (uint32_t i = 0; i < n; i++)
		range_add(p, dirty[i].first, dirty[i].last);
	return r;
}

/* ---- the next span */

/* Do rows fit into the buckets, but at a few changes of the clock? */
static bool fits(const struct grid *grid, enum tier tier)
{
	if (grid->zone && tier == TIER_DAY)
		return false;
	return grid->unit != GRID_NS || grid->n % tier_width(tier) == 0;
}

/* The widest whose rows fit; TIERS: none does. */
static int tier_fit(const struct tierpassing *p, int64_t gone_from)
{
	for (int t = TIER_DAY; t >= TIER_MINUTE; t--)
		if (fits(p->to->grid, (enum tier)t) && gone_from >= p->tp->gone_ns[1 + t])
			return t;
	return TIERS;
}

/* Raw values are gone: what is left. */
static void span_gone(const struct tierpassing *p, struct span *s)
{
	int64_t day = floor_to(s->from_ns, TIER_DAY_NS);
	int tier = tier_fit(p, day);
	int64_t end = p->raw_from_ns;
	if (tier == TIERS)
		for (tier = TIER_MINUTE; tier < TIER_DAY && day < p->tp->gone_ns[1 + tier];)
			tier++;
	for (int t = 1; t <= TIERS; t++) { /* another tier may fit better from there on */
		int64_t gone = p->tp->gone_ns[t];
		if (gone > s->from_ns && gone < end)
			end = MIN(end, ceil_to(gone, TIER_DAY_NS));
	}
	s->tier = (enum tier)tier;
	s->end_ns = MIN(s->end_ns, end);
}

static void span_next(const struct tierpassing *p, struct span *s)
{
	int tier = tier_fit(p, INT64_MAX);
	int64_t end = MIN(s->end_ns, p->closed_ns);
	*s = (struct span){ .from_ns = s->from_ns, .end_ns = s->end_ns, .raw = true };
	if (s->from_ns < p->raw_from_ns) {
		s->raw = false;
		span_gone(p, s);
		return;
	}
	if (tier == TIERS || tier == TIER_MINUTE || s->from_ns >= p->closed_ns ||
	    p->to->want & ~(uint32_t)(SERIES_INCREASE | SERIES_AREA))
		return;
	for (uint32_t i = 0; i < p->n_raw; i++) {
		int64_t first = tier_day_begin(p->raw[i].first);
		int64_t behind = tier_day_begin(p->raw[i].last) + TIER_DAY_NS;
		if (s->from_ns >= first && s->from_ns < behind) {
			s->end_ns = MIN(s->end_ns, behind);
			return;
		}
		if (first > s->from_ns)
			end = MIN(end, first);
	}
	int64_t width = tier_width((enum tier)tier);
	int64_t begin = ceil_to(s->from_ns, width);
	if (begin > s->from_ns || begin + width > end) {
		s->end_ns = MIN(s->end_ns, begin > s->from_ns ? begin : end);
		return;
	}
	s->raw = false;
	s->tier = (enum tier)tier;
	s->end_ns = floor_to(end, width);
}

/* ---- telling it */

static int raw_give(struct tierpassing *p, int64_t from_ns, int64_t last_ns)
{
	struct source_want want = *p->want;
	want.from_ns = MAX(want.from_ns, from_ns);
	want.last_ns = MIN(want.last_ns, last_ns);
	int r = pass_run(p->from, &want, p->to);
	if (r > 0)
		p->stopped = r;
	return r > 0 ? -ECANCELED : r;
}

/* Raw values instead of a row that lies in two buckets or does not tell what is wanted. */
static int tier_row_give(struct tierpassing *p, const struct tier_row *row, int64_t width)
{
	int64_t last = row->t_ns + width - 1;
	if (row->t_ns >= p->raw_from_ns && (grid_cell(p->to->grid, row->t_ns).last_ns < last ||
	                                    !bucket_enough(p->to->want, &row->s)))
		return raw_give(p, row->t_ns, last);
	int r = p->to->summary(p->to->ud, &row->s);
	if (r)
		p->stopped = r;
	return r ? -ECANCELED : 0;
}

/* Only fast days have minutes; of the others, the hours. */
static int hours_give(struct tierpassing *p, const struct tierread *tr, int64_t day)
{
	int64_t width = tier_width(TIER_HOUR);
	uint32_t n = (uint32_t)(TIER_DAY_NS / width);
	int r = tierread_column(tr, TIER_HOUR, p->want->stream, p->want->column, day, n, &p->hours);
	for (uint32_t i = 0; i < n && r >= 0; i++)
		if (p->hours.owner[i] && p->hours.row[i].s.count)
			r = tier_row_give(p, &p->hours.row[i], width);
	return r;
}

static bool minutes_there(const struct tierpassing *p, uint32_t from, uint32_t end)
{
	bool any = false;
	for (uint32_t i = from; i < end && !any; i++)
		any = p->rows.owner[i] != 0;
	return any;
}

static int piece_give(struct tierpassing *p, enum tier tier, int64_t from, uint32_t n)
{
	struct tierread tr = { p->from->blocks, p->from->corrupt };
	int64_t width = tier_width(tier);
	uint32_t day = (uint32_t)(TIER_DAY_NS / width);
	int r = tierread_column(&tr, tier, p->want->stream, p->want->column, from, n, &p->rows);
	for (uint32_t i = 0; i < n && r >= 0; i++) {
		int64_t t = from + i * width;
		bool begins = tier == TIER_MINUTE && (i == 0 || t % TIER_DAY_NS == 0);
		uint32_t into = (uint32_t)((t - floor_to(t, TIER_DAY_NS)) / width);
		uint32_t end = MIN(n, i + day - into);
		if (begins && !minutes_there(p, i, end)) {
			r = hours_give(p, &tr, t - into * width);
			i = end - 1;
		} else if (p->rows.owner[i] && p->rows.row[i].s.count) {
			r = tier_row_give(p, &p->rows.row[i], width);
		}
	}
	return r;
}

static int tier_give(struct tierpassing *p, const struct span *s)
{
	int64_t width = tier_width(s->tier);
	int64_t t = floor_to(s->from_ns, width);
	int r = 0;
	if (t < grid_cell(p->to->grid, s->from_ns).begin_ns)
		t += width;
	while (t < s->end_ns && r >= 0) {
		int64_t more = (s->end_ns - t + width - 1) / width;
		uint32_t n = (uint32_t)MIN(more, (int64_t)PIECE);
		if (s->tier == TIER_MINUTE && more > n) /* whole days */
			n = (uint32_t)((floor_to(t + n * width, TIER_DAY_NS) - t) / width);
		r = piece_give(p, s->tier, t, n);
		t += n * width;
	}
	return r;
}

int tierpass_run(const struct pass_from *from, const struct source_want *want,
                 const struct pass_to *to)
{
	struct tierpassing p = { .tp = from->tiers, .from = from, .want = want, .to = to };
	struct span s = { .from_ns = want->from_ns };
	/* Days at the ends of what 64 bits can tell are nobody's. */
	int64_t end = want->last_ns > INT64_MAX - TIER_DAY_NS ? INT64_MAX : want->last_ns + 1;
	int r = days_find(&p);
	while (r >= 0 && s.from_ns < end) {
		s.end_ns = end;
		span_next(&p, &s);
		r = s.raw ? raw_give(&p, s.from_ns, s.end_ns == end ? INT64_MAX : s.end_ns - 1)
		          : tier_give(&p, &s);
		s.from_ns = s.end_ns;
	}
	tierread_fini(&p.rows);
	tierread_fini(&p.hours);
	return r == -ECANCELED && p.stopped ? p.stopped : r;
}
