/* The parser of every packet a client sends, behind a fixed header that is always right: a first
 * byte (version, connected or not, sessions kept or not), then packets: first byte, length, body. A
 * second client subscribes to everything. Whatever the server answers must itself be well formed.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "packet.h"

static const uint8_t hello4[] = { 0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 9, 0, 1, 'a' };
static const uint8_t hello5[] = { 0x10, 25, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 9, 11, 17,
	                          0,    0,  0, 9, 34,  0,   2,   33,  0, 4, 0, 1, 'a' };
static const uint8_t watch5[] = { 0x10, 28,  0,   4,   'M', 'Q', 'T', 'T', 5,    2, 0,
	                          0,    8,   39,  0,   0,   1,   0,   34,  0,    1, 0,
	                          7,    'w', 'a', 't', 'c', 'h', 'e', 'r', 0x82, 9, 0,
	                          1,    2,   11,  5,   0,   1,   '#', 2 };

static void feed(struct fake_conn *c, uint8_t first, const uint8_t *body, size_t n)
{
	uint8_t *buf = malloc(WRITER_HEAD + n);
	struct writer w = writer_of(buf, WRITER_HEAD + n);

	writer_bytes(&w, body, n);
	struct sb_bytes packet = writer_seal(&w, first);
	fake_feed(c, packet.p, packet.n);
	free(buf);
}

/* The reason codes the standard has for each packet of a server, 0 at their end. */
static const uint8_t codes[16][32] = {
	[PACKET_CONNACK] = { 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a,
	                     0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f },
	[PACKET_PUBACK] = { 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99 },
	[PACKET_PUBREC] = { 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99 },
	[PACKET_PUBREL] = { 0x92 },
	[PACKET_PUBCOMP] = { 0x92 },
	[PACKET_SUBACK] = { 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2 },
	[PACKET_UNSUBACK] = { 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91 },
	[PACKET_DISCONNECT] = { 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e,
	                        0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
	                        0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2 },
};

static void check_code(uint8_t type, uint8_t code)
{
	if (code && !strchr((const char *)codes[type], code))
		abort();
}

static void check_codes(const struct packet *p, bool v5)
{
	struct cursor c = cursor_of(p->body);

	if (p->type == PACKET_CONNACK && !v5 && p->body.p[1] > 5)
		abort();
	if (p->type == PACKET_PUBLISH || p->type == PACKET_PINGRESP || !v5)
		return;
	if (p->type != PACKET_DISCONNECT)
		cursor_u16(&c);
	if (p->type == PACKET_CONNACK)
		check_code(p->type, p->body.p[1]);
	else if (p->type != PACKET_SUBACK && p->type != PACKET_UNSUBACK && cursor_left(&c))
		check_code(p->type, cursor_u8(&c));
	if (cursor_left(&c))
		cursor_bytes(&c, cursor_varint(&c));
	while (!c.bad && cursor_left(&c))
		check_code(p->type, cursor_u8(&c));
	if (c.bad)
		abort();
}

/* Everything written so far is a row of packets a server may send, none beyond `max`. */
static void check(struct fake_conn *c, uint32_t max, bool *v5)
{
	struct sb_bytes rest = { c->out, c->out_n };
	struct packet p;

	while (rest.n) {
		if (packet_frame(rest, max, &p) != 1)
			abort();
		if (p.type == PACKET_CONNECT || p.type == PACKET_SUBSCRIBE ||
		    p.type == PACKET_UNSUBSCRIBE || p.type == PACKET_PINGREQ ||
		    p.type == PACKET_AUTH)
			abort();
		if (p.type == PACKET_PUBLISH && (p.flags >> 1 & 3) == 3)
			abort();
		if (p.type == PACKET_CONNACK)
			*v5 = p.body.n > 2;
		check_codes(&p, *v5);
		rest.p += p.total;
		rest.n -= p.total;
	}
	c->out_n = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (!n)
		return 0;
	bool v5 = false;
	bool watches = true;
	struct fake *f = fake_new();
	fake_set(f, "anonymous", 1);
	f->keeps = data[0] & 4;
	fake_set(f, "max_retained", 8);
	fake_set(f, "max_subscriptions", 8);
	fake_start(f);
	struct fake_conn *watcher = fake_connect(f), *c = fake_connect(f);
	fake_feed(watcher, watch5, sizeof(watch5));
	if (data[0] & 1)
		fake_feed(c, data[0] & 2 ? hello5 : hello4,
		          data[0] & 2 ? sizeof(hello5) : sizeof(hello4));
	for (size_t at = 1; at + 1 < n;) {
		uint8_t first = data[at];
		size_t len = data[at + 1];
		at += 2;
		if (len > n - at)
			len = n - at;
		feed(c, first, data + at, len);
		at += len;
		fake_complete(f, 2, 0);
		check(c, UINT32_MAX, &v5);
		check(watcher, 256, &watches);
	}
	fake_hangup(c);
	fake_seconds(f, 20);
	check(watcher, 256, &watches);
	/* Nobody else is hurt by whatever it was. */
	if (watcher->closing || watcher->closed)
		abort();
	fake_free(f);
	return 0;
}
