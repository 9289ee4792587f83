#include <string.h>

#include "peer.h"
#include "properties.h"
#include "reason.h"

/* SUBSCRIBE, UNSUBSCRIBE and what they answer; what old clients are told. */

static void expect_bytes(struct packet pk, const void *want, size_t n)
{
	assert_int_equal(pk.body.n, n);
	assert_memory_equal(pk.body.p, want, n);
}

static void a_subscribe_of_many_filters_is_answered_in_their_order(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5), q = peer_plain(f, "q", 4);
	/* a with QoS 2, b# is none, c with QoS 0, a again with QoS 1. */
	peer_raw(&p, "\x82\x14\x12\x34\0\0\1a\2\0\2b#\1\0\1c\0\0\1a\1", 22);
	struct packet pk = peer_expect(&p, PACKET_SUBACK);
	assert_memory_equal(pk.body.p, "\x12\x34", 2);
	expect_bytes((struct packet){ .body = { pk.body.p + pk.body.n - 4, 4 } }, "\2\x8f\0\1", 4);
	peer_raw(&q, "\x82\x13\x12\x34\0\1a\2\0\2b#\1\0\1c\0\0\1a\1", 21);
	expect_bytes(peer_expect(&q, PACKET_SUBACK), "\x12\x34\2\x80\0\1", 6);
	peer_publish(&q, "a", "x", 4, 1, NULL, 0);
	assert_int_equal(peer_expect_publish(&q, "a", "x").qos, 1);
	assert_int_equal(peer_expect_publish(&p, "a", "x").qos, 1);
	peer_expect_ack(&q, PACKET_PUBREC, 1);
	/* One answer with one code each, in order; 3.1.1 has no codes. */
	peer_raw(&p, "\xa2\x0c\x43\x21\0\0\1c\0\1d\0\1a", 14);
	expect_bytes(peer_expect(&p, PACKET_UNSUBACK), "\x43\x21\0\0\x11\0", 6);
	peer_raw(&q, "\xa2\x0b\x43\x21\0\1c\0\1d\0\1a", 13);
	expect_bytes(peer_expect(&q, PACKET_UNSUBACK), "\x43\x21", 2);
	peer_publish(&q, "a", "x", 0, 0, NULL, 0);
	peer_expect_nothing(&p);
	peer_expect_nothing(&q);
}

static void the_same_filter_replaces_the_subscription(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5);
	peer_subscribe(&p, "a/+", 2, 9);
	peer_expect(&p, PACKET_SUBACK);
	peer_publish(&p, "a/b", "kept", 1, 0, NULL, 0);
	assert_int_equal(peer_expect_publish(&p, "a/b", "kept").ids[0], 9);
	/* Another identifier, another QoS, and what is retained again. */
	peer_subscribe(&p, "a/+", 1, 10);
	peer_expect(&p, PACKET_SUBACK);
	struct peer_message m = peer_expect_publish(&p, "a/b", "kept");
	assert_true(m.retain);
	assert_int_equal(m.n_ids, 1);
	assert_int_equal(m.ids[0], 10);
	peer_publish(&p, "a/b", "x", 4, 1, NULL, 0);
	m = peer_expect_publish(&p, "a/b", "x");
	assert_int_equal(m.qos, 1);
	assert_int_equal(m.n_ids, 1);
	peer_expect_ack(&p, PACKET_PUBREC, 1);
	peer_expect_nothing(&p);
	assert_int_equal(fake_metric(f, "subscriptions"), 1);
}

static void unsubscribing_compares_filters_as_text(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5);
	peer_subscribed(&p, "a/+", 1);
	peer_subscribed(&p, "a/#", 1);
	peer_unsubscribe(&p, "a/b");
	assert_int_equal(peer_expect(&p, PACKET_UNSUBACK).body.p[3], REASON_NO_SUBSCRIPTION);
	peer_unsubscribe(&p, "a/+");
	assert_int_equal(peer_expect(&p, PACKET_UNSUBACK).body.p[3], 0);
	peer_publish(&p, "a/b", "x", 0, 0, NULL, 0);
	peer_expect_publish(&p, "a/b", "x");
	peer_expect_nothing(&p);
}

static void what_was_begun_is_finished_after_unsubscribing(void **state)
{
	struct fake *f = *state;
	struct peer_login login = { .id = "s", .version = 5, .keep = true, .expiry_s = 100 };
	struct peer p = peer_up(f, &login, NULL), q = peer_plain(f, "q", 5);
	peer_subscribed(&p, "a", 2);
	peer_publish(&q, "a", "1", 4, 1, NULL, 0);
	uint16_t id = peer_expect_publish(&p, "a", "1").id;
	peer_unsubscribe(&p, "a");
	peer_expect(&p, PACKET_UNSUBACK);
	peer_publish(&q, "a", "2", 4, 2, NULL, 0);
	peer_expect_nothing(&p);
	fake_hangup(p.conn);
	p = peer_up(f, &login, NULL);
	assert_true(peer_expect_publish(&p, "a", "1").dup);
	peer_ack(&p, PACKET_PUBREC, id);
	peer_expect_ack(&p, PACKET_PUBREL, id);
	peer_ack(&p, PACKET_PUBCOMP, id);
	peer_expect_nothing(&p);
}

