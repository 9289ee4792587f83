#include "series/tier.h"

#include <math.h>

#include "base/clock.h"
#include "series/numeric.h"

static const struct {
	const char *class_;
	int64_t width_ns;
} tiers[TIERS] = {
	[TIER_MINUTE] = { "1m", 60 * NS_PER_S },
	[TIER_HOUR] = { "1h", 3600 * NS_PER_S },
	[TIER_DAY] = { "1d", TIER_DAY_NS },
};

int64_t tier_width(enum tier tier)
{
	return tiers[tier].width_ns;
}

const char *tier_class(enum tier tier)
{
	return tiers[tier].class_;
}

int32_t tier_day(int64_t ts_ns)
{
	return (int32_t)(ts_ns / TIER_DAY_NS - (ts_ns % TIER_DAY_NS < 0));
}

int64_t tier_day_begin(int32_t day)
{
	int64_t ns;
	if (__builtin_mul_overflow((int64_t)day, TIER_DAY_NS, &ns))
		return day < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

/* From one value to the next: a counter that is lower than before began again at 0. */
static void step(struct tier_row *row, const struct series_point *to)
{
	struct bucket_summary *s = &row->s;
	double before = 0;
	double v = 0;
	(void)numeric_of(&s->last, &before);
	(void)numeric_of(to, &v);
	row->descents += v < before;
	s->increase += numeric_grown(&s->last, to);
	s->area += before * (double)(to->ts_ns - s->last.ts_ns);
}

void tier_add(struct tier_row *row, const struct series_point *p)
{
	struct bucket_summary *s = &row->s;
	double v;
	if (!numeric_of(p, &v) || isnan(v)) {
		row->lacks |= SERIES_AREA; /* nothing holds from here to the next */
		return;
	}
	if (!isfinite(v))
		row->lacks |= SERIES_INCREASE | SERIES_AREA;
	if (s->count++ == 0) {
		s->min = s->max = s->sum = v;
		s->first = s->last = *p;
	} else {
		step(row, p);
		s->min = fmin(s->min, v);
		s->max = fmax(s->max, v);
		s->sum += v;
		s->last = *p;
	}
	s->has = (SERIES_INCREASE | SERIES_AREA) & ~row->lacks;
}

void tier_join(struct tier_row *row, const struct tier_row *later)
{
	struct bucket_summary *s = &row->s;
	const struct bucket_summary *l = &later->s;
	step(row, &l->first);
	s->has &= l->has;
	s->increase += l->increase;
	s->area += l->area;
	s->count += l->count;
	s->min = fmin(s->min, l->min);
	s->max = fmax(s->max, l->max);
	s->sum += l->sum;
	s->last = l->last;
	row->descents += later->descents;
}
