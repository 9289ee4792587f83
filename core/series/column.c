#include "series/column.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/own.h"
#include "series/blobs.h"
#include "series/floats.h"

/* The form: varint values that are there; u8 HEAD_* bits; statistics; the rows, as distances
 * (ints.c), when some are missing; the qualities (ints.c), unless all are good; the values.
 *
 * Statistics: when HEAD_EDGES, first row, distance of the last from the end, their qualities; then
 *   SCALED  u8 map, zz least, varint most, zz sum, varint first, varint last, as scaled integers,
 *           relative to the least where it says varint
 *   SUMMED  the same with a double as sum
 *   DOUBLES least, most, sum, first, last, 8 bytes each */
enum { NONE, SCALED, SUMMED, DOUBLES };
enum { HEAD_STATS = 3, HEAD_EDGES = 4, HEAD_QUALITY = 8, HEAD_KNOWN = 15 };

struct summary { /* of scaled integers */
	int64_t min, max, sum, first, last;
	double fsum;
};

int column_room(struct column *col, uint32_t n)
{
	if (col->cap >= n)
		return 0;
	size_t each = column_is_blob(col->type) ? sizeof(*col->blobs) : sizeof(*col->bits);
	uint8_t *p = malloc(n * (each + sizeof(*col->rows) + sizeof(*col->quality)));
	if (!p)
		return -ENOMEM;
	column_fini(col);
	col->cap = n;
	if (column_is_blob(col->type))
		col->blobs = (struct sb_bytes *)(void *)p;
	else
		col->bits = (uint64_t *)(void *)p;
	p += n * each;
	col->rows = (uint16_t *)(void *)p;
	col->quality = p + n * sizeof(*col->rows);
	return 0;
}

void column_fini(struct column *col)
{
	free(col->text);
	col->text = NULL;
	free(col->blobs);
	free(col->bits);
	col->blobs = NULL;
	col->bits = NULL;
	col->rows = NULL;
	col->quality = NULL;
	col->cap = 0;
	col->count = 0;
}

/* ---- giving */

static void doubles_give(struct buffer *out, const uint64_t *bits, uint32_t n)
{
	double min = (double)INFINITY;
	double max = -min;
	double sum = 0;
	for (uint32_t i = 0; i < n; i++) {
		double v = floats_value(bits[i]);
		min = fmin(min, v);
		max = fmax(max, v);
		sum += v;
	}
	buffer_give_u64(out, floats_bits(min));
	buffer_give_u64(out, floats_bits(max));
	buffer_give_u64(out, floats_bits(sum));
	buffer_give_u64(out, bits[0]);
	buffer_give_u64(out, bits[n - 1]);
}

/* False: the sum needs more than 64 bits. */
static bool summarize(struct summary *s, const int64_t *v, uint32_t n)
{
	bool exact = true;
	*s = (struct summary){ .min = v[0], .max = v[0], .first = v[0], .last = v[n - 1] };
	for (uint32_t i = 0; i < n; i++) {
		s->min = MIN(s->min, v[i]);
		s->max = MAX(s->max, v[i]);
		exact &= !__builtin_add_overflow(s->sum, v[i], &s->sum);
		s->fsum += (double)v[i];
	}
	return exact;
}

static void scaled_give(struct buffer *out, uint8_t map, const struct summary *s, bool exact)
{
	buffer_give_u8(out, map);
	buffer_give_zz(out, s->min);
	buffer_give_varint(out, (uint64_t)s->max - (uint64_t)s->min);
	if (exact)
		buffer_give_zz(out, s->sum);
	else
		buffer_give_u64(out, floats_bits(s->fsum));
	buffer_give_varint(out, (uint64_t)s->first - (uint64_t)s->min);
	buffer_give_varint(out, (uint64_t)s->last - (uint64_t)s->min);
}

struct plan { /* what stands in front of the values */
	uint8_t stats, map;
	bool exact;
	struct summary s;
	struct floats floats;
};

