#include "peer.h"

#include <stdlib.h>
#include <string.h>

#include "properties.h"

static void text(struct writer *w, const char *s)
{
	writer_binary(w, s, strlen(s));
}

static void block(struct writer *w, const struct writer *props)
{
	writer_varint(w, (uint32_t)(props->n - WRITER_HEAD));
	writer_bytes(w, props->buf + WRITER_HEAD, props->n - WRITER_HEAD);
}

static void put_u32(struct writer *w, uint8_t id, uint32_t v)
{
	writer_u8(w, id);
	writer_u32(w, v);
}

static void send(struct peer *p, struct writer *w, uint8_t first)
{
	struct sb_bytes b = writer_seal(w, first);
	assert_true(b.n > 0);
	fake_feed(p->conn, b.p, b.n);
}

struct peer peer_dial(struct fake *f, uint8_t version)
{
	struct peer p = { .fake = f, .conn = fake_connect(f), .v5 = version == 5 };
	return p;
}

static uint8_t flags_of(const struct peer_login *l)
{
	uint8_t flags = l->keep ? 0 : 2;
	if (l->user)
		flags |= 0xc0;
	if (l->will_topic)
		flags |= (uint8_t)(4 | l->will_qos << 3 | l->will_retain << 5);
	return flags;
}

void peer_connect(struct peer *p, const struct peer_login *l)
{
	uint8_t buf[1024], sub[256];
	struct writer w = writer_of(buf, sizeof(buf));
	struct writer props = writer_of(sub, sizeof(sub));

	text(&w, "MQTT");
	writer_u8(&w, l->version);
	writer_u8(&w, flags_of(l));
	writer_u16(&w, l->keepalive_s);
	if (l->expiry_s)
		put_u32(&props, PROPERTY_SESSION_EXPIRY, l->expiry_s);
	if (l->max_packet)
		put_u32(&props, PROPERTY_MAXIMUM_PACKET, l->max_packet);
	if (l->receive_maximum) {
		writer_u8(&props, PROPERTY_RECEIVE_MAXIMUM);
		writer_u16(&props, l->receive_maximum);
	}
	writer_bytes(&props, l->props, l->props_n);
	if (p->v5)
		block(&w, &props);
	text(&w, l->id);
	if (l->will_topic) {
		props = writer_of(sub, sizeof(sub));
		if (l->will_delay_s)
			put_u32(&props, PROPERTY_WILL_DELAY, l->will_delay_s);
		writer_bytes(&props, l->will_props, l->will_props_n);
		if (p->v5)
			block(&w, &props);
		text(&w, l->will_topic);
		text(&w, l->will_payload);
	}
	if (l->user) {
		text(&w, l->user);
		text(&w, "right");
	}
	send(p, &w, PACKET_CONNECT << 4);
}

struct peer peer_up(struct fake *f, const struct peer_login *login, bool *present)
{
	struct peer p = peer_dial(f, login->version);
	peer_connect(&p, login);
	struct packet ack = peer_expect(&p, PACKET_CONNACK);
	assert_int_equal(ack.body.p[1], 0);
	if (present)
		*present = ack.body.p[0];
	return p;
}

void peer_publish(struct peer *p, const char *topic, const char *payload, uint8_t flags,
                  uint16_t id, const void *props, size_t props_n)
{
	size_t n = strlen(topic) + strlen(payload) + props_n + 64;
	uint8_t *buf = malloc(n);
	struct writer w = writer_of(buf, n);

	text(&w, topic);
	if (flags & 6)
		writer_u16(&w, id);
	if (p->v5) {
		writer_varint(&w, (uint32_t)props_n);
		writer_bytes(&w, props, props_n);
	}
	writer_bytes(&w, payload, strlen(payload));
	send(p, &w, PACKET_PUBLISH << 4 | flags);
	free(buf);
}

void peer_subscribe(struct peer *p, const char *filter, uint8_t options, uint32_t identifier)
{
	uint8_t buf[1024];
	struct writer w = writer_of(buf, sizeof(buf));

	writer_u16(&w, 77);
	if (p->v5 && identifier) {
		writer_varint(&w, 1 + packet_varint_size(identifier));
		writer_u8(&w, PROPERTY_SUBSCRIPTION_ID);
		writer_varint(&w, identifier);
	} else if (p->v5) {
		writer_u8(&w, 0);
	}
	text(&w, filter);
	writer_u8(&w, options);
	send(p, &w, PACKET_SUBSCRIBE << 4 | 2);
}

void peer_unsubscribe(struct peer *p, const char *filter)
{
	uint8_t buf[1024];
	struct writer w = writer_of(buf, sizeof(buf));

	writer_u16(&w, 78);
	if (p->v5)
		writer_u8(&w, 0);
	text(&w, filter);
	send(p, &w, PACKET_UNSUBSCRIBE << 4 | 2);
}

