#include "api/cborform.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cbor.h>

#include "api/form.h"
#include "base/own.h"
#include "base/text.h"

struct level {
	json_t *container; /* borrowed: it hangs in the level below */
	json_t *key;       /* owned: of the value to come */
	bool is_map, indefinite;
	uint64_t left; /* items or pairs */
};

struct reader {
	struct level levels[FORM_DEPTH_MAX + 1]; /* the first holds the one document */
	uint32_t depth, items;
	enum { PLAIN, IN_TEXT, IN_BYTES } string; /* chunks of an indefinite string */
	struct buffer chunks;
	const char *why; /* the first fault */
};

static void fail(struct reader *rd, const char *why)
{
	if (!rd->why)
		rd->why = why;
}

/* Is everything read that was announced? */
static bool is_done(const struct reader *rd)
{
	return rd->depth == 0 && rd->levels[0].left == 0;
}

/* Takes value and puts it where the next item belongs; false: it was refused. */
static bool place(struct reader *rd, json_t *value)
{
	struct level *l = &rd->levels[rd->depth];

	if (!value)
		fail(rd, "no memory");
	else if (rd->string != PLAIN)
		fail(rd, "something else stands inside a string");
	else if (is_done(rd))
		fail(rd, "something stands behind the document");
	else if (++rd->items > FORM_ITEMS_MAX)
		fail(rd, "too many items");
	else if (l->is_map && !l->key && !json_is_string(value))
		fail(rd, "a key is not text");
	else if (l->is_map && !l->key && json_object_get(l->container, json_string_value(value)))
		fail(rd, "a key stands twice");
	if (rd->why) {
		json_decref(value);
		return false;
	}
	if (l->is_map && !l->key) {
		l->key = value;
		return true;
	}
	if (l->is_map) {
		json_object_set_new(l->container, json_string_value(l->key), value);
		json_decref(steal(l->key));
	} else {
		json_array_append_new(l->container, value);
	}
	return true;
}

/* An item is complete: so may be what it stands in. */
static void settle(struct reader *rd)
{
	for (;;) {
		struct level *l = &rd->levels[rd->depth];

		if (l->key || l->indefinite || --l->left > 0 || rd->depth == 0)
			return;
		rd->depth--;
	}
}

static void add(struct reader *rd, json_t *value)
{
	if (place(rd, value))
		settle(rd);
}

static void begin(struct reader *rd, bool is_map, bool indefinite, uint64_t n)
{
	json_t *container = is_map ? json_object() : json_array();

	if (rd->depth >= FORM_DEPTH_MAX)
		fail(rd, "nested too deeply, 32 levels at most");
	if (n > FORM_ITEMS_MAX)
		fail(rd, "too many items");
	if (!place(rd, container))
		return;
	if (!indefinite && n == 0) {
		settle(rd);
		return;
	}
	rd->levels[++rd->depth] = (struct level){
		.container = container,
		.is_map = is_map,
		.indefinite = indefinite,
		.left = n,
	};
}

static void add_u64(struct reader *rd, uint64_t v)
{
	if (v > INT64_MAX)
		fail(rd, "a number is out of range");
	else
		add(rd, json_integer((json_int_t)v));
}

static void add_negative(struct reader *rd, uint64_t v)
{
	if (v > INT64_MAX)
		fail(rd, "a number is out of range");
	else
		add(rd, json_integer(-1 - (json_int_t)v));
}

static void add_f64(struct reader *rd, double v)
{
	if (isfinite(v))
		add(rd, json_real(v));
	else
		fail(rd, "a number is not finite");
}

static void add_text(struct reader *rd, const uint8_t *p, size_t n)
{
	if (!text_is_utf8(sb_str_of((const char *)p, n)) || (n && memchr(p, 0, n)))
		fail(rd, "text is not UTF-8 or has a zero byte");
	else
		add(rd, json_stringn(n ? (const char *)p : "", n));
}

static void add_bytes(struct reader *rd, const uint8_t *p, size_t n)
{
	struct buffer text = { 0 };
	struct wire w = wire_on(&text, WIRE_JSON);

	wire_bytes(&w, (struct sb_bytes){ p, n });
	if (text.bad || text.n < 2)
		fail(rd, "no memory");
	else
		add(rd,
		    json_stringn((const char *)text.p + 1, text.n - 2)); /* without its quotes */
	buffer_fini(&text);
}

/* ---- libcbor's callbacks */

static void on_u8(void *ud, uint8_t v)
{
	add_u64(ud, v);
}

static void on_u16(void *ud, uint16_t v)
{
	add_u64(ud, v);
}

static void on_u32(void *ud, uint32_t v)
{
	add_u64(ud, v);
}

static void on_u64(void *ud, uint64_t v)
{
	add_u64(ud, v);
}

static void on_negative8(void *ud, uint8_t v)
{
	add_negative(ud, v);
}

