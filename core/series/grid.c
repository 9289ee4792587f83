#include "series/grid.h"

#include <errno.h>
#include <stdbool.h>

#include "base/civil.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "base/zone.h"

#define DAY (86400 * NS_PER_S)
/* A zone's offset may be added to anything between these. */
#define LEAST (INT64_MIN + 4 * DAY)
#define MOST  (INT64_MAX - 4 * DAY)

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* The multiple at or before v, or the end of numbers. */
static int64_t floor_to(int64_t v, int64_t n)
{
	int64_t low;
	int64_t behind = v % n;
	if (behind < 0)
		behind += n;
	return __builtin_sub_overflow(v, behind, &low) ? INT64_MIN : low;
}

static int64_t plus(int64_t a, int64_t b)
{
	int64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int64_t times(int64_t a, int64_t b)
{
	int64_t v;
	if (__builtin_mul_overflow(a, b, &v))
		return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
	return v;
}

int64_t grid_nominal(const struct grid *g)
{
	static const int64_t ns[] = { 1, DAY, 7 * DAY, 31 * DAY };
	return times(g->n, ns[g->unit]);
}

/* ---- on the clock and calendar on the wall */

static int64_t wall_floor(const struct grid *g, int64_t wall)
{
	int64_t day = floor_div(wall, DAY);
	switch (g->unit) {
	case GRID_NS:
		if (g->n >= DAY)
			return floor_to(wall, g->n);
		return day * DAY + floor_to(wall - day * DAY, g->n);
	case GRID_DAYS:
		return times(floor_to(day, g->n), DAY);
	case GRID_WEEKS: /* 1970-01-05 was a Monday */
		return times(floor_to(day - 4, times(7, g->n)) + 4, DAY);
	case GRID_MONTHS:
		return times(civil_month_day(floor_to(civil_month_of(day), g->n)), DAY);
	}
	return wall;
}

/* What is counted in days begins once, however often its hour comes. */
static bool is_of_days(const struct grid *g)
{
	return g->unit != GRID_NS || g->n >= DAY;
}

static int64_t ns_of(int64_t s)
{
	return MIN(MAX(times(s, NS_PER_S), LEAST), MOST);
}

static int64_t zone_begin(const struct grid *g, int64_t ts)
{
	ts = MIN(MAX(ts, LEAST), MOST);
	for (;;) {
		struct zone_span span;
		zone_at(g->zone, floor_div(ts, NS_PER_S), &span);
		int64_t offset = span.offset_s * NS_PER_S;
		int64_t wall = wall_floor(g, ts + offset);
		int64_t begin = MAX(wall, LEAST) - offset;
		int64_t changed = ns_of(span.begin_s);
		if (changed <= LEAST)
			return begin;
		int64_t before = wall_floor(g, changed - 1 + span.offset_before * NS_PER_S);
		bool again = is_of_days(g) && wall <= before;
		if (begin >= changed && !again)
			return begin;
		if (begin < changed && wall > before)
			return changed; /* the clock was put forward over its begin */
		ts = changed - 1;
	}
}

static int64_t cell_begin(const struct grid *g, int64_t ts)
{
	if (g->zone)
		return zone_begin(g, ts);
	if (g->unit == GRID_NS)
		return floor_to(ts, g->n);
	return wall_floor(g, MIN(MAX(ts, LEAST), MOST));
}

struct grid_cell grid_cell(const struct grid *g, int64_t ts_ns)
{
	struct grid_cell c = { cell_begin(g, ts_ns), INT64_MAX };
	int64_t width = grid_nominal(g);
	if (!g->zone && g->unit == GRID_NS) {
		int64_t into = ((ts_ns % width) + width) % width; /* begin may be cut */
		c.last_ns = plus(ts_ns, width - 1 - into);
		return c;
	}
	int64_t next = c.begin_ns;
	int64_t probe = c.begin_ns;
	while (next <= c.begin_ns) {
		probe = plus(probe, width);
		if (probe >= MOST)
			return c;
		next = cell_begin(g, probe);
	}
	for (int64_t b = cell_begin(g, next - 1); b > c.begin_ns; b = cell_begin(g, next - 1))
		next = b;
	c.last_ns = next - 1;
	return c;
}

/* ---- as people write it */

int grid_parse(struct grid *out, struct sb_str text)
{
	static const struct {
		char letter;
		enum grid_unit unit;
		int64_t n;
	} units[] = { { 'd', GRID_DAYS, 1 },
		      { 'w', GRID_WEEKS, 1 },
		      { 'M', GRID_MONTHS, 1 },
		      { 'y', GRID_MONTHS, 12 } };
	int64_t n = 0;
	for (size_t i = 0; i + 1 < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++) {
		n = n * 10 + (text.p[i] - '0');
		if (n > 100000)
			return -ERANGE;
		if (i + 2 != text.n)
			continue;
		for (size_t u = 0; u < ARRAY_LEN(units); u++)
			if (text.p[i + 1] == units[u].letter) {
				out->unit = units[u].unit;
				out->n = n * units[u].n;
				return n ? 0 : -ERANGE;
			}
	}
	out->unit = GRID_NS;
	int r = text_duration(text, &out->n);
	return r < 0 ? r : out->n > 0 ? 0 : -ERANGE;
}
