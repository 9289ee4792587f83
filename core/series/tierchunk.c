#include "series/tierchunk.h"

#include <string.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "model/decimal.h"
#include "model/row.h"
#include "series/floats.h"
#include "series/ints.h"
#include "series/numeric.h"
#include "series/tierform.h"

static int facts_take(struct cursor *c, struct tierchunk *out)
{
	uint8_t tier = cursor_take_u8(c);
	int64_t first = cursor_take_zz(c);
	uint64_t more = cursor_take_varint(c);
	if (c->bad || tier >= TIERS || more >= TIERCHUNK_ROWS)
		return SB_E_CORRUPT;
	out->facts.tier = (enum tier)tier;
	out->facts.periods = (uint32_t)more + 1;
	int64_t width = tier_width(out->facts.tier);
	if (first > INT64_MAX / width - TIERCHUNK_ROWS || first < INT64_MIN / width)
		return SB_E_CORRUPT;
	out->facts.from_ns = first * width;
	return 0;
}

static int periods_take(struct cursor *c, struct tierchunk *out)
{
	int64_t v[TIERCHUNK_ROWS];
	uint64_t rows = cursor_take_varint(c);
	uint64_t columns = cursor_take_varint(c);
	if (c->bad || rows > out->facts.periods || columns > ROW_COLUMNS_MAX || !rows != !columns)
		return SB_E_CORRUPT;
	out->rows = (uint32_t)rows;
	out->columns = (uint32_t)columns;
	int r = rows ? ints_take(c, v, out->rows) : 0;
	int64_t least = 0;
	for (uint32_t i = 0; r >= 0 && i < out->rows; i++) {
		if (v[i] < least || v[i] >= out->facts.periods)
			return SB_E_CORRUPT;
		out->period[i] = (uint16_t)v[i];
		least = v[i] + 1;
	}
	return r;
}

static int columns_take(struct cursor *c, struct tierchunk *out)
{
	int last = -1;
	for (uint32_t i = 0; i < out->columns; i++) {
		struct tierchunk_body *b = &out->column[i];
		b->index = cursor_take_u8(c);
		b->type = cursor_take_u8(c);
		struct sb_str s = cursor_take_str(c);
		b->p = (const uint8_t *)s.p;
		b->n = (uint32_t)s.n;
		if (c->bad || b->index <= last || b->index >= ROW_COLUMNS_MAX ||
		    b->type < SB_T_BOOL || b->type > SB_T_F64)
			return SB_E_CORRUPT;
		last = b->index;
	}
	return cursor_left(c) == 0 ? 0 : SB_E_CORRUPT;
}

int tierchunk_open(struct tierchunk *out, struct sb_bytes data)
{
	struct cursor c = cursor_of(data.p, data.n);
	uint8_t format = cursor_take_u8(&c);
	uint8_t version = cursor_take_u8(&c);
	uint32_t crc = cursor_take_u32(&c);
	out->rows = out->columns = 0;
	if (c.bad || format != TIERFORM || crc != tierform_checksum(data.p, data.n))
		return SB_E_CORRUPT;
	if (version != TIERFORM_VERSION)
		return SB_E_ABI;
	int r = facts_take(&c, out);
	if (r >= 0)
		r = periods_take(&c, out);
	return r < 0 ? r : columns_take(&c, out);
}

struct taking {
	const struct tierchunk *ch;
	const struct tierchunk_body *col;
	struct tier_row *rows;
	uint32_t n;
	uint32_t seen; /* 1 << FIELD_* */
	uint64_t bits[TIERCHUNK_ROWS];
	int64_t ints[TIERCHUNK_ROWS];
};

