#include "base/wire.h"

#include <endian.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { DEPTH_MAX = 63 };

enum major {
	MAJOR_UINT = 0,
	MAJOR_NINT = 1,
	MAJOR_BYTES = 2,
	MAJOR_TEXT = 3,
	MAJOR_ARRAY = 4,
	MAJOR_MAP = 5,
	MAJOR_SIMPLE = 7,
};

enum { /* the low five bits */
       CBOR_INDEFINITE = 31,
       CBOR_FALSE = 20,
       CBOR_TRUE = 21,
       CBOR_NULL = 22,
       CBOR_F32 = 26,
       CBOR_F64 = 27,
};

struct wire wire_on(struct buffer *out, enum wire_form form)
{
	return (struct wire){ .out = out, .form = form };
}

static void give_text(struct wire *w, const char *text)
{
	buffer_give(w->out, text, strlen(text));
}

static void give_byte(struct wire *w, enum major major, uint8_t low)
{
	buffer_give_u8(w->out, (uint8_t)(major << 5 | low));
}

static void give_head(struct wire *w, enum major major, uint64_t n)
{
	uint64_t big = htobe64(n);
	const uint8_t *p = (const uint8_t *)&big;

	if (n < 24) {
		give_byte(w, major, (uint8_t)n);
		return;
	}
	if (n <= UINT8_MAX) {
		give_byte(w, major, 24);
		buffer_give(w->out, p + 7, 1);
	} else if (n <= UINT16_MAX) {
		give_byte(w, major, 25);
		buffer_give(w->out, p + 6, 2);
	} else if (n <= UINT32_MAX) {
		give_byte(w, major, 26);
		buffer_give(w->out, p + 4, 4);
	} else {
		give_byte(w, major, 27);
		buffer_give(w->out, p, 8);
	}
}

/* Before every key and every value: the comma, where JSON wants one. */
static void begin_item(struct wire *w)
{
	uint64_t bit = 1ULL << w->depth;

	if (w->form == WIRE_JSON && !w->after_key && w->depth > 0 && (w->has_items & bit))
		buffer_give_u8(w->out, ',');
	w->has_items |= bit;
	w->after_key = false;
}

static void open_level(struct wire *w, char json, enum major major)
{
	begin_item(w);
	if (w->depth == DEPTH_MAX) {
		w->out->bad = true;
		return;
	}
	w->depth++;
	w->has_items &= ~(1ULL << w->depth);
	if (w->form == WIRE_JSON)
		buffer_give_u8(w->out, (uint8_t)json);
	else
		give_byte(w, major, CBOR_INDEFINITE);
}

static void close_level(struct wire *w, char json)
{
	if (w->depth == 0) {
		w->out->bad = true;
		return;
	}
	w->depth--;
	if (w->form == WIRE_JSON)
		buffer_give_u8(w->out, (uint8_t)json);
	else
		give_byte(w, MAJOR_SIMPLE, CBOR_INDEFINITE);
}

void wire_map(struct wire *w)
{
	open_level(w, '{', MAJOR_MAP);
}

void wire_map_end(struct wire *w)
{
	close_level(w, '}');
}

void wire_array(struct wire *w)
{
	open_level(w, '[', MAJOR_ARRAY);
}

void wire_array_end(struct wire *w)
{
	close_level(w, ']');
}

/* The bytes JSON must escape, or 0. */
static bool is_special(uint8_t c)
{
	return c < 0x20 || c == '"' || c == '\\' || c == 0x7F;
}

static void give_escaped(struct wire *w, uint8_t c)
{
	static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	char text[8];

	for (const char *s = shorts; *s; s += 2) {
		if (c == (uint8_t)s[0]) {
			buffer_give_u8(w->out, '\\');
			buffer_give_u8(w->out, (uint8_t)s[1]);
			return;
		}
	}
	snprintf(text, sizeof(text), "\\u%04x", c);
	give_text(w, text);
}

