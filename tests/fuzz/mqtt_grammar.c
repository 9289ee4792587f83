#include "mqtt_grammar.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- writing */

static void u8(struct grammar *g, uint32_t v)
{
	if (g->n < GRAMMAR_PACKET_MAX)
		g->p[g->n++] = (uint8_t)v;
}

static void u16(struct grammar *g, uint32_t v)
{
	u8(g, v >> 8);
	u8(g, v);
}

static void u32(struct grammar *g, uint32_t v)
{
	u16(g, v >> 16);
	u16(g, v);
}

static void bytes(struct grammar *g, const void *p, size_t n)
{
	if (g->n + n > GRAMMAR_PACKET_MAX)
		n = GRAMMAR_PACKET_MAX - g->n;
	memcpy(g->p + g->n, p, n);
	g->n += n;
}

static void varint(struct grammar *g, uint32_t v)
{
	/* Sometimes spelled longer than it has to be. */
	bool odd = g->dirty && rng_one_in(&g->rng, 60);

	while (v >= 128 || odd) {
		u8(g, (v & 127) | 128);
		v >>= 7;
		odd = false;
	}
	u8(g, v);
}

/* A field that is sometimes wrong. */
static bool wrong(struct grammar *g)
{
	return g->dirty && rng_one_in(&g->rng, 24);
}

static void text(struct grammar *g, const char *s, size_t n)
{
	/* Three bytes each. */
	static const char odd[][4] = { "\xff\xfe!",    "\xc0\x80!",    "\xed\xa0\x80", "a\0b",
		                       "\xf4\x90\x80", "\xef\xbf\xbf", "\x01!!" };

	if (wrong(g)) {
		s = odd[rng_below(&g->rng, COUNT(odd))];
		n = 3;
	}
	u16(g, wrong(g) ? (uint32_t)rng_next(&g->rng) : (uint32_t)n);
	bytes(g, s, n);
}

static void string(struct grammar *g, const char *s)
{
	text(g, s, strlen(s));
}

/* ---- words */

static void word(struct grammar *g, char *out, size_t cap)
{
	static const char *const words[] = { "a", "b",        "c",   "room", "temp",
		                             "",  "\xc3\xa9", "x y", "d1",   "telemetry" };

	snprintf(out, cap, "%s", words[rng_below(&g->rng, COUNT(words))]);
}

/* A topic name; wild: a filter. */
static size_t topic(struct grammar *g, char *out, size_t cap, bool wild)
{
	static const char *const own[] = { "telemetry",        "events",     "state/reported",
		                           "state/desired",    "commands/1", "nonsense",
		                           "commands/1/result" };
	uint32_t depth = 1 + rng_below(&g->rng, rng_one_in(&g->rng, 40) ? 70 : 4);
	int n = 0;

	if (wild && rng_one_in(&g->rng, 6))
		n = snprintf(out, cap, "$share/g%u/", rng_below(&g->rng, 3));
	if (rng_one_in(&g->rng, 4))
		return (size_t)n + (size_t)snprintf(out + n, cap - (size_t)n, "devices/d%u/%s",
		                                    rng_below(&g->rng, 8),
		                                    own[rng_below(&g->rng, COUNT(own))]);
	for (uint32_t i = 0; i < depth && (size_t)n + 16 < cap; i++) {
		char w[16];
		word(g, w, sizeof(w));
		if (wild && rng_one_in(&g->rng, 4))
			snprintf(w, sizeof(w), "%s",
			         i + 1 == depth && rng_one_in(&g->rng, 2) ? "#" : "+");
		n += snprintf(out + n, cap - (size_t)n, "%s%s", i ? "/" : "", w);
	}
	if (n == 0)
		n = snprintf(out, cap, "a");
	return (size_t)n;
}

static void client_id(struct grammar *g, char *out, size_t cap)
{
	uint32_t kind = rng_below(&g->rng, 10);

	out[0] = 0;
	if (kind < 7)
		snprintf(out, cap, "f%u", rng_below(&g->rng, 300));
	else if (kind < 9)
		snprintf(out, cap, "r%08x", (uint32_t)rng_next(&g->rng));
}

