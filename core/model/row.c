#include "model/row.h"

#include <endian.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/own.h"
#include "model/decimal.h"

/* The form of a row:
 *
 *   varint stream
 *   u8     HEAD_* bits, and above them the number of columns if these are the first 1 to 7
 *   zz     ts: milliseconds since the base's millisecond, or ns since the base (HEAD_TS_NS)
 *   zz     rx, ns since the base         unless HEAD_RX_IS_TS
 *   varint SB_P_* flags                  if HEAD_FLAGS
 *   varint number of columns, the first  if HEAD_DENSE; else varint mask of columns, unless the
 * head tells how many u8[n]  quality                       if HEAD_QUALITY nibbles of tags, the low
 * one first, the last high one 0 when n is odd the values */
enum {
	HEAD_TS_NS = 1,
	HEAD_RX_IS_TS = 2,
	HEAD_FLAGS = 4,
	HEAD_DENSE = 8,
	HEAD_QUALITY = 16,
	COUNT_SHIFT = 5,
	COUNT_MAX = 7,
};

enum tag {
	TAG_DECIMAL = 0, /* 0..9: the exponent; zz mantissa */
	TAG_F64 = 10,    /* 8 bytes */
	TAG_I64 = 11,    /* zz */
	TAG_U64 = 12,    /* varint */
	TAG_FALSE = 13,
	TAG_TRUE = 14,
	TAG_BLOB = 15, /* varint length * 2 + (1: bytes, 0: text), then as many */
};

enum { HEAD_MAX = 5 * VARINT_MAX + 4, VALUE_MAX = VARINT_MAX + 2 }; /* bytes, blobs apart */

/* Differences wrap, so that every time there is comes back, however far it lies from the base. */
static int64_t minus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t plus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t floor_ms(int64_t ns)
{
	return ns / NS_PER_MS - (ns % NS_PER_MS < 0);
}

static bool is_blob(const struct row_value *value)
{
	return value->type == SB_T_STR || value->type == SB_T_BYTES;
}

/* How many bytes the row needs at most; 0: it is no row. */
static size_t most_bytes(const struct row *row, uint64_t *mask, bool *quality)
{
	size_t most = HEAD_MAX + (size_t)VALUE_MAX * row->n;
	int last = -1;

	if (row->n > ROW_COLUMNS_MAX)
		return 0;
	for (size_t i = 0; i < row->n; i++) {
		const struct row_value *value = &row->values[i];

		if (value->column <= last || value->column >= ROW_COLUMNS_MAX ||
		    value->type < SB_T_BOOL || value->type > SB_T_BYTES)
			return 0;
		if (is_blob(value) && value->v.blob.n > ROW_TEXT_MAX)
			return 0;
		last = value->column;
		*mask |= 1ULL << last;
		*quality |= value->quality != 0;
		most += is_blob(value) ? value->v.blob.n : 0;
	}
	return most;
}

static uint8_t *give_head(uint8_t *p, int64_t base_ns, const struct row *row, uint64_t mask,
                          bool quality)
{
	bool in_ms = row->ts_ns % NS_PER_MS == 0;
	bool dense = (mask & (mask + 1)) == 0;
	bool few = dense && row->n > 0 && row->n <= COUNT_MAX;

	p = varint_put(p, row->stream);
	*p++ = (uint8_t)((in_ms ? 0 : HEAD_TS_NS) | (row->rx_ns == row->ts_ns ? HEAD_RX_IS_TS : 0) |
	                 (row->flags ? HEAD_FLAGS : 0) | (dense && !few ? HEAD_DENSE : 0) |
	                 (quality ? HEAD_QUALITY : 0) | (few ? row->n << COUNT_SHIFT : 0));
	p = varint_put(p, zz_of(in_ms ? row->ts_ns / NS_PER_MS - floor_ms(base_ns)
	                              : minus(row->ts_ns, base_ns)));
	if (row->rx_ns != row->ts_ns)
		p = varint_put(p, zz_of(minus(row->rx_ns, base_ns)));
	if (row->flags)
		p = varint_put(p, row->flags);
	if (!few)
		p = varint_put(p, dense ? row->n : mask);
	for (size_t i = 0; quality && i < row->n; i++)
		*p++ = row->values[i].quality;
	return p;
}

static uint8_t *give_f64(uint8_t *p, double v, int *hint, uint8_t *tag)
{
	int64_t mantissa = 0;
	uint64_t bits = 0;

	if (decimal_split(v, *hint, &mantissa, hint)) {
		*tag = (uint8_t)(TAG_DECIMAL + *hint);
		return varint_put(p, zz_of(mantissa));
	}
	*tag = TAG_F64;
	memcpy(&bits, &v, sizeof(bits));
	bits = htole64(bits);
	memcpy(p, &bits, sizeof(bits));
	return p + sizeof(bits);
}

static uint8_t *give_blob(uint8_t *p, const struct row_value *value)
{
	p = varint_put(p, (uint64_t)value->v.blob.n << 1 | (value->type == SB_T_BYTES));
	if (value->v.blob.n)
		memcpy(p, value->v.blob.p, value->v.blob.n);
	return p + value->v.blob.n;
}

static uint8_t *give_value(uint8_t *p, const struct row_value *value, int *hint, uint8_t *tag)
{
	switch (value->type) {
	case SB_T_F64:
		return give_f64(p, value->v.f, hint, tag);
	case SB_T_BOOL:
		*tag = value->v.i ? TAG_TRUE : TAG_FALSE;
		return p;
	case SB_T_I64:
		*tag = TAG_I64;
		return varint_put(p, zz_of(value->v.i));
	case SB_T_U64:
		*tag = TAG_U64;
		return varint_put(p, value->v.u);
	default:
		*tag = TAG_BLOB;
		return give_blob(p, value);
	}
}