static void give_json_text(struct wire *w, struct sb_str s)
{
	size_t from = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (!is_special((uint8_t)s.p[i]))
			continue;
		buffer_give(w->out, s.p + from, i - from);
		give_escaped(w, (uint8_t)s.p[i]);
		from = i + 1;
	}
	buffer_give(w->out, s.p + from, s.n - from);
}

/* Copies s with every byte that is not part of well-formed UTF-8 as U+FFFD. */
static void mend(struct buffer *out, struct sb_str s)
{
	for (size_t i = 0; i < s.n;) {
		size_t n = 1;

		while (n <= 4 && n <= s.n - i && !text_is_utf8(sb_str_of(s.p + i, n)))
			n++;
		if (n > 4 || n > s.n - i) {
			buffer_give(out, "\xEF\xBF\xBD", 3);
			n = 1;
		} else {
			buffer_give(out, s.p + i, n);
		}
		i += n;
	}
}

/* ASCII that JSON takes as it is, as nearly all text is. Eight bytes at a time: a borrow begins
 * only at a byte that is found itself. */
static bool is_plain(struct sb_str s)
{
	const uint64_t ones = 0x0101010101010101u;
	const char *end = s.p + s.n;
	uint64_t odd = 0;

	for (; s.n >= 8 && end - s.p >= 8; s.p += 8) {
		uint64_t v;

		memcpy(&v, s.p, sizeof(v));
		odd |= v | (v - ones * 0x20) | ((v ^ (ones * '"')) - ones) |
		       ((v ^ (ones * '\\')) - ones) | ((v ^ (ones * 0x7F)) - ones);
	}
	if (odd & (ones * 0x80))
		return false;
	for (; s.p < end; s.p++)
		if ((uint8_t)*s.p >= 0x7F || is_special((uint8_t)*s.p))
			return false;
	return true;
}

static void give_plain(struct wire *w, struct sb_str s)
{
	uint8_t *p;

	if (w->form == WIRE_CBOR) {
		give_head(w, MAJOR_TEXT, s.n);
		buffer_give(w->out, s.p, s.n);
		return;
	}
	p = buffer_room(w->out, s.n + 2);
	if (!p)
		return;
	p[0] = '"';
	if (s.n)
		memcpy(p + 1, s.p, s.n);
	p[s.n + 1] = '"';
	w->out->n += s.n + 2;
}

static void give_str(struct wire *w, struct sb_str s)
{
	struct buffer mended = { 0 };

	if (is_plain(s)) {
		give_plain(w, s);
		return;
	}

	if (!text_is_utf8(s)) {
		mend(&mended, s);
		w->out->bad |= mended.bad;
		s = sb_str_of((const char *)mended.p, mended.n);
	}
	if (w->form == WIRE_CBOR) {
		give_head(w, MAJOR_TEXT, s.n);
		buffer_give(w->out, s.p, s.n);
	} else {
		buffer_give_u8(w->out, '"');
		give_json_text(w, s);
		buffer_give_u8(w->out, '"');
	}
	buffer_fini(&mended);
}

void wire_key_n(struct wire *w, struct sb_str key)
{
	begin_item(w);
	give_str(w, key);
	if (w->form == WIRE_JSON)
		buffer_give_u8(w->out, ':');
	w->after_key = true;
}

void wire_key(struct wire *w, const char *key)
{
	wire_key_n(w, sb_str_of(key, strlen(key)));
}

static void give_simple(struct wire *w, const char *json, uint8_t cbor)
{
	begin_item(w);
	if (w->form == WIRE_JSON)
		give_text(w, json);
	else
		give_byte(w, MAJOR_SIMPLE, cbor);
}

void wire_null(struct wire *w)
{
	give_simple(w, "null", CBOR_NULL);
}

void wire_bool(struct wire *w, bool v)
{
	give_simple(w, v ? "true" : "false", v ? CBOR_TRUE : CBOR_FALSE);
}