static void plan_floats(struct plan *p, const struct column *col)
{
	floats_plan(&p->floats, col->bits, col->count);
	for (uint32_t i = 0; i < col->count; i++)
		if (isnan(floats_value(col->bits[i])))
			return;
	p->stats = DOUBLES;
	if (p->floats.map == FLOATS_RAW || p->floats.exceptions)
		return;
	p->map = p->floats.map;
	p->exact = summarize(&p->s, p->floats.scaled, col->count) && !(p->map & FLOATS_F32);
	p->stats = p->exact ? SCALED : SUMMED;
	if (p->exact)
		return;
	p->s.fsum = 0;
	for (uint32_t i = 0; i < col->count; i++)
		p->s.fsum += floats_value(col->bits[i]);
}

static void plan_ints(struct plan *p, const struct column *col)
{
	for (uint32_t i = 0; col->type == SB_T_U64 && i < col->count; i++)
		if (col->bits[i] > INT64_MAX)
			return;
	p->exact = summarize(&p->s, (const int64_t *)(const void *)col->bits, col->count);
	p->stats = p->exact ? SCALED : SUMMED;
}

static void head_give(struct buffer *out, const struct column *col, uint32_t rows,
                      const struct plan *p)
{
	uint32_t last = col->count - 1;
	bool quality = false;
	for (uint32_t i = 0; i < col->count; i++)
		quality |= col->quality[i] != 0;
	bool edges = p->stats && (col->rows[0] != 0 || col->rows[last] != rows - 1 ||
	                          col->quality[0] || col->quality[last]);
	buffer_give_varint(out, col->count);
	buffer_give_u8(out, (uint8_t)(p->stats | (edges ? HEAD_EDGES : 0) |
	                              (quality ? HEAD_QUALITY : 0)));
	if (edges) {
		buffer_give_varint(out, col->rows[0]);
		buffer_give_varint(out, rows - 1u - col->rows[last]);
		buffer_give_u8(out, col->quality[0]);
		buffer_give_u8(out, col->quality[last]);
	}
	if (p->stats == DOUBLES)
		doubles_give(out, col->bits, col->count);
	else if (p->stats)
		scaled_give(out, p->map, &p->s, p->exact);
	int64_t v[COLUMN_ROWS_MAX];
	for (uint32_t i = 0; i < col->count; i++)
		v[i] = col->rows[i] - (i ? col->rows[i - 1] + 1 : 0);
	if (col->count < rows)
		ints_give(out, v, col->count);
	for (uint32_t i = 0; i < col->count; i++)
		v[i] = col->quality[i];
	if (quality)
		ints_give(out, v, col->count);
}

void column_give(struct buffer *out, const struct column *col, uint32_t rows)
{
	_own_(freep) struct plan *p = calloc(1, sizeof(*p));
	if (!p || col->count == 0 || col->count > COLUMN_ROWS_MAX) {
		out->bad = true;
		return;
	}
	if (col->type == SB_T_F64)
		plan_floats(p, col);
	else if (!column_is_blob(col->type))
		plan_ints(p, col);
	head_give(out, col, rows, p);
	if (col->type == SB_T_F64)
		floats_give(out, &p->floats, col->bits, col->count);
	else if (column_is_blob(col->type))
		blobs_give(out, col->blobs, col->count);
	else
		ints_give(out, (const int64_t *)(const void *)col->bits, col->count);
}

/* ---- taking */

static void scaled_take(struct cursor *c, uint8_t type, bool exact, struct column_stats *out)
{
	uint8_t map = cursor_take_u8(c);
	bool floats = type == SB_T_F64;
	int64_t min = cursor_take_zz(c);
	int64_t max = (int64_t)((uint64_t)min + cursor_take_varint(c));
	int64_t sum = exact ? cursor_take_zz(c) : 0;
	double fsum = exact ? 0 : floats_value(cursor_take_u64(c));
	int64_t first = (int64_t)((uint64_t)min + cursor_take_varint(c));
	int64_t last = (int64_t)((uint64_t)min + cursor_take_varint(c));
	if (floats ? !floats_map_good(map) : map != 0) {
		c->bad = true;
		return;
	}
	out->min = floats ? floats_value(floats_join(min, map)) : (double)min;
	out->max = floats ? floats_value(floats_join(max, map)) : (double)max;
	out->sum = exact ? floats_value(floats_join(sum, map)) : fsum;
	out->first_bits = floats ? floats_join(first, map) : (uint64_t)first;
	out->last_bits = floats ? floats_join(last, map) : (uint64_t)last;
}