static int counts_take(struct taking *t, struct cursor *c)
{
	const struct tierchunk *ch = t->ch;
	int64_t width = tier_width(ch->facts.tier);
	int r = ints_take(c, t->ints, ch->rows);
	for (uint32_t i = 0; r >= 0 && i < ch->rows; i++) {
		if (t->ints[i] < 0)
			return SB_E_CORRUPT;
		if (!t->ints[i])
			continue;
		struct tier_row *row = &t->rows[t->n++];
		*row = (struct tier_row){ .t_ns = ch->facts.from_ns + ch->period[i] * width };
		row->s.count = (uint64_t)t->ints[i];
		row->s.first.type = row->s.last.type = t->col->type;
	}
	return r;
}

static int moments_take(struct taking *t, struct cursor *c, bool first)
{
	int64_t width = tier_width(t->ch->facts.tier);
	uint8_t unit = cursor_take_u8(c);
	if (c->bad || unit > 3)
		return SB_E_CORRUPT;
	int r = ints_take(c, t->ints, t->n);
	for (uint32_t i = 0; r >= 0 && i < t->n; i++) {
		if (t->ints[i] < !first || t->ints[i] > (width - first) / tierform_units[unit])
			return SB_E_CORRUPT;
		struct tier_row *row = &t->rows[i];
		int64_t d = t->ints[i] * tierform_units[unit];
		struct series_point *p = first ? &row->s.first : &row->s.last;
		p->ts_ns = p->rx_ns = first ? row->t_ns + d : row->t_ns + width - d;
	}
	return r;
}

static int values_take(struct taking *t, struct cursor *c, bool first)
{
	int r = t->col->type == SB_T_F64 ? floats_take(c, t->bits, t->n)
	                                 : ints_take(c, (int64_t *)(void *)t->bits, t->n);
	for (uint32_t i = 0; r >= 0 && i < t->n; i++)
		(first ? &t->rows[i].s.first : &t->rows[i].s.last)->v.u = t->bits[i];
	return r;
}

static int doubles_take(struct taking *t, struct cursor *c, uint8_t field)
{
	int r = floats_take(c, t->bits, t->n);
	for (uint32_t i = 0; r >= 0 && i < t->n; i++) {
		struct bucket_summary *s = &t->rows[i].s;
		double v = floats_value(t->bits[i]);
		if (field == FIELD_MIN)
			s->min = v;
		else if (field == FIELD_MAX)
			s->max = v;
		else
			s->sum = v;
	}
	return r;
}

static int marks_take(struct taking *t, struct cursor *c, bool quality)
{
	int r = ints_take(c, t->ints, t->n);
	for (uint32_t i = 0; r >= 0 && i < t->n; i++) {
		struct bucket_summary *s = &t->rows[i].s;
		if (quality) {
			s->first.quality = (uint8_t)t->ints[i];
			s->last.quality = (uint8_t)(t->ints[i] >> 8);
		} else {
			s->first.flags = (uint16_t)t->ints[i];
			s->last.flags = (uint16_t)(t->ints[i] >> 16);
		}
	}
	return r;
}

/* After the values. */
static int increase_take(struct taking *t, struct cursor *c)
{
	bool plain = cursor_left(c) == 0;
	int r = plain ? 0 : floats_take(c, t->bits, t->n);
	for (uint32_t i = 0; r >= 0 && i < t->n; i++) {
		struct bucket_summary *s = &t->rows[i].s;
		s->has |= SERIES_INCREASE;
		s->increase = numeric_grown(&s->first, &s->last);
		if (plain || s->increase == floats_value(t->bits[i]))
			continue;
		s->increase = floats_value(t->bits[i]);
		t->rows[i].descents = 1; /* or more */
	}
	return r;
}

/* After the times. */
static int mean_take(struct taking *t, struct cursor *c)
{
	uint8_t e = cursor_take_u8(c);
	if (c->bad || (e > DECIMAL_EXPONENT_MAX && e != FIELD_MEAN_DOUBLES))
		return SB_E_CORRUPT;
	int r = e == FIELD_MEAN_DOUBLES ? floats_take(c, t->bits, t->n)
	                                : ints_take(c, t->ints, t->n);
	for (uint32_t i = 0; r >= 0 && i < t->n; i++) {
		struct bucket_summary *s = &t->rows[i].s;
		double mean = e == FIELD_MEAN_DOUBLES ? floats_value(t->bits[i])
		                                      : decimal_join(t->ints[i], e);
		s->has |= SERIES_AREA;
		s->area = mean * (double)(s->last.ts_ns - s->first.ts_ns);
	}
	return r;
}

