#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "properties.h"
#include "reason.h"

/* Rules of the standard about packets between CONNECT and DISCONNECT. */

static void reserved_flags_are_as_they_have_to_be(void **state)
{
	static const uint8_t firsts[] = { 0x81, 0x80, 0x83, 0x8a, 0xa0, 0xa3, 0x60,
		                          0x63, 0x41, 0x51, 0x71, 0xc1, 0xe1, 0xf1 };
	struct fake *f = *state;
	for (size_t i = 0; i < sizeof(firsts); i++) {
		for (uint8_t version = 4; version <= 5; version++) {
			struct peer p = peer_plain(f, "p", version);
			/* Identifier 1, no properties, the filter "a" with QoS 0: right for most.
			 */
			uint8_t b[] = { firsts[i], 7, 0, 1, 0, 0, 1, 'a', 0 };
			peer_raw(&p, b, sizeof(b));
			peer_expect_closed(&p, REASON_MALFORMED);
		}
	}
}

static void what_is_not_utf8_is_malformed(void **state)
{
	static const struct {
		uint8_t bytes[24], n;
	} cases[] = {
		{ { 0x82, 7, 0, 1, 0, 0, 1, 0xff, 0 }, 9 },                    /* SUBSCRIBE */
		{ { 0xa2, 6, 0, 1, 0, 0, 1, 0xff }, 8 },                       /* UNSUBSCRIBE */
		{ { 0x82, 7, 0, 1, 0, 0, 1, 0, 0 }, 9 },                       /* U+0000 */
		{ { 0x30, 4, 0, 1, 0, 0 }, 6 },                                /* topic U+0000 */
		{ { 0x30, 8, 0, 1, 'a', 4, 8, 0, 1, 0xc0 }, 10 },              /* response topic */
		{ { 0x30, 8, 0, 1, 'a', 4, 3, 0, 1, 0xc0 }, 10 },              /* content type */
		{ { 0x30, 11, 0, 1, 'a', 7, 38, 0, 1, 0xc0, 0, 1, 'v' }, 13 }, /* user key */
		{ { 0x30, 11, 0, 1, 'a', 7, 38, 0, 1, 'k', 0, 1, 0xc0 }, 13 }, /* user value */
		{ { 0x40, 8, 0, 1, 0x80, 4, 31, 0, 1, 0xc0 }, 10 },            /* reason string */
	};
	struct fake *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer p = peer_plain(f, "p", 5);
		peer_raw(&p, cases[i].bytes, cases[i].n);
		peer_expect_closed(&p, REASON_MALFORMED);
	}
}

static void names_are_compared_byte_by_byte(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5);
	/* A composed letter, the same decomposed, and a byte order mark are three names. */
	static const char *const names[] = { "caf\303\251", "cafe\314\201",
		                             "\357\273\277caf\303\251", "CAF\303\211" };
	peer_subscribed(&p, names[0], 0);
	for (int i = 1; i < 4; i++)
		peer_publish(&p, names[i], "x", 0, 0, NULL, 0);
	peer_expect_nothing(&p);
	peer_publish(&p, names[0], "x", 0, 0, NULL, 0);
	peer_expect_publish(&p, names[0], "x");
	peer_subscribed(&p, names[2], 0);
	peer_publish(&p, names[2], "x", 0, 0, NULL, 0);
	peer_expect_publish(&p, names[2], "x");
	peer_expect_nothing(&p);
}

static void the_retained_message_changes_with_retained_ones_only(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 4);
	peer_publish(&p, "a", "kept", 3, 1, NULL, 0);
	peer_expect_ack(&p, PACKET_PUBACK, 1);
	peer_publish(&p, "a", "passing", 0, 0, NULL, 0);
	peer_publish(&p, "a", "", 0, 0, NULL, 0);
	peer_subscribed(&p, "a", 2);
	struct peer_message m = peer_expect_publish(&p, "a", "kept");
	assert_int_equal(m.qos, 1);
	peer_ack(&p, PACKET_PUBACK, m.id);
	/* The next one replaces it, its QoS too. */
	peer_publish(&p, "a", "newer", 1, 0, NULL, 0);
	peer_expect_publish(&p, "a", "newer");
	peer_subscribed(&p, "a", 2);
	assert_int_equal(peer_expect_publish(&p, "a", "newer").qos, 0);
	peer_expect_nothing(&p);
}