void row_give(struct buffer *out, int64_t base_ns, const struct row *row)
{
	struct buffer tight = { 0 }; /* when only the worst case does not fit */
	struct buffer *to = out;
	uint64_t mask = 0;
	bool quality = false;
	size_t most = most_bytes(row, &mask, &quality);
	uint8_t *p = NULL;
	uint8_t *tags = NULL;
	int hint = 1;

	if (most == 0) {
		out->bad = true;
		return;
	}
	if (out->max && out->n + most > out->max)
		to = &tight;
	p = buffer_room(to, most);
	if (!p) {
		out->bad = true;
		return;
	}
	tags = give_head(p, base_ns, row, mask, quality);
	p = tags + (row->n + 1u) / 2;
	for (size_t i = 0; i < row->n; i++) {
		uint8_t tag = 0;

		p = give_value(p, &row->values[i], &hint, &tag);
		tags[i / 2] = i % 2 ? (uint8_t)(tags[i / 2] | tag << 4) : tag;
	}
	to->n = (size_t)(p - to->p);
	if (to == &tight)
		buffer_give(out, tight.p, tight.n);
	buffer_fini(&tight);
}

static void take_blob(struct cursor *c, struct row_value *value)
{
	uint64_t head = cursor_take_varint(c);

	if (head >> 1 > ROW_TEXT_MAX) {
		c->bad = true;
		return;
	}
	value->type = head & 1 ? SB_T_BYTES : SB_T_STR;
	value->v.blob.n = (size_t)(head >> 1);
	value->v.blob.p = cursor_take(c, value->v.blob.n);
}

static void take_value(struct cursor *c, uint8_t tag, struct row_value *value)
{
	uint64_t bits = 0;

	switch (tag) {
	case TAG_F64:
		bits = cursor_take_u64(c);
		value->type = SB_T_F64;
		memcpy(&value->v.f, &bits, sizeof(bits));
		return;
	case TAG_I64:
		value->type = SB_T_I64;
		value->v.i = cursor_take_zz(c);
		return;
	case TAG_U64:
		value->type = SB_T_U64;
		value->v.u = cursor_take_varint(c);
		return;
	case TAG_FALSE:
	case TAG_TRUE:
		value->type = SB_T_BOOL;
		value->v.i = tag == TAG_TRUE;
		return;
	case TAG_BLOB:
		take_blob(c, value);
		return;
	default:
		value->type = SB_T_F64;
		value->v.f = decimal_join(cursor_take_zz(c), tag - TAG_DECIMAL);
	}
}

/* Times, flags and columns; or c->bad. */
static void take_head(struct cursor *c, int64_t base_ns, struct row_head *out)
{
	uint64_t stream = cursor_take_varint(c);
	uint64_t flags = 0;
	uint64_t columns = 0;
	uint8_t bits = cursor_take_u8(c);
	int64_t ts = cursor_take_zz(c);

	out->bits = bits;
	out->ts_ns = bits & HEAD_TS_NS ? plus(ts, base_ns)
	                               : (int64_t)((uint64_t)plus(ts, floor_ms(base_ns)) *
	                                           (uint64_t)NS_PER_MS);
	out->rx_ns = bits & HEAD_RX_IS_TS ? out->ts_ns : plus(cursor_take_zz(c), base_ns);
	flags = bits & HEAD_FLAGS ? cursor_take_varint(c) : 0;
	columns = bits >> COUNT_SHIFT ? bits >> COUNT_SHIFT : cursor_take_varint(c);
	out->stream = (uint32_t)stream;
	out->flags = (uint16_t)flags;
	out->columns = columns;
	c->bad |= stream > UINT32_MAX || flags > UINT16_MAX;
	if (bits >> COUNT_SHIFT)
		c->bad |= (bits & HEAD_DENSE) != 0;
	else if (!(bits & HEAD_DENSE))
		return;
	c->bad |= columns > ROW_COLUMNS_MAX;
	out->columns = columns >= ROW_COLUMNS_MAX ? UINT64_MAX : (1ULL << columns) - 1;
}

int row_peek(const struct cursor *c, int64_t base_ns, struct row_head *out)
{
	struct cursor at = *c;

	take_head(&at, base_ns, out);
	return at.bad ? SB_E_CORRUPT : 0;
}

int row_take(struct cursor *c, int64_t base_ns, struct row *out)
{
	struct row_head head;
	const uint8_t *quality = NULL;
	const uint8_t *tags = NULL;

	take_head(c, base_ns, &head);
	uint64_t mask = head.columns;
	size_t n = (size_t)__builtin_popcountll(mask);
	out->stream = head.stream;
	out->flags = head.flags;
	out->ts_ns = head.ts_ns;
	out->rx_ns = head.rx_ns;
	if (head.bits & HEAD_QUALITY)
		quality = cursor_take(c, n);
	tags = cursor_take(c, (n + 1) / 2);
	out->n = 0;
	if (c->bad)
		return SB_E_CORRUPT;
	for (size_t i = 0; i < n; i++, mask &= mask - 1) {
		struct row_value *value = &out->values[i];

		value->column = (uint8_t)__builtin_ctzll(mask);
		value->quality = quality ? quality[i] : 0;
		take_value(c, tags[i / 2] >> (i % 2 * 4) & 15, value);
	}
	if (c->bad)
		return SB_E_CORRUPT;
	out->n = (uint16_t)n;
	return 0;
}