/* Of an earlier column, which has rows of the same periods and tells its times itself. */
static int moments_like(struct taking *t, struct cursor *c)
{
	uint8_t place = cursor_take_u8(c);
	if (c->bad || place >= t->ch->columns || &t->ch->column[place] >= t->col)
		return SB_E_CORRUPT;
	const struct tierchunk_body *b = &t->ch->column[place];
	struct cursor other = cursor_of(b->p, b->n);
	int r = 0;
	uint32_t found = 0;
	while (r >= 0 && cursor_left(&other)) {
		uint8_t field = cursor_take_u8(&other);
		struct sb_str s = cursor_take_str(&other);
		struct cursor at = cursor_of(s.p, s.n);
		if (other.bad)
			return SB_E_CORRUPT;
		if (field != FIELD_FIRST_AT && field != FIELD_LAST_AT)
			continue;
		r = moments_take(t, &at, field == FIELD_FIRST_AT);
		found++;
	}
	return r < 0 ? r : found == 2 ? 0 : SB_E_CORRUPT;
}

static int field_take(struct taking *t, uint8_t field, struct cursor *c)
{
	if (field >= FIELDS)
		return 0;
	if (t->seen >> field & 1 || (field != FIELD_COUNT && !(t->seen & 1)))
		return SB_E_CORRUPT;
	t->seen |= 1u << field;
	switch (field) {
	case FIELD_COUNT:
		return counts_take(t, c);
	case FIELD_FIRST:
	case FIELD_LAST:
		return values_take(t, c, field == FIELD_FIRST);
	case FIELD_FIRST_AT:
	case FIELD_LAST_AT:
		return moments_take(t, c, field == FIELD_FIRST_AT);
	case FIELD_AT_LIKE:
		t->seen |= 1u << FIELD_FIRST_AT | 1u << FIELD_LAST_AT;
		return moments_like(t, c);
	case FIELD_QUALITY:
	case FIELD_FLAGS:
		return marks_take(t, c, field == FIELD_QUALITY);
	case FIELD_INCREASE:
		return increase_take(t, c);
	case FIELD_MEAN:
		return mean_take(t, c);
	default:
		return doubles_take(t, c, field);
	}
}

#define NEEDED                                                                     \
	(1u << FIELD_COUNT | 1u << FIELD_MIN | 1u << FIELD_MAX | 1u << FIELD_SUM | \
	 1u << FIELD_FIRST | 1u << FIELD_LAST | 1u << FIELD_FIRST_AT | 1u << FIELD_LAST_AT)

static bool is_sane(const struct taking *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->rows[i].s.last.ts_ns < t->rows[i].s.first.ts_ns)
			return false;
	return (t->seen & NEEDED) == NEEDED;
}

int tierchunk_rows(const struct tierchunk *ch, uint8_t index, struct tier_row *out)
{
	uint32_t at = 0;
	while (at < ch->columns && ch->column[at].index != index)
		at++;
	if (at == ch->columns)
		return 0;
	struct taking t = { .ch = ch, .col = &ch->column[at], .rows = out };
	struct cursor c = cursor_of(t.col->p, t.col->n);
	while (cursor_left(&c)) {
		uint8_t field = cursor_take_u8(&c);
		struct sb_str s = cursor_take_str(&c);
		struct cursor body = cursor_of(s.p, s.n);
		int r = c.bad ? SB_E_CORRUPT : field_take(&t, field, &body);
		if (r < 0)
			return r;
	}
	return is_sane(&t) ? (int)t.n : SB_E_CORRUPT;
}
