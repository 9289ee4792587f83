#include "base/zone_rule.h"

#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/civil.h"
#include "base/zone.h"

#define DAY_S 86400

static bool peek(const struct cursor *c, char wanted)
{
	return c->p < c->end && *c->p == (uint8_t)wanted;
}

static bool skip(struct cursor *c, char wanted)
{
	bool there = peek(c, wanted);
	c->p += there;
	return there;
}

static void expect(struct cursor *c, char wanted)
{
	if (!skip(c, wanted))
		c->bad = true;
}

static int32_t number(struct cursor *c, int32_t least, int32_t most)
{
	int32_t v = 0;
	const uint8_t *at = c->p;
	for (; c->p < c->end && *c->p >= '0' && *c->p <= '9' && v <= most; c->p++)
		v = v * 10 + (*c->p - '0');
	if (c->p == at || v < least || v > most)
		c->bad = true;
	return v;
}

static void name_skip(struct cursor *c)
{
	bool quoted = skip(c, '<');
	const uint8_t *at = c->p;
	while (c->p < c->end &&
	       (quoted ? *c->p != '>' : (*c->p | 32) >= 'a' && (*c->p | 32) <= 'z'))
		c->p++;
	if (c->p == at)
		c->bad = true;
	if (quoted)
		expect(c, '>');
}

/* [+-]hh[:mm[:ss]] */
static int32_t clock_take(struct cursor *c, int32_t hours_max)
{
	bool minus = skip(c, '-');
	if (!minus)
		(void)skip(c, '+');
	int32_t s = 3600 * number(c, 0, hours_max);
	if (skip(c, ':'))
		s += 60 * number(c, 0, 59);
	else
		return minus ? -s : s;
	if (skip(c, ':'))
		s += number(c, 0, 59);
	return minus ? -s : s;
}

static void day_take(struct cursor *c, struct zone_day *out)
{
	if (skip(c, 'M')) {
		out->form = ZONE_WEEKDAY;
		out->month = number(c, 1, 12);
		expect(c, '.');
		out->week = number(c, 1, 5);
		expect(c, '.');
		out->day = number(c, 0, 6);
	} else {
		bool julian = skip(c, 'J');
		out->form = julian ? ZONE_JULIAN : ZONE_DAY;
		out->day = number(c, julian, 365);
	}
	out->time_s = skip(c, '/') ? clock_take(c, 167) : 2 * 3600;
}

int zone_rule_take(struct sb_str text, struct zone_rule *out)
{
	struct cursor c = cursor_of(text.p, text.n);
	memset(out, 0, sizeof(*out));
	name_skip(&c);
	out->standard_s = -clock_take(&c, 24);
	if (!c.bad && c.p < c.end) {
		out->has_summer = true;
		name_skip(&c);
		out->summer_s = peek(&c, ',') ? out->standard_s + 3600 : -clock_take(&c, 24);
		expect(&c, ',');
		day_take(&c, &out->begin);
		expect(&c, ',');
		day_take(&c, &out->end);
	}
	return c.bad || c.p != c.end ? SB_E_MALFORMED : 0;
}

static int64_t day_number(const struct zone_day *d, int64_t year)
{
	int64_t january = (year - 1970) * 12;
	int64_t first = civil_month_day(january);
	bool leap = civil_month_day(january + 2) - first == 60;
	if (d->form == ZONE_DAY)
		return first + d->day;
	if (d->form == ZONE_JULIAN)
		return first + d->day - 1 + (leap && d->day >= 60);
	int64_t month = civil_month_day(january + d->month - 1);
	int64_t next = civil_month_day(january + d->month);
	int64_t weekday = ((month + 4) % 7 + 7) % 7; /* 1970 began on a Thursday */
	int64_t day = month + (d->day - weekday + 7) % 7 + 7 * (d->week - 1);
	return day < next ? day : day - 7;
}

int64_t zone_rule_moment(const struct zone_day *day, int64_t year, int32_t offset_s)
{
	return day_number(day, year) * DAY_S + day->time_s - offset_s;
}
