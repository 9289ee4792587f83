#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "properties.h"
#include "reason.h"

/* CONNECT byte by byte, and how connections end. */

enum { V4 = 4, V5 = 5, CLEAN = 2, WILL = 4, WILL_RETAIN = 0x20, PASSWORD = 0x40, USER = 0x80 };

struct hello {
	uint8_t version, flags;
	const char *fields[6]; /* of the payload, in order; the first after the properties */
	struct sb_bytes props; /* 5.0 */
};

static void text(struct writer *w, const char *s)
{
	writer_binary(w, s, strlen(s));
}

static struct peer say(struct fake *f, const struct hello *h)
{
	struct peer p = peer_dial(f, h->version);
	uint8_t buf[600];
	struct writer w = writer_of(buf, sizeof(buf));

	text(&w, "MQTT");
	writer_u8(&w, h->version);
	writer_u8(&w, h->flags);
	writer_u16(&w, 0);
	if (h->version == V5) {
		writer_varint(&w, (uint32_t)h->props.n);
		writer_bytes(&w, h->props.p, h->props.n);
	}
	for (int i = 0; i < 6 && h->fields[i]; i++) {
		/* The properties of a will: none. */
		if (i == 1 && h->flags & WILL && h->version == V5)
			writer_u8(&w, 0);
		text(&w, h->fields[i]);
	}
	struct sb_bytes b = writer_seal(&w, 0x10);
	peer_raw(&p, b.p, b.n);
	return p;
}

/* The code of the CONNACK, -1 if there is none; closed unless it is 0. */
static int answer(struct fake *f, const struct hello *h)
{
	struct peer p = say(f, h);
	struct packet pk;

	if (!peer_next(&p, &pk)) {
		assert_true(p.conn->closing);
		return -1;
	}
	assert_int_equal(pk.type, PACKET_CONNACK);
	int code = pk.body.p[1];
	assert_int_equal(p.conn->closing, code != 0);
	if (code)
		assert_int_equal(pk.body.p[0], 0);
	peer_disconnect(&p, 0);
	return code;
}

static void the_payload_is_what_the_flags_say(void **state)
{
	static const struct {
		uint8_t flags;
		const char *fields[6];
	} bad[] = {
		{ CLEAN, { NULL } },                               /* no identifier */
		{ CLEAN, { "c", "user" } },                        /* a name without its flag */
		{ CLEAN | USER, { "c" } },                         /* a flag without its name */
		{ CLEAN | USER, { "c", "user", "pw" } },           /* a password without its flag */
		{ CLEAN | USER | PASSWORD, { "c", "user" } },      /* a flag without its password */
		{ CLEAN | WILL, { "c" } },                         /* no will */
		{ CLEAN | WILL, { "c", "topic" } },                /* no payload */
		{ CLEAN, { "c", "topic", "payload" } },            /* a will without its flag */
		{ CLEAN | WILL_RETAIN, { "c" } },                  /* retain of no will */
		{ CLEAN | 8, { "c" } },                            /* QoS of no will */
		{ CLEAN | WILL | 0x18, { "c", "topic", "text" } }, /* will QoS 3 */
		{ CLEAN | 1, { "c" } },                            /* reserved flag */
		{ CLEAN, { "\xff" } },                             /* identifier is not UTF-8 */
		{ CLEAN | WILL, { "c", "\xc0\x80", "x" } },        /* will topic is not UTF-8 */
		{ CLEAN | USER, { "c", "\xed\xa0\x80" } },         /* user name is not UTF-8 */
	};
	struct fake *f = *state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct hello h = { .version = V5, .flags = bad[i].flags };
		memcpy(h.fields, bad[i].fields, sizeof(h.fields));
		assert_int_equal(answer(f, &h), REASON_MALFORMED);
		/* 3.1.1 closes without a word. */
		h.version = V4;
		assert_int_equal(answer(f, &h), -1);
	}
	/* 3.1.1 knows no password without a name, 5.0 does. */
	struct hello h = { .version = V4, .flags = CLEAN | PASSWORD, .fields = { "c", "pw" } };
	assert_int_equal(answer(f, &h), -1);
	h.version = V5;
	assert_int_equal(answer(f, &h), 0);
	assert_int_equal(fake_metric(f, "sessions"), 0);
}