static void payload(struct grammar *g)
{
	static const char *const json[] = {
		"{\"t\":21.5}",
		"{\"ts\":1700000000000,\"values\":{\"t\":1,\"ok\":true}}",
		"[{\"n\":\"t\",\"v\":3}]",
		"{\"t\":1e999}",
		"{\"a\":{\"b\":[1,2,{\"c\":null}]}}",
		"21",
		"\xa1\x61t\xfb\x40\x35\x80\0\0\0\0\0",
		"{"
	};
	uint32_t kind = rng_below(&g->rng, 16);
	size_t n = 0;

	if (kind < 9) {
		const char *s = json[rng_below(&g->rng, COUNT(json))];
		bytes(g, s, strlen(s));
		return;
	}
	if (kind < 14)
		n = rng_below(&g->rng, 64);
	else if (kind == 14)
		n = rng_below(&g->rng, rng_one_in(&g->rng, 8) ? 60000 : 2000);
	for (size_t i = 0; i < n; i++)
		u8(g, (uint32_t)(i % 8 ? i * 7 : rng_next(&g->rng)));
}

/* ---- properties of 5.0 */

struct property {
	uint8_t id;
	char type; /* b byte, s two bytes, l four, v varint, t text, x binary, p pair */
};

static void property(struct grammar *g, struct property p)
{
	uint32_t small = rng_below(&g->rng, 8);
	char name[64];

	u8(g, p.id);
	switch (p.type) {
	case 'b':
		u8(g, wrong(g) ? small : small & 1);
		break;
	case 's':
		u16(g, wrong(g) ? 0 : rng_one_in(&g->rng, 3) ? 0xffff : 1 + small);
		break;
	case 'l':
		u32(g, wrong(g) ? UINT32_MAX : rng_one_in(&g->rng, 3) ? 100000 : 64 * small);
		break;
	case 'v':
		varint(g, wrong(g) ? 0 : 1 + small * 40);
		break;
	case 'p':
		string(g, "key");
		string(g, "value");
		break;
	default:
		text(g, name, topic(g, name, sizeof(name), false));
	}
}

/* Writes behind a gap, because the length of what comes is not known before. */
static void properties(struct grammar *g, const struct property *list, size_t n, uint32_t likely)
{
	static const struct property any[] = { { 0x26, 'p' }, { 0x01, 'b' }, { 0x22, 's' },
		                               { 0x0b, 'v' }, { 0x7f, 'b' }, { 0x11, 'l' } };
	uint8_t kept[2048];
	size_t begin = g->n;

	if (!g->v5)
		return;
	for (size_t i = 0; i < n && g->n - begin < 1500; i++)
		if (rng_one_in(&g->rng, likely))
			property(g, list[i]);
	if (rng_one_in(&g->rng, 8))
		property(g, (struct property){ 0x26, 'p' });
	if (wrong(g))
		property(g, any[rng_below(&g->rng, COUNT(any))]);
	if (wrong(g) && n)
		property(g, list[rng_below(&g->rng, (uint32_t)n)]);
	size_t len = g->n - begin;
	if (len > sizeof(kept))
		len = sizeof(kept);
	memcpy(kept, g->p + begin, len);
	g->n = begin;
	varint(g, wrong(g) ? (uint32_t)len + rng_below(&g->rng, 9) - 4 : (uint32_t)len);
	bytes(g, kept, len);
}

/* ---- packets */

#define HEAD 5 /* room for the fixed header */

static void begin(struct grammar *g)
{
	g->n = HEAD;
}

/* Puts the fixed header in front. */
static size_t seal(struct grammar *g, uint8_t first)
{
	size_t body = g->n - HEAD;
	uint8_t head[HEAD] = { first };
	size_t n = 1;
	uint32_t v = (uint32_t)body;

	do {
		head[n++] = (uint8_t)((v & 127) | (v >= 128 ? 128 : 0));
		v >>= 7;
	} while (v);
	if (wrong(g))
		head[0] ^= (uint8_t)(1u << rng_below(&g->rng, 4));
	memmove(g->p + n, g->p + HEAD, body);
	memcpy(g->p, head, n);
	g->n = n + body;
	return g->n;
}

static void will(struct grammar *g)
{
	static const struct property list[] = { { 0x18, 'l' }, { 0x01, 'b' }, { 0x02, 'l' },
		                                { 0x03, 't' }, { 0x08, 't' }, { 0x09, 'x' } };
	char name[512];

	properties(g, list, COUNT(list), 4);
	text(g, name, topic(g, name, sizeof(name), false));
	size_t at = g->n;
	u16(g, 0);
	payload(g);
	size_t n = g->n - at - 2;
	g->p[at] = (uint8_t)(n >> 8);
	g->p[at + 1] = (uint8_t)n;
}

