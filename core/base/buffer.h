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
	bool bad; /* an allocation failed, or max was passed; give_* do nothing from then on */
	size_t max; /* 0: no limit */
};

void buffer_fini(struct buffer *b);
void buffer_reset(struct buffer *b); /* empty, keeps its memory */
/* Room for n more bytes behind b->n, or NULL (b->bad is set). */
uint8_t *buffer_room(struct buffer *b, size_t n);
void buffer_give(struct buffer *b, const void *p, size_t n);
void buffer_give_u8(struct buffer *b, uint8_t v);
void buffer_give_u16(struct buffer *b, uint16_t v);
void buffer_give_u32(struct buffer *b, uint32_t v);
void buffer_give_u64(struct buffer *b, uint64_t v);
void buffer_give_varint(struct buffer *b, uint64_t v);
void buffer_give_zz(struct buffer *b, int64_t v);
void buffer_give_str(struct buffer *b, struct sb_str s); /* varint length, bytes */

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
const uint8_t *cursor_take(struct cursor *c, size_t n); /* NULL and bad if fewer are left */
uint8_t cursor_take_u8(struct cursor *c);
uint16_t cursor_take_u16(struct cursor *c);
uint32_t cursor_take_u32(struct cursor *c);
uint64_t cursor_take_u64(struct cursor *c);
uint64_t cursor_take_varint(struct cursor *c);
int64_t cursor_take_zz(struct cursor *c);
struct sb_str cursor_take_str(struct cursor *c); /* borrowed from the bytes */