static int head_take(struct cursor *c, uint8_t type, uint32_t rows, struct column_stats *out,
                     uint8_t *head)
{
	*out = (struct column_stats){ 0 };
	uint64_t count = cursor_take_varint(c);
	*head = cursor_take_u8(c);
	if (c->bad || count == 0 || count > rows || (*head & ~HEAD_KNOWN))
		return SB_E_CORRUPT;
	out->count = (uint32_t)count;
	out->last_row = (uint16_t)(rows - 1);
	if (*head & HEAD_EDGES) {
		uint64_t first = cursor_take_varint(c);
		uint64_t behind = cursor_take_varint(c);
		out->first_quality = cursor_take_u8(c);
		out->last_quality = cursor_take_u8(c);
		if (first >= rows || behind >= rows || first > rows - 1 - behind)
			return SB_E_CORRUPT;
		out->first_row = (uint16_t)first;
		out->last_row = (uint16_t)(rows - 1 - behind);
	}
	int stats = *head & HEAD_STATS;
	out->known = stats != NONE;
	if (stats != NONE && (column_is_blob(type) || (stats == DOUBLES && type != SB_T_F64)))
		return SB_E_CORRUPT;
	if (stats == DOUBLES) {
		out->min = floats_value(cursor_take_u64(c));
		out->max = floats_value(cursor_take_u64(c));
		out->sum = floats_value(cursor_take_u64(c));
		out->first_bits = cursor_take_u64(c);
		out->last_bits = cursor_take_u64(c);
	} else if (stats != NONE) {
		scaled_take(c, type, stats == SCALED, out);
	}
	return c->bad ? SB_E_CORRUPT : 0;
}

int column_stats_take(const struct cursor *c, uint8_t type, uint32_t rows, struct column_stats *out)
{
	struct cursor at = *c;
	uint8_t head;
	return head_take(&at, type, rows, out, &head);
}

static int rows_take(struct cursor *c, uint32_t rows, struct column *out)
{
	int64_t v[COLUMN_ROWS_MAX];
	if (out->count == rows) {
		for (uint32_t i = 0; i < rows; i++)
			out->rows[i] = (uint16_t)i;
		return 0;
	}
	int r = ints_take(c, v, out->count);
	uint32_t next = 0;
	for (uint32_t i = 0; r >= 0 && i < out->count; i++) {
		if (v[i] < 0 || v[i] >= (int64_t)(rows - next))
			return SB_E_CORRUPT;
		out->rows[i] = (uint16_t)(next + (uint32_t)v[i]);
		next = out->rows[i] + 1u;
	}
	return r;
}

static int quality_take(struct cursor *c, bool there, struct column *out)
{
	int64_t v[COLUMN_ROWS_MAX];
	if (!there) {
		memset(out->quality, 0, out->count);
		return 0;
	}
	int r = ints_take(c, v, out->count);
	for (uint32_t i = 0; r >= 0 && i < out->count; i++) {
		if (v[i] < 0 || v[i] > UINT8_MAX)
			return SB_E_CORRUPT;
		out->quality[i] = (uint8_t)v[i];
	}
	return r;
}

static int values_take(struct cursor *c, struct column *out)
{
	free(out->text);
	out->text = NULL;
	if (out->type == SB_T_F64)
		return floats_take(c, out->bits, out->count);
	if (column_is_blob(out->type))
		return blobs_take(c, out->blobs, out->count, &out->text);
	int r = ints_take(c, (int64_t *)(void *)out->bits, out->count);
	for (uint32_t i = 0; r >= 0 && out->type == SB_T_BOOL && i < out->count; i++)
		if (out->bits[i] > 1)
			return SB_E_CORRUPT;
	return r;
}

int column_take(const struct cursor *c, uint32_t rows, struct column *out)
{
	struct cursor at = *c;
	struct column_stats stats;
	uint8_t head;
	int r = head_take(&at, out->type, rows, &stats, &head);
	if (r >= 0)
		r = column_room(out, stats.count);
	if (r < 0)
		return r;
	out->count = stats.count;
	r = rows_take(&at, rows, out);
	if (r >= 0)
		r = quality_take(&at, head & HEAD_QUALITY, out);
	if (r >= 0)
		r = values_take(&at, out);
	return r;
}
