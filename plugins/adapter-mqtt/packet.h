/* The bytes of MQTT: fixed header, bounded reading and writing. A cursor remembers its failure:
 * read the whole packet, then ask `bad` once. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <signalbox/types.h>

enum {
	PACKET_CONNECT = 1,
	PACKET_CONNACK,
	PACKET_PUBLISH,
	PACKET_PUBACK,
	PACKET_PUBREC,
	PACKET_PUBREL,
	PACKET_PUBCOMP,
	PACKET_SUBSCRIBE,
	PACKET_SUBACK,
	PACKET_UNSUBSCRIBE,
	PACKET_UNSUBACK,
	PACKET_PINGREQ,
	PACKET_PINGRESP,
	PACKET_DISCONNECT,
	PACKET_AUTH
};

struct packet {
	uint8_t type, flags;
	uint32_t total; /* bytes on the wire, fixed header included */
	struct sb_bytes body;
};

/* The first packet of `in`. 1: *out is filled. 0: more bytes are needed. -EPROTO: not MQTT.
 * -EMSGSIZE: longer than max bytes, out->total says how long. */
int packet_frame(struct sb_bytes in, uint32_t max, struct packet *out);
/* Well-formed UTF-8 without U+0000, surrogates and overlong forms. */
bool packet_utf8(struct sb_str s);
/* Well-formed UTF-8, U+0000 included: text that is no string of the protocol. */
bool packet_text(struct sb_bytes b);

/* ---- reading */
struct cursor {
	const uint8_t *p, *end;
	bool bad;
};

static inline struct cursor cursor_of(struct sb_bytes b)
{
	return (struct cursor){ b.p, b.p + b.n, false };
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

static inline struct sb_bytes cursor_bytes(struct cursor *c, size_t n)
{
	struct sb_bytes b = { c->p, n };
	if (c->bad || cursor_left(c) < n) {
		c->bad = true;
		return (struct sb_bytes){ c->end, 0 };
	}
	c->p += n;
	return b;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	struct sb_bytes b = cursor_bytes(c, 1);
	return b.n ? b.p[0] : 0;
}

static inline uint16_t cursor_u16(struct cursor *c)
{
	struct sb_bytes b = cursor_bytes(c, 2);
	uint32_t v = b.n ? (uint32_t)b.p[0] << 8 | b.p[1] : 0;
	return (uint16_t)v;
}

static inline uint32_t cursor_u32(struct cursor *c)
{
	uint32_t high = cursor_u16(c);
	return high << 16 | cursor_u16(c);
}

/* Two length bytes, then so many bytes. */
static inline struct sb_bytes cursor_binary(struct cursor *c)
{
	return cursor_bytes(c, cursor_u16(c));
}

uint32_t cursor_varint(struct cursor *c);
/* As binary, and it must be UTF-8. */
struct sb_str cursor_string(struct cursor *c);

/* ---- writing: a body behind room for the longest fixed header */
#define WRITER_HEAD 5

struct writer {
	uint8_t *buf;
	size_t n, cap;
	bool bad;
};

static inline struct writer writer_of(uint8_t *buf, size_t cap)
{
	return (struct writer){ buf, WRITER_HEAD, cap, cap < WRITER_HEAD };
}

static inline void writer_bytes(struct writer *w, const void *p, size_t n)
{
	if (w->bad || w->cap - w->n < n) {
		w->bad = true;
		return;
	}
	if (n)
		memcpy(w->buf + w->n, p, n);
	w->n += n;
}

static inline void writer_u8(struct writer *w, uint8_t v)
{
	writer_bytes(w, &v, 1);
}

static inline void writer_u16(struct writer *w, uint16_t v)
{
	uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };
	writer_bytes(w, b, 2);
}

static inline void writer_u32(struct writer *w, uint32_t v)
{
	writer_u16(w, (uint16_t)(v >> 16));
	writer_u16(w, (uint16_t)v);
}

static inline void writer_binary(struct writer *w, const void *p, size_t n)
{
	if (n > UINT16_MAX) {
		w->bad = true;
		return;
	}
	writer_u16(w, (uint16_t)n);
	writer_bytes(w, p, n);
}

void writer_varint(struct writer *w, uint32_t v);
/* The finished packet inside the writer's buffer; n is 0 if it did not fit. */
struct sb_bytes writer_seal(struct writer *w, uint8_t first_byte);
/* How many bytes a varint takes. */
static inline uint32_t packet_varint_size(uint32_t v)
{
	return v < 128 ? 1 : v < 16384 ? 2 : v < 2097152 ? 3 : 4;
}
