#include "packet.h"

#include <errno.h>

int packet_frame(struct sb_bytes in, uint32_t max, struct packet *out)
{
	uint32_t length = 0;
	uint32_t at = 1;
	uint32_t shift = 0;

	for (;; shift += 7) {
		if (at >= in.n)
			return at > 4 ? -EPROTO : 0;
		uint8_t b = in.p[at++];
		length |= (uint32_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			/* A length has one spelling: no trailing zero byte. */
			if (b == 0 && shift)
				return -EPROTO;
			break;
		}
		if (shift == 21)
			return -EPROTO;
	}
	out->type = in.p[0] >> 4;
	out->flags = in.p[0] & 0x0f;
	out->total = at + length;
	if (out->total > max)
		return -EMSGSIZE;
	if (in.n < out->total)
		return 0;
	out->body = (struct sb_bytes){ in.p + at, length };
	return 1;
}

/* Length of the character at p, 0 if it is none. */
static size_t utf8_char(const uint8_t *p, size_t n)
{
	uint8_t a = p[0];

	if (a < 0x80)
		return a != 0;
	size_t len = a >= 0xf0 ? 4 : a >= 0xe0 ? 3 : 2;
	if (a < 0xc2 || a > 0xf4 || n < len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((a == 0xe0 && p[1] < 0xa0) || (a == 0xed && p[1] > 0x9f))
		return 0;
	if ((a == 0xf0 && p[1] < 0x90) || (a == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

bool packet_utf8(struct sb_str s)
{
	const uint8_t *p = (const uint8_t *)s.p;
	size_t n = s.n;

	while (n) {
		if (n >= 8) {
			uint64_t w;
			memcpy(&w, p, 8);
			/* Eight bytes at once: all ASCII and none of them zero. */
			if (!((w | ((w - 0x0101010101010101u) & ~w)) & 0x8080808080808080u)) {
				p += 8;
				n -= 8;
				continue;
			}
		}
		size_t len = utf8_char(p, n);
		if (!len)
			return false;
		p += len;
		n -= len;
	}
	return true;
}

bool packet_text(struct sb_bytes b)
{
	while (b.n) {
		const uint8_t *end = memchr(b.p, 0, b.n);
		size_t n = end ? (size_t)(end - b.p) : b.n;
		if (!packet_utf8(sb_str_of((const char *)b.p, n)))
			return false;
		n += end != NULL;
		b.p += n;
		b.n -= n;
	}
	return true;
}

uint32_t cursor_varint(struct cursor *c)
{
	uint32_t v = 0;

	for (uint32_t shift = 0; shift <= 21; shift += 7) {
		uint8_t b = cursor_u8(c);
		v |= (uint32_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			if (b == 0 && shift)
				c->bad = true;
			return v;
		}
	}
	c->bad = true;
	return 0;
}

struct sb_str cursor_string(struct cursor *c)
{
	struct sb_bytes b = cursor_binary(c);
	struct sb_str s = { (const char *)b.p, b.n };

	if (!c->bad && !packet_utf8(s))
		c->bad = true;
	return s;
}

void writer_varint(struct writer *w, uint32_t v)
{
	if (v > 268435455)
		w->bad = true;
	do {
		uint8_t b = v & 0x7f;
		v >>= 7;
		writer_u8(w, v ? b | 0x80 : b);
	} while (v);
}

struct sb_bytes writer_seal(struct writer *w, uint8_t first_byte)
{
	size_t body = w->n - WRITER_HEAD;

	if (w->bad || body > 268435455)
		return (struct sb_bytes){ w->buf, 0 };
	uint32_t v = (uint32_t)body;
	uint32_t digits = packet_varint_size(v);
	uint8_t *start = w->buf + WRITER_HEAD - 1 - digits;
	uint8_t *p = start;
	*p++ = first_byte;
	do {
		uint8_t b = v & 0x7f;
		v >>= 7;
		*p++ = v ? b | 0x80 : b;
	} while (v);
	return (struct sb_bytes){ start, body + 1 + digits };
}
