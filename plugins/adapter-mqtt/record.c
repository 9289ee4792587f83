#include "record.h"

#include <stdlib.h>
#include <string.h>

#include "message.h"

static bool grow(struct record_out *out, size_t n)
{
	if (out->bad)
		return false;
	if (out->cap - out->n >= n)
		return true;
	size_t cap = out->cap ? out->cap : 1024;
	while (cap - out->n < n)
		cap *= 2;
	uint8_t *p = realloc(out->p, cap);
	if (!p) {
		out->bad = true;
		return false;
	}
	out->p = p;
	out->cap = cap;
	return true;
}

uint8_t *record_room(struct record_out *out, size_t n)
{
	if (!grow(out, n))
		return NULL;
	out->n += n;
	return out->p + out->n - n;
}

void record_bytes(struct record_out *out, const void *p, size_t n)
{
	if (!n || !grow(out, n))
		return;
	memcpy(out->p + out->n, p, n);
	out->n += n;
}

void record_u8(struct record_out *out, uint8_t v)
{
	if (grow(out, 1))
		out->p[out->n++] = v;
}

void record_number(struct record_out *out, uint64_t v)
{
	if (!grow(out, 10))
		return;
	while (v >= 0x80) {
		out->p[out->n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	out->p[out->n++] = (uint8_t)v;
}

void record_text(struct record_out *out, struct sb_str s)
{
	record_number(out, s.n);
	record_bytes(out, s.p, s.n);
}

void record_message(struct record_out *out, const struct message *m)
{
	record_u8(out, (uint8_t)(m->qos | m->retain << 2));
	record_number(out, (uint64_t)m->expires_s);
	record_number(out, m->topic_n);
	record_number(out, m->props_n);
	record_number(out, m->payload_n);
	record_bytes(out, m->data, (size_t)m->topic_n + m->props_n + m->payload_n);
}

uint64_t record_take_number(struct cursor *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t b = cursor_u8(c);
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	c->bad = true;
	return 0;
}

uint32_t record_take_u32(struct cursor *c)
{
	uint64_t v = record_take_number(c);

	if (v > UINT32_MAX)
		c->bad = true;
	return (uint32_t)v;
}

struct sb_str record_take_text(struct cursor *c)
{
	struct sb_bytes b = cursor_bytes(c, record_take_u32(c));

	return sb_str_of((const char *)b.p, b.n);
}

struct message *record_take_message(struct cursor *c)
{
	struct publish p = { 0 };
	uint8_t flags = cursor_u8(c);

	p.qos = flags & 3;
	p.retain = flags >> 2 & 1;
	p.expires_s = (int64_t)record_take_number(c);
	uint32_t topic_n = record_take_u32(c);
	uint32_t props_n = record_take_u32(c);
	uint32_t payload_n = record_take_u32(c);
	struct sb_bytes topic = cursor_bytes(c, topic_n);
	p.topic = sb_str_of((const char *)topic.p, topic.n);
	p.forward[0] = cursor_bytes(c, props_n);
	p.payload = cursor_bytes(c, payload_n);
	if (c->bad || !topic_n || topic_n > UINT16_MAX || p.qos > 2)
		c->bad = true;
	return c->bad ? NULL : message_new(&p);
}