static void on_negative16(void *ud, uint16_t v)
{
	add_negative(ud, v);
}

static void on_negative32(void *ud, uint32_t v)
{
	add_negative(ud, v);
}

static void on_negative64(void *ud, uint64_t v)
{
	add_negative(ud, v);
}

static void on_float(void *ud, float v)
{
	add_f64(ud, (double)v);
}

static void on_double(void *ud, double v)
{
	add_f64(ud, v);
}

static void on_bool(void *ud, bool v)
{
	add(ud, json_boolean(v));
}

static void on_null(void *ud)
{
	add(ud, json_null());
}

static void on_tag(void *ud, uint64_t tag)
{
	(void)tag;
	fail(ud, "tags mean nothing here");
}

static void on_text(void *ud, cbor_data p, size_t n)
{
	struct reader *rd = ud;

	if (rd->string == PLAIN)
		add_text(rd, p, n);
	else if (rd->string == IN_TEXT)
		buffer_give(&rd->chunks, p, n);
	else
		fail(rd, "a chunk of the wrong kind");
}

static void on_bytes(void *ud, cbor_data p, size_t n)
{
	struct reader *rd = ud;

	if (rd->string == PLAIN)
		add_bytes(rd, p, n);
	else if (rd->string == IN_BYTES)
		buffer_give(&rd->chunks, p, n);
	else
		fail(rd, "a chunk of the wrong kind");
}

static void on_text_start(void *ud)
{
	struct reader *rd = ud;

	if (rd->string != PLAIN)
		fail(rd, "a string inside a string");
	rd->string = IN_TEXT;
	buffer_reset(&rd->chunks);
}

static void on_bytes_start(void *ud)
{
	struct reader *rd = ud;

	if (rd->string != PLAIN)
		fail(rd, "a string inside a string");
	rd->string = IN_BYTES;
	buffer_reset(&rd->chunks);
}

static void on_array(void *ud, size_t n)
{
	begin(ud, false, false, n);
}

static void on_array_start(void *ud)
{
	begin(ud, false, true, 0);
}

static void on_map(void *ud, size_t n)
{
	begin(ud, true, false, n);
}

static void on_map_start(void *ud)
{
	begin(ud, true, true, 0);
}

static void on_break(void *ud)
{
	static const uint8_t nothing[1];
	struct reader *rd = ud;
	struct level *l = &rd->levels[rd->depth];
	const uint8_t *p = rd->chunks.n ? rd->chunks.p : nothing;
	int string = rd->string;

	rd->string = PLAIN;
	if (string == IN_TEXT)
		add_text(rd, p, rd->chunks.n);
	else if (string == IN_BYTES)
		add_bytes(rd, p, rd->chunks.n);
	else if (rd->depth == 0 || !l->indefinite || l->key)
		fail(rd, "an end without a beginning");
	else {
		rd->depth--;
		settle(rd);
	}
}

static const struct cbor_callbacks callbacks = {
	.uint8 = on_u8,
	.uint16 = on_u16,
	.uint32 = on_u32,
	.uint64 = on_u64,
	.negint8 = on_negative8,
	.negint16 = on_negative16,
	.negint32 = on_negative32,
	.negint64 = on_negative64,
	.byte_string_start = on_bytes_start,
	.byte_string = on_bytes,
	.string = on_text,
	.string_start = on_text_start,
	.indef_array_start = on_array_start,
	.array_start = on_array,
	.indef_map_start = on_map_start,
	.map_start = on_map,
	.tag = on_tag,
	.float2 = on_float,
	.float4 = on_float,
	.float8 = on_double,
	.undefined = on_null,
	.null = on_null,
	.boolean = on_bool,
	.indef_break = on_break,
};

json_t *cborform_take(const void *p, size_t n, const char **why)
{
	struct reader rd = { .levels[0] = { .container = json_array(), .left = 1 } };
	size_t at = 0;

	rd.chunks.max = n + 1;
	if (!rd.levels[0].container)
		fail(&rd, "no memory");
	while (at < n && !rd.why) {
		struct cbor_decoder_result r = cbor_stream_decode((cbor_data)p + at, n - at,
		                                                  &callbacks, &rd);

		if (r.status != CBOR_DECODER_FINISHED)
			fail(&rd, r.status == CBOR_DECODER_NEDATA ? "cut off" : "not valid CBOR");
		at += r.read;
	}
	if (!is_done(&rd) || rd.string != PLAIN || rd.chunks.bad)
		fail(&rd, "cut off");
	json_t *value = rd.why ? NULL : json_incref(json_array_get(rd.levels[0].container, 0));

	for (uint32_t i = 0; i <= FORM_DEPTH_MAX; i++)
		json_decref(rd.levels[i].key);
	json_decref(rd.levels[0].container);
	buffer_fini(&rd.chunks);
	*why = rd.why;
	return value;
}
