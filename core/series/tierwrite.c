#include "series/tierwrite.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/own.h"
#include "model/decimal.h"
#include "series/floats.h"
#include "series/ints.h"
#include "series/numeric.h"
#include "series/tierform.h"

#define SUM_DIGITS  6 /* decimals of a sum that are looked for */
#define MEAN_DIGITS 3 /* of a mean, beyond those of the values */
#define ULP         0x1p-53
#define EXACT       0x1p53

struct giving {
	const struct tierchunk_facts *facts;
	const struct tierwrite_column *columns;
	uint32_t n;
	struct buffer *out;
	struct buffer column, body;
	struct floats floats;
	uint64_t bits[TIERCHUNK_ROWS];
	int64_t ints[TIERCHUNK_ROWS], ends[TIERCHUNK_ROWS];
	bool there[TIERCHUNK_ROWS]; /* by period */
};

static void section_give(struct buffer *out, const struct buffer *body)
{
	out->bad |= body->bad;
	buffer_give_varint(out, body->n);
	buffer_give(out, body->p, body->n);
}

static void field_give(struct giving *g, uint8_t field)
{
	buffer_give_u8(&g->column, field);
	section_give(&g->column, &g->body);
	buffer_reset(&g->body);
}

static void doubles_give(struct giving *g, uint32_t n)
{
	floats_plan(&g->floats, g->bits, n);
	floats_give(&g->body, &g->floats, g->bits, n);
}

/* The decimal next to a sum that may have lost as much by adding. */
static double sum_rounded(const struct bucket_summary *s)
{
	double count = (double)s->count;
	double slack = count * count * ULP * fmax(fabs(s->min), fabs(s->max));
	double ten = 1;
	for (uint8_t e = 0; e <= SUM_DIGITS; e++, ten *= 10) {
		double scaled = nearbyint(s->sum * ten);
		if (!(fabs(scaled) < EXACT))
			break;
		double v = decimal_join((int64_t)scaled, e);
		if (fabs(v - s->sum) <= slack)
			return v;
	}
	return s->sum;
}

static void numbers_give(struct giving *g, const struct tierwrite_column *col)
{
	for (uint32_t i = 0; i < col->n; i++)
		g->bits[i] = floats_bits(sum_rounded(&col->rows[i].s));
	doubles_give(g, col->n);
	field_give(g, FIELD_SUM);
	for (uint32_t i = 0; i < col->n; i++)
		g->bits[i] = floats_bits(col->rows[i].s.max);
	doubles_give(g, col->n);
	field_give(g, FIELD_MAX);
	for (uint32_t i = 0; i < col->n; i++)
		g->bits[i] = floats_bits(col->rows[i].s.min);
	doubles_give(g, col->n); /* g->floats tells the digits of values from here on */
	field_give(g, FIELD_MIN);
}

static double mean_of(const struct bucket_summary *s)
{
	int64_t span = s->last.ts_ns - s->first.ts_ns;
	return span > 0 ? s->area / (double)span : s->min;
}

static void mean_give(struct giving *g, const struct tierwrite_column *col)
{
	bool decimal = g->floats.map != FLOATS_RAW;
	uint8_t e = (uint8_t)((g->floats.map & ~FLOATS_F32) + MEAN_DIGITS);
	double ten = 1;
	e = MIN(e, (uint8_t)DECIMAL_EXPONENT_MAX);
	for (uint8_t i = 0; i < e; i++)
		ten *= 10;
	for (uint32_t i = 0; i < col->n; i++) {
		double mean = mean_of(&col->rows[i].s);
		double scaled = nearbyint(mean * ten);
		if (!(col->rows[i].s.has & SERIES_AREA))
			return;
		decimal = decimal && fabs(scaled) < EXACT;
		g->bits[i] = floats_bits((double)(float)mean);
		g->ints[i] = decimal ? (int64_t)scaled : 0;
	}
	buffer_give_u8(&g->body, decimal ? e : FIELD_MEAN_DOUBLES);
	if (decimal)
		ints_give(&g->body, g->ints, col->n);
	else
		doubles_give(g, col->n);
	field_give(g, FIELD_MEAN);
}

/* Who goes down as often as a gauge is no counter. */
static void increase_give(struct giving *g, const struct tierwrite_column *col)
{
	bool plain = true;
	uint64_t descents = 0;
	for (uint32_t i = 0; i < col->n; i++) {
		const struct bucket_summary *s = &col->rows[i].s;
		if (!(s->has & SERIES_INCREASE))
			return;
		descents += col->rows[i].descents;
		bool rose = col->rows[i].descents == 0;
		plain &= rose;
		g->bits[i] = floats_bits(rose ? numeric_grown(&s->first, &s->last) : s->increase);
	}
	if (descents > col->n)
		return;
	if (!plain)
		doubles_give(g, col->n);
	field_give(g, FIELD_INCREASE);
}

static void edges_give(struct giving *g, const struct tierwrite_column *col, bool first)
{
	for (uint32_t i = 0; i < col->n; i++) {
		const struct bucket_summary *s = &col->rows[i].s;
		g->bits[i] = first ? s->first.v.u : s->last.v.u;
		g->ints[i] = (int64_t)g->bits[i];
	}
	if (col->type == SB_T_F64)
		doubles_give(g, col->n);
	else
		ints_give(&g->body, g->ints, col->n);
	field_give(g, first ? FIELD_FIRST : FIELD_LAST);
}

