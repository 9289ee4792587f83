#include "api/position.h"

#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/base64url.h"
#include "base/buffer.h"
#include "base/crc32c.h"
#include "base/own.h"

#define VERSION 1
#define BYTES   59

_Static_assert(BASE64URL_LEN(BYTES) < POSITION_TEXT, "a cursor fits");

/* FNV-1a. */
static uint64_t sum(const char *text)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 0x100000001b3u;
	return h;
}

uint64_t position_question(const json_t *params)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)params);

	json_object_del(copy, "cursor");
	json_object_del(copy, "page");
	_own_(freep) char *text = json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS);

	json_decref(copy);
	return text ? sum(text) : 0;
}

void position_give(char text[static POSITION_TEXT], const struct position *p, uint64_t question)
{
	uint8_t bytes[BYTES];
	struct buffer b = { .p = bytes, .cap = BYTES, .max = BYTES };

	buffer_give_u8(&b, VERSION);
	buffer_give_u8(&b, p->inside);
	buffer_give_u8(&b, 0);
	buffer_give_u64(&b, question);
	buffer_give_u64(&b, (uint64_t)p->from_ns);
	buffer_give_u64(&b, (uint64_t)p->to_ns);
	buffer_give_u32(&b, p->device_no);
	buffer_give_u32(&b, p->series_no);
	buffer_give_u64(&b, (uint64_t)p->ts_ns);
	buffer_give_u32(&b, p->skip);
	buffer_give_u64(&b, p->given);
	buffer_give_u32(&b, crc32c(0, bytes, b.n));
	text[base64url_put(text, (struct sb_bytes){ bytes, b.n })] = '\0';
}

int position_take(struct position *out, struct sb_str text, uint64_t question)
{
	uint8_t bytes[BYTES];
	struct cursor c = cursor_of(bytes, BYTES);

	if (base64url_take(bytes, BYTES, text) != BYTES || cursor_take_u8(&c) != VERSION)
		return SB_E_MALFORMED;
	out->inside = cursor_take_u8(&c) & 1;
	(void)cursor_take_u8(&c);
	uint64_t asked = cursor_take_u64(&c);

	out->from_ns = (int64_t)cursor_take_u64(&c);
	out->to_ns = (int64_t)cursor_take_u64(&c);
	out->device_no = cursor_take_u32(&c);
	out->series_no = cursor_take_u32(&c);
	out->ts_ns = (int64_t)cursor_take_u64(&c);
	out->skip = cursor_take_u32(&c);
	out->given = cursor_take_u64(&c);
	size_t n = (size_t)(c.p - bytes);

	if (cursor_take_u32(&c) != crc32c(0, bytes, n) || c.bad)
		return SB_E_MALFORMED;
	return asked == question ? 0 : SB_E_CONFLICT;
}