static void the_fields_come_in_their_order(void **state)
{
	struct fake *f = *state;
	struct peer w = peer_plain(f, "watch", V5);
	assert_int_equal(peer_subscribed(&w, "last", 1), 1);
	struct hello h = { .version = V5,
		           .flags = CLEAN | WILL | USER | PASSWORD,
		           .fields = { "c", "last", "words", "user:u", "right" } };
	for (h.version = V4; h.version <= V5; h.version++) {
		struct peer p = say(f, &h);
		assert_int_equal(peer_expect(&p, PACKET_CONNACK).body.p[1], 0);
		fake_hangup(p.conn);
		peer_expect_publish(&w, "last", "words");
	}
}

static void refusals_have_the_code_of_their_version(void **state)
{
	struct fake *f = *state;
	struct hello wrong = { .flags = CLEAN | USER | PASSWORD,
		               .fields = { "c", "device:d1", "wrong" } };
	struct hello name = { .flags = CLEAN, .fields = { "tab\t" } };
	struct hello empty = { .flags = 0, .fields = { "" } };
	wrong.version = name.version = empty.version = V4;
	assert_int_equal(answer(f, &wrong), 4);
	assert_int_equal(answer(f, &name), 2);
	assert_int_equal(answer(f, &empty), 2);
	wrong.version = name.version = empty.version = V5;
	assert_int_equal(answer(f, &wrong), REASON_BAD_LOGIN);
	assert_int_equal(answer(f, &name), REASON_BAD_CLIENT_ID);
	/* 5.0 gives it a name and keeps the session. */
	assert_int_equal(answer(f, &empty), 0);
	/* What 3.1.1 has no code for is closed without one. */
	struct hello will = { .version = V4, .flags = CLEAN | WILL, .fields = { "c", "a/#", "x" } };
	assert_int_equal(answer(f, &will), -1);
	will.version = V5;
	assert_int_equal(answer(f, &will), REASON_BAD_TOPIC);
}