static void give_digits(struct wire *w, bool negative, uint64_t v)
{
	char text[24];
	char *p = text + sizeof(text);

	do
		*--p = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	if (negative)
		*--p = '-';
	buffer_give(w->out, p, (size_t)(text + sizeof(text) - p));
}

void wire_i64(struct wire *w, int64_t v)
{
	if (v >= 0) {
		wire_u64(w, (uint64_t)v);
		return;
	}
	begin_item(w);
	if (w->form == WIRE_JSON)
		give_digits(w, true, 0 - (uint64_t)v);
	else
		give_head(w, MAJOR_NINT, ~(uint64_t)v);
}

void wire_u64(struct wire *w, uint64_t v)
{
	begin_item(w);
	if (w->form == WIRE_JSON)
		give_digits(w, false, v);
	else
		give_head(w, MAJOR_UINT, v);
}

static void give_cbor_f64(struct wire *w, double v)
{
	float narrow = isinf(v) || fabs(v) <= (double)FLT_MAX ? (float)v : 0;
	uint32_t bits32 = 0;
	uint64_t bits64 = 0;

	if ((double)narrow == v) {
		memcpy(&bits32, &narrow, sizeof(bits32));
		bits32 = htobe32(bits32);
		give_byte(w, MAJOR_SIMPLE, CBOR_F32);
		buffer_give(w->out, &bits32, sizeof(bits32));
		return;
	}
	memcpy(&bits64, &v, sizeof(bits64));
	bits64 = htobe64(bits64);
	give_byte(w, MAJOR_SIMPLE, CBOR_F64);
	buffer_give(w->out, &bits64, sizeof(bits64));
}

void wire_f64(struct wire *w, double v)
{
	char text[32];

	if (w->form == WIRE_JSON && !isfinite(v)) {
		wire_null(w);
		return;
	}
	begin_item(w);
	if (w->form == WIRE_JSON && v == 0 && signbit(v))
		buffer_give(w->out, "-0.0",
		            4); /* many readers make -0 an integer, which has no sign */
	else if (w->form == WIRE_JSON)
		buffer_give(w->out, text, text_f64(text, v));
	else
		give_cbor_f64(w, v);
}

void wire_str(struct wire *w, struct sb_str s)
{
	begin_item(w);
	give_str(w, s);
}

void wire_text(struct wire *w, const char *s)
{
	wire_str(w, sb_str_of(s, strlen(s)));
}

void wire_key_text(struct wire *w, const char *key, const char *s)
{
	wire_key(w, key);
	wire_text(w, s);
}

void wire_key_u64(struct wire *w, const char *key, uint64_t v)
{
	wire_key(w, key);
	wire_u64(w, v);
}

static void give_base64url(struct wire *w, struct sb_bytes b)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	for (size_t i = 0; i < b.n; i += 3) {
		size_t n = b.n - i < 3 ? b.n - i : 3;
		uint32_t v = (uint32_t)b.p[i] << 16;
		char text[4];

		if (n > 1)
			v |= (uint32_t)b.p[i + 1] << 8;
		if (n > 2)
			v |= b.p[i + 2];
		for (size_t k = 0; k <= n; k++)
			text[k] = digits[v >> (18 - 6 * k) & 63];
		buffer_give(w->out, text, n + 1);
	}
}

void wire_bytes(struct wire *w, struct sb_bytes b)
{
	begin_item(w);
	if (w->form == WIRE_CBOR) {
		give_head(w, MAJOR_BYTES, b.n);
		buffer_give(w->out, b.p, b.n);
		return;
	}
	buffer_give_u8(w->out, '"');
	give_base64url(w, b);
	buffer_give_u8(w->out, '"');
}

void wire_raw(struct wire *w, struct sb_bytes value)
{
	begin_item(w);
	buffer_give(w->out, value.p, value.n);
}