static void an_expired_retained_message_is_not_sent(void **state)
{
	struct fake *f = *state;
	static const uint8_t ten[] = { PROPERTY_MESSAGE_EXPIRY, 0, 0, 0, 10 };
	struct peer p = peer_plain(f, "p", 5);
	peer_publish(&p, "a", "x", 1, 0, ten, sizeof(ten));
	fake_seconds(f, 4);
	peer_subscribed(&p, "a", 0);
	assert_int_equal(peer_expect_publish(&p, "a", "x").expiry_s, 6);
	fake_seconds(f, 7);
	peer_subscribed(&p, "a", 0);
	peer_expect_nothing(&p);
}

static void what_expires_at_once_reaches_who_is_there(void **state)
{
	struct fake *f = *state;
	static const uint8_t now[] = { PROPERTY_MESSAGE_EXPIRY, 0, 0, 0, 0 };
	struct peer_login login = { .id = "s", .version = 5, .keep = true, .expiry_s = 100 };
	struct peer p = peer_plain(f, "p", 5), s = peer_up(f, &login, NULL);
	peer_subscribed(&p, "a", 1);
	peer_subscribed(&s, "a", 1);
	fake_hangup(s.conn);
	peer_publish(&p, "a", "x", 0, 0, now, sizeof(now));
	assert_int_equal(peer_expect_publish(&p, "a", "x").expiry_s, 0);
	peer_publish(&p, "a", "y", 2, 1, now, sizeof(now));
	peer_expect_publish(&p, "a", "y");
	s = peer_up(f, &login, NULL);
	peer_expect_nothing(&s);
}

static void aliases_of_a_client_end_with_its_connection(void **state)
{
	struct fake *f = *state;
	struct peer_login login = { .id = "s", .version = 5, .keep = true, .expiry_s = 100 };
	struct peer p = peer_up(f, &login, NULL);
	peer_subscribed(&p, "#", 0);
	/* All of them up to the maximum. */
	for (uint8_t i = 1; i <= 16; i++) {
		uint8_t alias[] = { PROPERTY_TOPIC_ALIAS, 0, i };
		char topic[4] = { 't', (char)('a' + i), 0 };
		peer_publish(&p, topic, "1", 0, 0, alias, 3);
		peer_expect_publish(&p, topic, "1");
		peer_publish(&p, "", "2", 0, 0, alias, 3);
		peer_expect_publish(&p, topic, "2");
	}
	/* A number stands for the topic it was given last. */
	static const uint8_t one[] = { PROPERTY_TOPIC_ALIAS, 0, 1 };
	static const uint8_t none[] = { PROPERTY_TOPIC_ALIAS, 0, 0 };
	peer_publish(&p, "other", "3", 0, 0, one, 3);
	peer_expect_publish(&p, "other", "3");
	peer_publish(&p, "", "4", 0, 0, one, 3);
	peer_expect_publish(&p, "other", "4");
	fake_hangup(p.conn);
	p = peer_up(f, &login, NULL);
	peer_publish(&p, "", "5", 0, 0, one, 3);
	peer_expect_closed(&p, REASON_PROTOCOL_ERROR);
	p = peer_up(f, &login, NULL);
	peer_publish(&p, "a", "6", 0, 0, none, 3);
	peer_expect_closed(&p, REASON_BAD_ALIAS);
}

static void a_full_window_holds_back_publishes_only(void **state)
{
	struct fake *f = *state;
	struct peer p =
		peer_up(f, &(struct peer_login){ .id = "p", .version = 5, .receive_maximum = 1 },
	                NULL);
	peer_subscribed(&p, "a", 2);
	peer_subscribed(&p, "zero", 0);
	peer_publish(&p, "a", "1", 4, 1, NULL, 0);
	peer_publish(&p, "a", "2", 4, 2, NULL, 0);
	uint16_t id = peer_expect_publish(&p, "a", "1").id;
	peer_expect_ack(&p, PACKET_PUBREC, 1);
	peer_expect_ack(&p, PACKET_PUBREC, 2);
	peer_raw(&p, "\xc0\0", 2);
	peer_expect(&p, PACKET_PINGRESP);
	assert_int_equal(peer_subscribed(&p, "b", 1), 1);
	peer_ack(&p, PACKET_PUBREL, 1);
	peer_expect_ack(&p, PACKET_PUBCOMP, 1);
	peer_publish(&p, "zero", "0", 0, 0, NULL, 0);
	peer_expect_publish(&p, "zero", "0");
	/* PUBREC is not the end of it, PUBCOMP is. */
	peer_ack(&p, PACKET_PUBREC, id);
	peer_expect_ack(&p, PACKET_PUBREL, id);
	peer_expect_nothing(&p);
	peer_ack(&p, PACKET_PUBCOMP, id);
	id = peer_expect_publish(&p, "a", "2").id;
	/* And so is a PUBREC that refuses. */
	const uint8_t no[] = { 0x50, 3, (uint8_t)(id >> 8), (uint8_t)id, 0x80 };
	peer_publish(&p, "a", "3", 4, 3, NULL, 0);
	peer_expect_ack(&p, PACKET_PUBREC, 3);
	peer_raw(&p, no, sizeof(no));
	peer_expect_publish(&p, "a", "3");
}