static void every_identifier_of_letters_and_digits_is_taken(void **state)
{
	struct fake *f = *state;
	static const char all[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char id[24] = { 0 };
	for (size_t n = 1; n <= 23; n++) {
		memcpy(id, all + (n % 3) * 19, n);
		struct hello h = { .version = n % 2 ? V4 : V5, .flags = CLEAN, .fields = { id } };
		assert_int_equal(answer(f, &h), 0);
	}
}

static void what_follows_a_refused_connect_is_not_looked_at(void **state)
{
	struct fake *f = *state;
	struct peer w = peer_plain(f, "watch", V5);
	assert_int_equal(peer_subscribed(&w, "#", 1), 1);
	struct peer p = peer_dial(f, V4);
	/* CONNECT with a wrong login, and a PUBLISH in the same segment. */
	peer_raw(&p,
	         "\x10\x1f\0\4MQTT\4\xc2\0\0\0\1c\0\x09"
	         "device:d1\0\5wrong\x30\4\0\1ax",
	         39);
	assert_int_equal(peer_expect(&p, PACKET_CONNACK).body.p[1], 4);
	assert_true(p.conn->closing);
	fake_turn(f);
	peer_expect_nothing(&w);
}

static void enhanced_authentication_is_refused(void **state)
{
	struct fake *f = *state;
	static const uint8_t method[] = { PROPERTY_AUTH_METHOD, 0, 1, 'x' };
	static const uint8_t data[] = { PROPERTY_AUTH_DATA, 0, 1, 'x' };
	struct hello h = { .version = V5, .flags = CLEAN, .fields = { "c" } };
	h.props = (struct sb_bytes){ method, sizeof(method) };
	assert_int_equal(answer(f, &h), REASON_BAD_AUTH_METHOD);
	h.props = (struct sb_bytes){ data, sizeof(data) };
	assert_int_equal(answer(f, &h), REASON_PROTOCOL_ERROR);
	/* Nothing was agreed on, so that AUTH has no place; with flags it is malformed. */
	struct peer p = peer_plain(f, "c", V5);
	peer_raw(&p, "\xf0\2\x19\0", 4);
	peer_expect_closed(&p, REASON_PROTOCOL_ERROR);
	p = peer_plain(f, "c", V5);
	peer_raw(&p, "\xf1\2\x19\0", 4);
	peer_expect_closed(&p, REASON_MALFORMED);
	/* 3.1.1 has no such packet. */
	p = peer_plain(f, "c", V4);
	peer_raw(&p, "\xf0\0", 2);
	peer_expect_closed(&p, 0);
}

static void a_will_is_retained_as_it_asks(void **state)
{
	struct fake *f = *state;
	struct peer_login login = {
		.id = "s", .version = V5, .will_topic = "last", .will_payload = "words"
	};
	struct peer p = peer_up(f, &login, NULL), w = peer_plain(f, "w", V5);
	fake_hangup(p.conn);
	peer_subscribed(&w, "last", 1);
	peer_expect_nothing(&w);
	assert_int_equal(fake_metric(f, "retained"), 0);
	login.will_retain = true;
	login.will_qos = 1;
	p = peer_up(f, &login, NULL);
	fake_hangup(p.conn);
	assert_false(peer_expect_publish(&w, "last", "words").retain);
	struct peer late = peer_plain(f, "late", V4);
	peer_subscribed(&late, "last", 1);
	struct peer_message m = peer_expect_publish(&late, "last", "words");
	assert_true(m.retain);
	assert_int_equal(m.qos, 1);
}

static void a_will_carries_its_properties(void **state)
{
	struct fake *f = *state;
	static const uint8_t props[] = { PROPERTY_USER,
		                         0,
		                         1,
		                         'k',
		                         0,
		                         1,
		                         '1',
		                         PROPERTY_MESSAGE_EXPIRY,
		                         0,
		                         0,
		                         0,
		                         50,
		                         PROPERTY_CONTENT_TYPE,
		                         0,
		                         1,
		                         'T',
		                         PROPERTY_USER,
		                         0,
		                         1,
		                         'k',
		                         0,
		                         1,
		                         '2' };
	static const uint8_t want[] = {
		PROPERTY_USER, 0, 1, 'k', 0, 1, '1', PROPERTY_CONTENT_TYPE, 0, 1, 'T',
		PROPERTY_USER, 0, 1, 'k', 0, 1, '2'
	};
	struct peer_login login = { .id = "s",
		                    .version = V5,
		                    .will_topic = "last",
		                    .will_payload = "words",
		                    .will_props = props,
		                    .will_props_n = sizeof(props) };
	struct peer w = peer_plain(f, "w", V5);
	peer_subscribed(&w, "last", 1);
	struct peer p = peer_up(f, &login, NULL);
	/* Its time begins when it is published. */
	fake_seconds(f, 300);
	fake_hangup(p.conn);
	struct peer_message m = peer_expect_publish(&w, "last", "words");
	assert_int_equal(m.expiry_s, 50);
	assert_int_equal(m.props_n, sizeof(want) + 5);
	assert_memory_equal(m.props + 5, want, sizeof(want));
}

static void a_will_is_published_once(void **state)
{
	struct fake *f = *state;
	struct peer_login login = { .id = "s",
		                    .version = V5,
		                    .will_topic = "last",
		                    .will_payload = "words",
		                    .keep = true,
		                    .expiry_s = 100 };
	struct peer w = peer_plain(f, "w", V5), p = peer_up(f, &login, NULL);
	peer_subscribed(&w, "last", 1);
	fake_hangup(p.conn);
	peer_expect_publish(&w, "last", "words");
	fake_seconds(f, 200);
	peer_expect_nothing(&w);
	/* Back without a will: there is none any more. */
	p = peer_up(f, &login, NULL);
	peer_disconnect(&p, 0);
	login.will_topic = NULL;
	p = peer_up(f, &login, NULL);
	fake_hangup(p.conn);
	fake_seconds(f, 200);
	peer_expect_nothing(&w);
}

static void disconnect_is_checked_and_ends_it(void **state)
{
	static const struct {
		uint8_t bytes[12], n, reason;
	} cases[] = {
		{ { 0xe1, 0 }, 2, REASON_MALFORMED },                            /* flags */
		{ { 0xe0, 3, 0, 2, 99 }, 5, REASON_MALFORMED },                  /* properties */
		{ { 0xe0, 7, 0, 5, 17, 0, 0, 0, 9 }, 9, REASON_PROTOCOL_ERROR }, /* was 0 */
		{ { 0xe0, 3, 0, 0, 0 }, 5, REASON_MALFORMED },                   /* longer */
		{ { 0xe0, 6, 0, 4, 17, 0, 0, 0 }, 8, REASON_MALFORMED },         /* cut */
		{ { 0xe0, 5, 0, 3, 33, 0, 9 }, 7, REASON_PROTOCOL_ERROR },       /* not its own */
	};
	struct fake *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer p = peer_plain(f, "m", V5);
		peer_raw(&p, cases[i].bytes, cases[i].n);
		peer_expect_closed(&p, cases[i].reason);
	}
	/* Nothing is read behind it, and nothing is answered to it. */
	for (uint8_t version = V4; version <= V5; version++) {
		struct peer p = peer_plain(f, "m", version);
		peer_raw(&p, "\xe0\0\xc0\0", 4);
		assert_int_equal(p.conn->out_n, 0);
		assert_true(p.conn->closing);
		fake_turn(f);
	}
	struct peer old = peer_plain(f, "m", V4);
	peer_raw(&old, "\xe0\1\0", 3);
	peer_expect_closed(&old, 0);
}

