#include "base/buffer.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"

enum { SMALLEST = 64 };

void buffer_fini(struct buffer *b)
{
	if (!b)
		return;
	free(b->p);
	*b = (struct buffer){ .max = b->max };
}

void buffer_reset(struct buffer *b)
{
	b->n = 0;
	b->bad = false;
}

bool buffer_grow(struct buffer *b, size_t n)
{
	size_t limit = b->max ? b->max : SIZE_MAX / 2;
	size_t cap = 0;
	uint8_t *p = NULL;

	if (b->bad || b->n > limit || n > limit - b->n) {
		b->bad = true;
		return false;
	}
	cap = MAX(b->cap + b->cap / 2, MAX(b->n + n, (size_t)SMALLEST));
	p = realloc(b->p, MIN(cap, limit));
	if (!p) {
		b->bad = true;
		return false;
	}
	b->p = p;
	b->cap = MIN(cap, limit);
	return true;
}

void buffer_give(struct buffer *b, const void *p, size_t n)
{
	uint8_t *to = n ? buffer_room(b, n) : NULL;

	if (to) {
		memcpy(to, p, n);
		b->n += n;
	}
}

void buffer_give_u16(struct buffer *b, uint16_t v)
{
	v = htole16(v);
	buffer_give(b, &v, sizeof(v));
}

void buffer_give_u32(struct buffer *b, uint32_t v)
{
	v = htole32(v);
	buffer_give(b, &v, sizeof(v));
}

void buffer_give_u64(struct buffer *b, uint64_t v)
{
	v = htole64(v);
	buffer_give(b, &v, sizeof(v));
}

void buffer_give_str(struct buffer *b, struct sb_str s)
{
	buffer_give_varint(b, s.n);
	buffer_give(b, s.p, s.n);
}

const uint8_t *cursor_take(struct cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (c->bad || n > cursor_left(c)) {
		c->bad = true;
		return NULL;
	}
	c->p += n;
	return p;
}

uint16_t cursor_take_u16(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 2);
	uint16_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

uint32_t cursor_take_u32(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 4);
	uint32_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

uint64_t cursor_take_u64(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 8);
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

uint64_t cursor_take_long_varint(struct cursor *c)
{
	const uint8_t *p = c->p;
	uint64_t v = 0;

	if (c->bad)
		return 0;
	for (unsigned shift = 0; shift < 64 && p != c->end; shift += 7) {
		uint8_t byte = *p++;

		if (shift == 63 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7F) << shift;
		if (byte < 0x80) {
			c->p = p;
			return v;
		}
	}
	c->bad = true;
	return 0;
}

struct sb_str cursor_take_str(struct cursor *c)
{
	uint64_t n = cursor_take_varint(c);
	const uint8_t *p = n <= cursor_left(c) ? cursor_take(c, (size_t)n) : NULL;

	if (!p) {
		c->bad = true;
		return (struct sb_str){ 0 };
	}
	return sb_str_of((const char *)p, (size_t)n);
}