static size_t connect(struct grammar *g)
{
	static const struct property list[] = { { 0x11, 'l' }, { 0x21, 's' }, { 0x27, 'l' },
		                                { 0x22, 's' }, { 0x19, 'b' }, { 0x17, 'b' },
		                                { 0x15, 't' } };
	uint32_t kind = rng_below(&g->rng, 400);
	bool has_will = rng_one_in(&g->rng, 4);
	uint32_t flags = rng_one_in(&g->rng, 2) << 1;
	char id[32];

	/* Passwords cost the server a lot on purpose: few try one. */
	if (kind == 0)
		flags |= 0xc0;
	if (has_will)
		flags |= 4 | rng_below(&g->rng, 3) << 3 | rng_below(&g->rng, 2) << 5;
	begin(g);
	string(g, wrong(g) ? "MQIsdp" : "MQTT");
	u8(g, wrong(g) ? rng_below(&g->rng, 8) : g->v5 ? 5 : 4);
	u8(g, wrong(g) ? (uint32_t)rng_next(&g->rng) : flags);
	u16(g, rng_one_in(&g->rng, 4) ? 1 : rng_below(&g->rng, 100));
	properties(g, list, g->dirty ? COUNT(list) : COUNT(list) - 1, 3);
	client_id(g, id, sizeof(id));
	if (!id[0] && !g->v5 && !(flags & 2))
		snprintf(id, sizeof(id), "f1");
	string(g, id);
	if (has_will)
		will(g);
	if (kind == 0) {
		string(g, "d1");
		string(g, "wrong password");
	}
	g->connected = true;
	return seal(g, 0x10);
}

static uint16_t some_id(struct grammar *g)
{
	if (wrong(g))
		return (uint16_t)(rng_next(&g->rng) & 3);
	if (++g->next_id == 0)
		g->next_id = 1;
	return g->next_id;
}

static size_t publish(struct grammar *g)
{
	static const struct property list[] = {
		{ 0x01, 'b' }, { 0x02, 'l' }, { 0x03, 't' }, { 0x08, 't' }, { 0x09, 'x' }
	};
	uint32_t qos = wrong(g) ? 3 : rng_below(&g->rng, 3);
	bool by_alias = g->v5 && g->aliases && rng_one_in(&g->rng, 3);
	bool sets_alias = g->v5 && !by_alias && rng_one_in(&g->rng, 6);
	uint32_t alias = 1 + rng_below(&g->rng, wrong(g) ? 40 : 15);
	char name[1200];

	begin(g);
	while (by_alias && !wrong(g) && alias < 16 && !(g->aliases >> alias & 1))
		alias = alias % 15 + 1;
	if (by_alias)
		u16(g, 0);
	else
		text(g, name, topic(g, name, sizeof(name), wrong(g)));
	if (qos)
		u16(g, some_id(g));
	if (by_alias || sets_alias) {
		if (alias < 16)
			g->aliases |= (uint16_t)(1u << alias);
		u8(g, 3);
		u8(g, 0x23);
		u16(g, alias);
	} else {
		properties(g, list, COUNT(list), 6);
	}
	payload(g);
	return seal(g, (uint8_t)(0x30 | qos << 1 | rng_one_in(&g->rng, 6) |
	                         (qos && rng_one_in(&g->rng, 8) ? 8 : 0)));
}

static size_t subscribe(struct grammar *g)
{
	static const struct property list[] = { { 0x0b, 'v' } };
	uint32_t n = rng_one_in(&g->rng, 20) ? rng_below(&g->rng, 60) : 1 + rng_below(&g->rng, 4);
	char name[1200];

	begin(g);
	u16(g, some_id(g));
	properties(g, list, COUNT(list), 3);
	for (uint32_t i = 0; i < n; i++) {
		text(g, name, topic(g, name, sizeof(name), true));
		uint32_t options = rng_below(&g->rng, 3);
		if (g->v5)
			options |= rng_below(&g->rng, 3) << 4 | rng_below(&g->rng, 2) << 3;
		if (g->v5 && name[0] != '$')
			options |= rng_below(&g->rng, 2) << 2;
		u8(g, wrong(g) ? (uint32_t)rng_next(&g->rng) : options);
	}
	return seal(g, 0x82);
}