static void times_give(struct giving *g, uint8_t field, int64_t *v, uint32_t n)
{
	uint8_t unit = 3;
	for (uint32_t i = 0; i < n; i++)
		while (v[i] % tierform_units[unit])
			unit--;
	for (uint32_t i = 0; i < n; i++)
		v[i] /= tierform_units[unit];
	buffer_give_u8(&g->body, unit);
	ints_give(&g->body, v, n);
	field_give(g, field);
}

static bool is_like(const struct tierwrite_column *a, const struct tierwrite_column *b)
{
	bool like = a->n == b->n;
	for (uint32_t i = 0; like && i < a->n; i++)
		like = a->rows[i].t_ns == b->rows[i].t_ns &&
		       a->rows[i].s.first.ts_ns == b->rows[i].s.first.ts_ns &&
		       a->rows[i].s.last.ts_ns == b->rows[i].s.last.ts_ns;
	return like;
}

/* Fields of one message share their time: it is told once. */
static void moments_give(struct giving *g, const struct tierwrite_column *col)
{
	int64_t width = tier_width(g->facts->tier);
	uint8_t place = 0;
	for (const struct tierwrite_column *other = g->columns; other < col; other++) {
		if (!other->n)
			continue;
		if (is_like(other, col)) {
			buffer_give_u8(&g->body, place);
			field_give(g, FIELD_AT_LIKE);
			return;
		}
		place++;
	}
	for (uint32_t i = 0; i < col->n; i++) {
		const struct tier_row *row = &col->rows[i];
		g->ints[i] = row->s.first.ts_ns - row->t_ns;
		g->ends[i] = row->t_ns + width - row->s.last.ts_ns;
	}
	times_give(g, FIELD_FIRST_AT, g->ints, col->n);
	times_give(g, FIELD_LAST_AT, g->ends, col->n);
}

static void marks_give(struct giving *g, const struct tierwrite_column *col)
{
	int64_t quality = 0;
	int64_t flags = 0;
	for (uint32_t i = 0; i < col->n; i++) {
		const struct bucket_summary *s = &col->rows[i].s;
		g->ints[i] = s->first.quality | s->last.quality << 8;
		g->ends[i] = s->first.flags | (int64_t)s->last.flags << 16;
		quality |= g->ints[i];
		flags |= g->ends[i];
	}
	if (quality) {
		ints_give(&g->body, g->ints, col->n);
		field_give(g, FIELD_QUALITY);
	}
	if (flags) {
		ints_give(&g->body, g->ends, col->n);
		field_give(g, FIELD_FLAGS);
	}
}

static uint32_t period_of(const struct giving *g, const struct tier_row *row)
{
	return (uint32_t)((row->t_ns - g->facts->from_ns) / tier_width(g->facts->tier));
}

static void counts_give(struct giving *g, const struct tierwrite_column *col, uint32_t rows)
{
	uint32_t n = 0;
	uint32_t at = 0;
	for (uint32_t p = 0; p < g->facts->periods; p++) {
		if (!g->there[p])
			continue;
		bool has = at < col->n && period_of(g, &col->rows[at]) == p;
		g->ints[n++] = has ? (int64_t)col->rows[at++].s.count : 0;
	}
	ints_give(&g->body, g->ints, rows);
	field_give(g, FIELD_COUNT);
}

static void column_give(struct giving *g, const struct tierwrite_column *col, uint32_t rows)
{
	buffer_reset(&g->column);
	buffer_reset(&g->body);
	counts_give(g, col, rows);
	edges_give(g, col, true);
	edges_give(g, col, false);
	moments_give(g, col);
	marks_give(g, col);
	increase_give(g, col);
	numbers_give(g, col);
	mean_give(g, col);
	buffer_give_u8(g->out, col->index);
	buffer_give_u8(g->out, col->type);
	section_give(g->out, &g->column);
}

static uint32_t periods_give(struct giving *g)
{
	uint32_t rows = 0;
	uint32_t columns = 0;
	for (uint32_t c = 0; c < g->n; c++) {
		columns += g->columns[c].n > 0;
		for (uint32_t i = 0; i < g->columns[c].n; i++)
			g->there[period_of(g, &g->columns[c].rows[i])] = true;
	}
	for (uint32_t p = 0; p < g->facts->periods; p++)
		if (g->there[p])
			g->ints[rows++] = p;
	buffer_give_varint(g->out, rows);
	buffer_give_varint(g->out, columns);
	if (rows)
		ints_give(g->out, g->ints, rows);
	return rows;
}

int tierwrite_chunk(struct buffer *out, const struct tierchunk_facts *facts,
                    const struct tierwrite_column *columns, uint32_t n)
{
	_own_(freep) struct giving *g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	g->facts = facts;
	g->columns = columns;
	g->n = n;
	g->out = out;
	buffer_reset(out);
	buffer_give_u8(out, TIERFORM);
	buffer_give_u8(out, TIERFORM_VERSION);
	buffer_give_u32(out, 0);
	buffer_give_u8(out, (uint8_t)facts->tier);
	buffer_give_zz(out, facts->from_ns / tier_width(facts->tier));
	buffer_give_varint(out, facts->periods - 1);
	uint32_t rows = periods_give(g);
	for (uint32_t c = 0; c < n; c++)
		if (columns[c].n)
			column_give(g, &columns[c], rows);
	buffer_fini(&g->column);
	buffer_fini(&g->body);
	if (out->bad)
		return -ENOMEM;
	uint32_t crc = tierform_checksum(out->p, out->n);
	for (int i = 0; i < 4; i++)
		out->p[2 + i] = (uint8_t)(crc >> 8 * i);
	return 0;
}