static void what_a_client_refuses_is_not_sent_again(void **state)
{
	struct fake *f = *state;
	struct peer_login login = { .id = "s", .version = 5, .keep = true, .expiry_s = 100 };
	struct peer p = peer_up(f, &login, NULL), q = peer_plain(f, "q", 5);
	peer_subscribed(&p, "a", 2);
	peer_publish(&q, "a", "1", 2, 1, NULL, 0);
	peer_publish(&q, "a", "2", 4, 2, NULL, 0);
	uint16_t one = peer_expect_publish(&p, "a", "1").id;
	uint16_t two = peer_expect_publish(&p, "a", "2").id;
	const uint8_t no[] = { 0x40, 3, (uint8_t)(one >> 8), (uint8_t)one, 0x97,
		               0x50, 3, (uint8_t)(two >> 8), (uint8_t)two, 0x99 };
	peer_raw(&p, no, sizeof(no));
	peer_expect_nothing(&p);
	fake_hangup(p.conn);
	p = peer_up(f, &login, NULL);
	peer_expect_nothing(&p);
	assert_int_equal(fake_metric(f, "queued_bytes"), 0);
}

static void an_identifier_is_free_after_its_last_answer(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5), w = peer_plain(f, "w", 5);
	peer_subscribed(&w, "a", 0);
	for (int i = 0; i < 2; i++) {
		/* QoS 1: a new message each time, whatever DUP says. */
		peer_publish(&p, "a", "one", i ? 10 : 2, 7, NULL, 0);
		peer_expect_ack(&p, PACKET_PUBACK, 7);
		peer_expect_publish(&w, "a", "one");
		/* QoS 2: after PUBCOMP. */
		peer_publish(&p, "a", "two", 4, 7, NULL, 0);
		peer_expect_ack(&p, PACKET_PUBREC, 7);
		peer_expect_publish(&w, "a", "two");
		peer_publish(&p, "a", "two", 12, 7, NULL, 0);
		peer_expect_ack(&p, PACKET_PUBREC, 7);
		peer_expect_nothing(&w);
		peer_ack(&p, PACKET_PUBREL, 7);
		peer_expect_ack(&p, PACKET_PUBCOMP, 7);
	}
	/* Or after a PUBREC that refuses. */
	peer_publish(&p, "$no", "x", 4, 8, NULL, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBREC, 8), REASON_NOT_AUTHORIZED);
	peer_publish(&p, "a", "three", 12, 8, NULL, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBREC, 8), 0);
	peer_expect_publish(&w, "a", "three");
}

static void a_duplicate_is_answered_behind_what_waits(void **state)
{
	struct fake *f = *state;
	struct peer_login login = {
		.id = "d1", .user = "device:d1", .version = 5, .keep = true, .expiry_s = 100
	};
	struct peer p = peer_up(f, &login, NULL);
	peer_publish(&p, "devices/d1/telemetry", "1", 4, 1, NULL, 0);
	fake_complete(f, 1, 0);
	fake_hangup(p.conn);
	p = peer_up(f, &login, NULL);
	/* Its PUBREC was lost; another publish waits for the disk in front of it. */
	peer_publish(&p, "devices/d1/telemetry", "2", 2, 2, NULL, 0);
	peer_publish(&p, "devices/d1/telemetry", "1", 12, 1, NULL, 0);
	peer_expect_nothing(&p);
	fake_complete(f, 1, 0);
	peer_expect_ack(&p, PACKET_PUBACK, 2);
	peer_expect_ack(&p, PACKET_PUBREC, 1);
	assert_int_equal(f->n_submits, 2);
}

static void duplicates_without_end_are_not_read(void **state)
{
	struct fake *f = *state;
	struct peer p =
		peer_up(f, &(struct peer_login){ .id = "d1", .user = "device:d1", .version = 4 },
	                NULL);
	for (int i = 0; i < 1200; i++)
		peer_publish(&p, "devices/d1/telemetry", "1", i ? 12 : 4, 1, NULL, 0);
	assert_true(p.conn->paused);
	fake_complete(f, 1, 0);
	fake_turn(f);
	for (int i = 0; i < 1200; i++)
		peer_expect_ack(&p, PACKET_PUBREC, 1);
	assert_int_equal(f->n_submits, 1);
}