static void disconnect_may_shorten_the_session(void **state)
{
	struct fake *f = *state;
	struct peer_login login = { .id = "s", .version = V5, .keep = true, .expiry_s = 100 };
	struct peer p = peer_up(f, &login, NULL);
	bool present;
	peer_raw(&p, "\xe0\7\0\5\x11\0\0\0\x05", 9);
	fake_turn(f);
	fake_seconds(f, 4);
	assert_int_equal(fake_metric(f, "sessions"), 1);
	fake_seconds(f, 2);
	assert_int_equal(fake_metric(f, "sessions"), 0);
	p = peer_up(f, &login, &present);
	assert_false(present);
	peer_raw(&p, "\xe0\7\0\5\x11\0\0\0\0", 9);
	fake_turn(f);
	assert_int_equal(fake_metric(f, "sessions"), 0);
}

static void a_session_does_not_end_while_it_is_connected(void **state)
{
	struct fake *f = *state;
	struct peer_login login = { .id = "s", .version = V5, .keep = true, .expiry_s = 1 };
	struct peer p = peer_up(f, &login, NULL);
	peer_subscribed(&p, "a", 1);
	fake_seconds(f, 1000);
	peer_publish(&p, "a", "x", 0, 0, NULL, 0);
	peer_expect_publish(&p, "a", "x");
}

static void retained_messages_are_no_part_of_a_session(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "s", V4);
	peer_publish(&p, "a", "x", 1, 0, NULL, 0);
	peer_disconnect(&p, 0);
	assert_int_equal(fake_metric(f, "sessions"), 0);
	p = peer_plain(f, "s", V4);
	peer_subscribed(&p, "a", 0);
	assert_true(peer_expect_publish(&p, "a", "x").retain);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_setup, peer_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_payload_is_what_the_flags_say),
		TEST(the_fields_come_in_their_order),
		TEST(refusals_have_the_code_of_their_version),
		TEST(every_identifier_of_letters_and_digits_is_taken),
		TEST(what_follows_a_refused_connect_is_not_looked_at),
		TEST(enhanced_authentication_is_refused),
		TEST(a_will_is_retained_as_it_asks),
		TEST(a_will_carries_its_properties),
		TEST(a_will_is_published_once),
		TEST(disconnect_is_checked_and_ends_it),
		TEST(disconnect_may_shorten_the_session),
		TEST(a_session_does_not_end_while_it_is_connected),
		TEST(retained_messages_are_no_part_of_a_session),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
