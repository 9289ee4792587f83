/* Growing bytes, and a cursor over bytes that remembers its failure: take or give everything, check
 * `bad` once. All integers little endian; varints are LEB128, zz is zigzag. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <signalbox/types.h>

struct buffer {
	uint8_t *p;
	size_t n, cap;
	bool bad;   /* an allocation failed, or max was passed; give_* do nothing from then on */
	size_t max; /* 0: no limit */
};

void buffer_fini(struct buffer *b);
void buffer_reset(struct buffer *b); /* empty, keeps its memory */
/* Makes cap at least b->n + n; false: b->bad is set. What buffer_room() calls when room is short.
 */
bool buffer_grow(struct buffer *b, size_t n);
void buffer_give(struct buffer *b, const void *p, size_t n);
void buffer_give_u16(struct buffer *b, uint16_t v);
void buffer_give_u32(struct buffer *b, uint32_t v);
void buffer_give_u64(struct buffer *b, uint64_t v);
void buffer_give_str(struct buffer *b, struct sb_str s); /* varint length, bytes */

/* Room for n more bytes behind b->n, or NULL (b->bad is set). */
static inline uint8_t *buffer_room(struct buffer *b, size_t n)
{
	if (b->bad || (b->cap - b->n < n && !buffer_grow(b, n)))
		return NULL;
	return b->p + b->n;
}

static inline void buffer_give_u8(struct buffer *b, uint8_t v)
{
	uint8_t *p = buffer_room(b, 1);

	if (p) {
		*p = v;
		b->n++;
	}
}

#define VARINT_MAX 10 /* bytes of the longest varint */

/* Writes a varint at p, which has VARINT_MAX bytes of room; returns the byte behind it. */
static inline uint8_t *varint_put(uint8_t *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

static inline uint64_t zz_of(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t zz_back(uint64_t v)
{
	return (int64_t)((v >> 1) ^ (0 - (v & 1)));
}

static inline void buffer_give_varint(struct buffer *b, uint64_t v)
{
	uint8_t *p = buffer_room(b, VARINT_MAX);

	if (p)
		b->n = (size_t)(varint_put(p, v) - b->p);
}

static inline void buffer_give_zz(struct buffer *b, int64_t v)
{
	buffer_give_varint(b, zz_of(v));
}

struct cursor {
	const uint8_t *p, *end;
	bool bad;
};

static inline struct cursor cursor_of(const void *p, size_t n)
{
	return (struct cursor){ (const uint8_t *)p, (const uint8_t *)p + n, false };
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

/* A cursor that is bad stays where it failed; what is taken from then on is 0 or NULL. */
const uint8_t *cursor_take(struct cursor *c, size_t n); /* NULL and bad if fewer are left */
uint16_t cursor_take_u16(struct cursor *c);
uint32_t cursor_take_u32(struct cursor *c);
uint64_t cursor_take_u64(struct cursor *c);
uint64_t cursor_take_long_varint(struct cursor *c); /* of any length; 64 bits or bad */
struct sb_str cursor_take_str(struct cursor *c);    /* borrowed from the bytes */

static inline uint8_t cursor_take_u8(struct cursor *c)
{
	if (c->bad || c->p == c->end) {
		c->bad = true;
		return 0;
	}
	return *c->p++;
}

static inline uint64_t cursor_take_varint(struct cursor *c)
{
	if (!c->bad && c->p != c->end && *c->p < 0x80)
		return *c->p++;
	return cursor_take_long_varint(c);
}

static inline int64_t cursor_take_zz(struct cursor *c)
{
	return zz_back(cursor_take_varint(c));
}