void peer_ack(struct peer *p, uint8_t type, uint16_t id)
{
	uint8_t first = (uint8_t)(type << 4 | (type == PACKET_PUBREL ? 2 : 0));
	uint8_t b[4] = { first, 2, (uint8_t)(id >> 8), (uint8_t)id };
	fake_feed(p->conn, b, sizeof(b));
}

void peer_disconnect(struct peer *p, uint8_t reason)
{
	uint8_t b[3] = { PACKET_DISCONNECT << 4, reason ? 1 : 0, reason };
	fake_feed(p->conn, b, reason ? 3 : 2);
	fake_turn(p->fake);
}

void peer_raw(struct peer *p, const void *bytes, size_t n)
{
	fake_feed(p->conn, bytes, n);
}

bool peer_next(struct peer *p, struct packet *out)
{
	struct fake_conn *c = p->conn;
	struct packet whole;

	int r = packet_frame((struct sb_bytes){ c->out, c->out_n }, UINT32_MAX, &whole);
	assert_true(r >= 0);
	if (!r)
		return false;
	assert_true(whole.total <= sizeof(p->buf));
	memcpy(p->buf, c->out, whole.total);
	memmove(c->out, c->out + whole.total, c->out_n - whole.total);
	c->out_n -= whole.total;
	*out = whole;
	out->body.p = p->buf + (whole.total - whole.body.n);
	return true;
}

struct packet peer_expect(struct peer *p, uint8_t type)
{
	struct packet pk = { 0 };
	assert_true(peer_next(p, &pk));
	assert_int_equal(pk.type, type);
	return pk;
}

void peer_expect_nothing(struct peer *p)
{
	assert_int_equal(p->conn->out_n, 0);
	assert_false(p->conn->closing);
}

uint8_t peer_expect_ack(struct peer *p, uint8_t type, uint16_t id)
{
	struct packet pk = peer_expect(p, type);
	assert_true(pk.body.n >= 2);
	assert_int_equal(pk.body.p[0] << 8 | pk.body.p[1], id);
	return pk.body.n > 2 ? pk.body.p[2] : 0;
}

uint8_t peer_subscribed(struct peer *p, const char *filter, uint8_t options)
{
	peer_subscribe(p, filter, options, 0);
	struct packet pk = peer_expect(p, PACKET_SUBACK);
	return pk.body.p[pk.body.n - 1];
}

static void take_properties(struct cursor *in, struct peer_message *m)
{
	m->props_n = cursor_varint(in);
	assert_true(m->props_n <= sizeof(m->props));
	struct sb_bytes all = cursor_bytes(in, m->props_n);
	memcpy(m->props, all.p, all.n);
	struct cursor c = cursor_of(all);
	while (cursor_left(&c)) {
		uint8_t id = cursor_u8(&c);
		if (id == PROPERTY_SUBSCRIPTION_ID) {
			m->ids[m->n_ids++] = cursor_varint(&c);
		} else if (id == PROPERTY_MESSAGE_EXPIRY) {
			m->has_expiry = true;
			m->expiry_s = cursor_u32(&c);
		} else if (id == PROPERTY_TOPIC_ALIAS) {
			m->alias = cursor_u16(&c);
		} else {
			return;
		}
	}
}

struct peer_message peer_expect_publish(struct peer *p, const char *topic, const char *payload)
{
	struct peer_message m = { 0 };
	struct packet pk = peer_expect(p, PACKET_PUBLISH);
	struct cursor in = cursor_of(pk.body);
	struct sb_str name = cursor_string(&in);

	m.qos = pk.flags >> 1 & 3;
	m.retain = pk.flags & 1;
	m.dup = pk.flags >> 3;
	assert_true(name.n < sizeof(m.topic));
	memcpy(m.topic, name.p, name.n);
	if (m.qos)
		m.id = cursor_u16(&in);
	if (p->v5)
		take_properties(&in, &m);
	assert_false(in.bad);
	assert_true(cursor_left(&in) < sizeof(m.payload));
	memcpy(m.payload, in.p, cursor_left(&in));
	if (topic)
		assert_string_equal(m.topic, topic);
	if (payload)
		assert_string_equal(m.payload, payload);
	return m;
}

void peer_expect_closed(struct peer *p, uint8_t reason)
{
	if (p->v5) {
		struct packet pk = peer_expect(p, PACKET_DISCONNECT);
		assert_int_equal(pk.body.p[0], reason);
	}
	assert_int_equal(p->conn->out_n, 0);
	assert_true(p->conn->closing || p->conn->closed);
	fake_turn(p->fake);
}

struct peer peer_plain(struct fake *f, const char *id, uint8_t version)
{
	return peer_up(f, &(struct peer_login){ .id = id, .version = version }, NULL);
}

int peer_setup(void **state)
{
	struct fake *f = fake_new();
	fake_set(f, "anonymous", 1);
	fake_start(f);
	*state = f;
	return 0;
}

int peer_teardown(void **state)
{
	fake_free(*state);
	return 0;
}