static void expiry_stops_nothing_that_has_begun(void **state)
{
	struct fake *f = *state;
	static const uint8_t ten[] = { PROPERTY_MESSAGE_EXPIRY, 0, 0, 0, 10 };
	struct peer_login login = { .id = "s", .version = 5, .keep = true, .expiry_s = 100 };
	struct peer p = peer_up(f, &login, NULL), q = peer_plain(f, "q", 5);
	peer_subscribed(&p, "a", 2);
	peer_publish(&q, "a", "1", 4, 1, ten, sizeof(ten));
	peer_expect_ack(&q, PACKET_PUBREC, 1);
	uint16_t id = peer_expect_publish(&p, "a", "1").id;
	fake_hangup(p.conn);
	fake_seconds(f, 30);
	/* The receiver's side goes on. */
	peer_ack(&q, PACKET_PUBREL, 1);
	assert_int_equal(peer_expect_ack(&q, PACKET_PUBCOMP, 1), 0);
	/* And so does the sender's. */
	p = peer_up(f, &login, NULL);
	struct peer_message m = peer_expect_publish(&p, "a", "1");
	assert_true(m.dup);
	assert_int_equal(m.id, id);
	assert_int_equal(m.expiry_s, 0);
}

static void nothing_is_sent_again_on_the_same_connection(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5);
	peer_subscribed(&p, "a", 2);
	peer_publish(&p, "a", "1", 2, 1, NULL, 0);
	peer_expect_publish(&p, "a", "1");
	peer_expect_ack(&p, PACKET_PUBACK, 1);
	fake_seconds(f, 600);
	peer_expect_nothing(&p);
}

static void messages_keep_their_order(void **state)
{
	struct fake *f = *state;
	struct peer_login login = {
		.id = "s", .version = 5, .keep = true, .expiry_s = 100, .receive_maximum = 3
	};
	struct peer p = peer_up(f, &login, NULL), q = peer_plain(f, "q", 4),
		    z = peer_plain(f, "z", 4);
	char text[16];
	int next[3] = { 0 };
	peer_subscribed(&p, "a", 2);
	peer_subscribed(&z, "a", 0);
	for (uint16_t i = 0; i < 60; i++) {
		uint8_t qos = (uint8_t)(i % 2 + 1);
		snprintf(text, sizeof(text), "%u %u", qos, i / 2);
		peer_publish(&q, "a", text, (uint8_t)(qos << 1), (uint16_t)(i + 1), NULL, 0);
		peer_expect_publish(&z, "a", text);
		if (i == 40) {
			fake_hangup(p.conn);
			p = peer_up(f, &login, NULL);
		}
	}
	for (int n = 0; n < 60;) {
		struct packet pk;
		assert_true(p.conn->out_n > 0);
		if (p.conn->out[0] >> 4 == PACKET_PUBLISH) {
			struct peer_message m = peer_expect_publish(&p, "a", NULL);
			int qos;
			int k;
			assert_int_equal(sscanf(m.payload, "%d %d", &qos, &k), 2);
			assert_int_equal(m.qos, qos);
			/* Sent again after the connection broke: still in its order. */
			if (!m.dup)
				assert_true(k >= next[qos]);
			next[qos] = k + 1;
			n = next[1] + next[2];
			peer_ack(&p, qos == 1 ? PACKET_PUBACK : PACKET_PUBREC, m.id);
		} else {
			pk = peer_expect(&p, PACKET_PUBREL);
			peer_ack(&p, PACKET_PUBCOMP, (uint16_t)(pk.body.p[0] << 8 | pk.body.p[1]));
		}
	}
	assert_int_equal(next[1], 30);
	assert_int_equal(next[2], 30);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_setup, peer_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reserved_flags_are_as_they_have_to_be),
		TEST(what_is_not_utf8_is_malformed),
		TEST(names_are_compared_byte_by_byte),
		TEST(the_retained_message_changes_with_retained_ones_only),
		TEST(an_expired_retained_message_is_not_sent),
		TEST(what_expires_at_once_reaches_who_is_there),
		TEST(aliases_of_a_client_end_with_its_connection),
		TEST(a_full_window_holds_back_publishes_only),
		TEST(what_a_client_refuses_is_not_sent_again),
		TEST(an_identifier_is_free_after_its_last_answer),
		TEST(a_duplicate_is_answered_behind_what_waits),
		TEST(duplicates_without_end_are_not_read),
		TEST(expiry_stops_nothing_that_has_begun),
		TEST(nothing_is_sent_again_on_the_same_connection),
		TEST(messages_keep_their_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