static void payloads_of_subscribe_and_unsubscribe_are_checked(void **state)
{
	static const struct {
		uint8_t bytes[16], n, reason;
	} cases[] = {
		{ { 0x82, 2, 0, 1 }, 4, REASON_MALFORMED },                     /* no properties */
		{ { 0x82, 7, 0, 0, 0, 0, 1, 'a', 0 }, 9, REASON_MALFORMED },    /* identifier 0 */
		{ { 0x82, 6, 0, 1, 0, 0, 1, 'a' }, 8, REASON_MALFORMED },       /* no options */
		{ { 0x82, 7, 0, 1, 0, 0, 1, 'a', 0x40 }, 9, REASON_MALFORMED }, /* reserved */
		{ { 0x82, 9, 0, 1, 2, 11, 0, 0, 1, 'a', 0 }, 11, REASON_PROTOCOL_ERROR }, /* 0 */
		{ { 0xa2, 3, 0, 1, 0 }, 5, REASON_PROTOCOL_ERROR },       /* no filter */
		{ { 0xa2, 6, 0, 0, 0, 0, 1, 'a' }, 8, REASON_MALFORMED }, /* identifier 0 */
		{ { 0xa2, 6, 0, 1, 0, 0, 9, 'a' }, 8, REASON_MALFORMED }, /* cut */
		{ { 0x40, 1, 0 }, 3, REASON_MALFORMED },                  /* PUBACK cut */
		{ { 0x40, 2, 0, 0 }, 4, REASON_MALFORMED },               /* identifier 0 */
	};
	struct fake *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer p = peer_plain(f, "p", 5);
		peer_raw(&p, cases[i].bytes, cases[i].n);
		peer_expect_closed(&p, cases[i].reason);
	}
	/* The filters in front of what is malformed are left as they were. */
	struct peer_login login = { .id = "kept", .version = 5, .keep = true, .expiry_s = 100 };
	struct peer kept = peer_up(f, &login, NULL);
	peer_subscribed(&kept, "b", 1);
	peer_raw(&kept, "\x82\x0b\0\1\0\0\1a\1\0\1c\3", 13);
	peer_expect_closed(&kept, REASON_MALFORMED);
	kept = peer_up(f, &login, NULL);
	peer_raw(&kept, "\xa2\x09\0\1\0\0\1b\0\1\xff", 11);
	peer_expect_closed(&kept, REASON_MALFORMED);
	kept = peer_up(f, &login, NULL);
	peer_publish(&kept, "a", "x", 0, 0, NULL, 0);
	peer_publish(&kept, "b", "x", 0, 0, NULL, 0);
	peer_expect_publish(&kept, "b", "x");
	peer_expect_nothing(&kept);
	/* 3.1.1 closes without a word: no filter, QoS 3, reserved bits. */
	static const char *const old[] = { "\x82\2\0\1", "\x82\6\0\1\0\1a\3", "\x82\6\0\1\0\1a\4",
		                           "\xa2\2\0\1" };
	for (int i = 0; i < 4; i++) {
		struct peer p = peer_plain(f, "p", 4);
		peer_raw(&p, old[i], 2 + (size_t)old[i][1]);
		peer_expect_closed(&p, 0);
	}
}

static void what_nobody_subscribed_to_is_said_to_be(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5), q = peer_plain(f, "q", 4);
	peer_publish(&p, "a", "x", 2, 1, NULL, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 1), REASON_NO_SUBSCRIBERS);
	peer_publish(&p, "a", "x", 4, 2, NULL, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBREC, 2), REASON_NO_SUBSCRIBERS);
	peer_ack(&p, PACKET_PUBREL, 2);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBCOMP, 2), 0);
	peer_publish(&q, "a", "x", 2, 3, NULL, 0);
	expect_bytes(peer_expect(&q, PACKET_PUBACK), "\0\3", 2);
	peer_subscribed(&q, "a", 0);
	peer_publish(&p, "a", "x", 2, 4, NULL, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 4), 0);
	/* A device's topic is heard by the storage. */
	peer_publish(&p, "devices/d1/health", "x", 2, 5, NULL, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 5), 0);
}

static void an_old_client_is_not_told_what_it_cannot_hear(void **state)
{
	struct fake *f = *state;
	struct peer p =
		peer_up(f, &(struct peer_login){ .id = "d1", .user = "device:d1", .version = 4 },
	                NULL);
	peer_publish(&p, "not/its/own", "x", 2, 1, NULL, 0);
	expect_bytes(peer_expect(&p, PACKET_PUBACK), "\0\1", 2);
	peer_publish(&p, "not/its/own", "x", 4, 2, NULL, 0);
	expect_bytes(peer_expect(&p, PACKET_PUBREC), "\0\2", 2);
	peer_ack(&p, PACKET_PUBREL, 2);
	expect_bytes(peer_expect(&p, PACKET_PUBCOMP), "\0\2", 2);
	peer_publish(&p, "not/its/own", "x", 0, 0, NULL, 0);
	peer_expect_nothing(&p);
	assert_int_equal(peer_subscribed(&p, "not/its/own", 1), 0x80);
	assert_int_equal(fake_metric(f, "publish_refused"), 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_setup, peer_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_subscribe_of_many_filters_is_answered_in_their_order),
		TEST(the_same_filter_replaces_the_subscription),
		TEST(unsubscribing_compares_filters_as_text),
		TEST(what_was_begun_is_finished_after_unsubscribing),
		TEST(payloads_of_subscribe_and_unsubscribe_are_checked),
		TEST(what_nobody_subscribed_to_is_said_to_be),
		TEST(an_old_client_is_not_told_what_it_cannot_hear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