static size_t unsubscribe(struct grammar *g)
{
	uint32_t n = 1 + rng_below(&g->rng, 3);
	char name[1200];

	begin(g);
	u16(g, some_id(g));
	properties(g, NULL, 0, 1);
	for (uint32_t i = 0; i < n; i++)
		text(g, name, topic(g, name, sizeof(name), true));
	return seal(g, 0xa2);
}

static size_t ack(struct grammar *g, uint8_t first, uint16_t id)
{
	static const struct property list[] = { { 0x1f, 't' } };

	begin(g);
	u16(g, id);
	if (g->v5 && rng_one_in(&g->rng, 4)) {
		u8(g, rng_one_in(&g->rng, 3) ? 0x80 + rng_below(&g->rng, 32) : 0);
		if (rng_one_in(&g->rng, 2))
			properties(g, list, COUNT(list), 2);
	}
	return seal(g, first);
}

static size_t disconnect(struct grammar *g)
{
	static const struct property list[] = { { 0x11, 'l' }, { 0x1f, 't' } };

	begin(g);
	if (g->v5 && rng_one_in(&g->rng, 2)) {
		u8(g, rng_one_in(&g->rng, 2) ? 4 : 0);
		if (rng_one_in(&g->rng, 2))
			properties(g, list, COUNT(list), 3);
	}
	return seal(g, 0xe0);
}

/* What nobody asked for: acknowledgements of nothing, packets of the other side. */
static size_t stray(struct grammar *g)
{
	static const uint8_t firsts[] = {
		0x40, 0x50, 0x62, 0x70, 0x20, 0x90, 0xb0, 0xd0, 0xf0, 0x00
	};
	uint32_t which = rng_below(&g->rng, g->dirty ? COUNT(firsts) : 4);

	return ack(g, firsts[which], (uint16_t)(1 + rng_below(&g->rng, 20)));
}

size_t grammar_packet(struct grammar *g)
{
	if (!g->connected)
		return connect(g);
	uint32_t kind = rng_below(&g->rng, 100);
	if (kind < 55)
		return publish(g);
	if (kind < 72)
		return subscribe(g);
	if (kind < 78)
		return unsubscribe(g);
	if (kind < 86) {
		begin(g);
		return seal(g, 0xc0);
	}
	if (kind < 95)
		return stray(g);
	if (kind < 98)
		return disconnect(g);
	return g->dirty ? connect(g) : publish(g);
}

size_t grammar_answer(struct grammar *g, const uint8_t *packet, size_t n)
{
	uint8_t type = packet[0] >> 4;
	size_t at = 1;

	while (at < n && packet[at] & 128)
		at++;
	at++;
	if (type == 3) {
		uint32_t qos = packet[0] >> 1 & 3;
		if (!qos || at + 2 > n)
			return 0;
		at += 2 + ((size_t)packet[at] << 8 | packet[at + 1]);
		if (at + 2 > n)
			return 0;
		return ack(g, qos == 1 ? 0x40 : 0x50, (uint16_t)(packet[at] << 8 | packet[at + 1]));
	}
	if ((type != 5 && type != 6) || at + 2 > n)
		return 0;
	return ack(g, type == 5 ? 0x62 : 0x70, (uint16_t)(packet[at] << 8 | packet[at + 1]));
}

size_t grammar_mutate(struct grammar *g)
{
	uint32_t times = 1 + rng_below(&g->rng, 4);

	while (times--) {
		uint32_t at = rng_below(&g->rng, (uint32_t)g->n);
		switch (rng_below(&g->rng, 6)) {
		case 0:
			g->p[at] ^= (uint8_t)(1u << rng_below(&g->rng, 8));
			break;
		case 1:
			g->p[at] = (uint8_t)rng_next(&g->rng);
			break;
		case 2: /* too short for its length */
			g->n = at + 1;
			break;
		case 3: /* too long for its length */
			for (uint32_t i = rng_below(&g->rng, 20); i; i--)
				u8(g, (uint32_t)rng_next(&g->rng));
			break;
		case 4: /* another length */
			if (g->n > 1)
				g->p[1] = (uint8_t)rng_next(&g->rng);
			break;
		default: /* a piece twice */
			bytes(g, g->p + at, g->n - at > 64 ? 64 : g->n - at);
		}
	}
	return g->n;
}
