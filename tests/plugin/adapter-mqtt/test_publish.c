#include <string.h>

#include "peer.h"
#include "properties.h"
#include "reason.h"

static struct peer device(struct fake *f, uint8_t version)
{
	return peer_up(f,
	               &(struct peer_login){ .id = "d1", .user = "device:d1", .version = version },
	               NULL);
}

static void qos1_is_acknowledged_when_it_is_stored(void **state)
{
	struct fake *f = *state;
	struct peer p = device(f, 4);
	peer_publish(&p, "devices/d1/telemetry", "{\"t\":1}", 2, 7, NULL, 0);
	peer_publish(&p, "devices/d1/telemetry", "{\"t\":2}", 2, 8, NULL, 0);
	assert_int_equal(f->n_submits, 2);
	assert_string_equal(f->submits[1].text, "{\"t\":2}");
	assert_int_equal(f->submits[0].device, 1);
	peer_expect_nothing(&p);
	fake_complete(f, 1, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 7), 0);
	peer_expect_nothing(&p);
	fake_complete(f, 1, 0);
	peer_expect_ack(&p, PACKET_PUBACK, 8);
}

static void qos2_is_taken_once(void **state)
{
	struct fake *f = *state;
	struct peer p = device(f, 5);
	peer_publish(&p, "devices/d1/telemetry", "1", 4, 9, NULL, 0);
	/* Again before it is stored: stored once, answered twice. */
	peer_publish(&p, "devices/d1/telemetry", "1", 12, 9, NULL, 0);
	peer_expect_nothing(&p);
	fake_complete(f, 9, 0);
	assert_int_equal(f->n_submits, 1);
	peer_expect_ack(&p, PACKET_PUBREC, 9);
	peer_expect_ack(&p, PACKET_PUBREC, 9);
	peer_publish(&p, "devices/d1/telemetry", "1", 12, 9, NULL, 0);
	peer_expect_ack(&p, PACKET_PUBREC, 9);
	assert_int_equal(f->n_submits, 1);
	peer_ack(&p, PACKET_PUBREL, 9);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBCOMP, 9), 0);
	peer_ack(&p, PACKET_PUBREL, 9);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBCOMP, 9), REASON_ID_NOT_FOUND);
	peer_publish(&p, "devices/d1/telemetry", "2", 4, 9, NULL, 0);
	assert_int_equal(f->n_submits, 2);
}

static void what_cannot_be_stored_is_not_acknowledged(void **state)
{
	struct fake *f = *state;
	struct peer p = device(f, 5);
	peer_publish(&p, "devices/d1/telemetry", "1", 2, 1, NULL, 0);
	peer_publish(&p, "devices/d1/telemetry", "2", 2, 2, NULL, 0);
	fake_complete(f, 2, -5);
	peer_expect_closed(&p, REASON_UNSPECIFIED);
}

static void what_is_not_understood_is_refused_or_swallowed(void **state)
{
	struct fake *f = *state;
	struct peer five = device(f, 5);
	f->submit_result = SB_E_MALFORMED;
	peer_publish(&five, "devices/d1/telemetry", "{", 2, 3, NULL, 0);
	struct packet pk = peer_expect(&five, PACKET_PUBACK);
	assert_int_equal(pk.body.p[2], REASON_BAD_PAYLOAD);
	assert_non_null(memmem(pk.body.p, pk.body.n, "line 1: not JSON", 16));
	/* 3.1.1 cannot be told, and sending it again would not help. */
	struct peer four = peer_plain(f, "four", 4);
	peer_publish(&four, "devices/d1/telemetry", "{", 2, 4, NULL, 0);
	peer_expect_ack(&four, PACKET_PUBACK, 4);
}

static void a_full_storage_stops_reading_and_loses_nothing(void **state)
{
	struct fake *f = *state;
	struct peer p = device(f, 4);
	f->submit_result = SB_AGAIN;
	peer_publish(&p, "devices/d1/telemetry", "1", 2, 1, NULL, 0);
	peer_publish(&p, "devices/d1/telemetry", "2", 4, 2, NULL, 0);
	assert_true(p.conn->paused);
	assert_true(p.conn->in_n > 0);
	f->submit_result = 0;
	const struct sb_source *source = sb_plugin_entry_1.descriptor(0)->ops->ext(f->srv,
	                                                                           "sb.source/1");
	source->writable(f->srv);
	fake_turn(f);
	assert_int_equal(f->n_submits, 2);
	assert_int_equal(p.conn->in_n, 0);
	fake_complete(f, 2, 0);
	peer_expect_ack(&p, PACKET_PUBACK, 1);
	peer_expect_ack(&p, PACKET_PUBREC, 2);
}

static void a_device_speaks_for_itself_only(void **state)
{
	struct fake *f = *state;
	struct peer p = device(f, 5);
	peer_publish(&p, "devices/other/telemetry", "1", 2, 1, NULL, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 1), REASON_NOT_AUTHORIZED);
	peer_publish(&p, "plain", "1", 2, 2, NULL, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 2), REASON_NOT_AUTHORIZED);
	peer_publish(&p, "devices/d1/state/desired", "1", 2, 3, NULL, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 3), REASON_NOT_AUTHORIZED);
	peer_publish(&p, "devices/d1/nonsense", "1", 2, 4, NULL, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 4), REASON_BAD_TOPIC);
	assert_string_equal(f->fate, "unknown topic: devices/d1/nonsense");
	assert_int_equal(f->n_fates, 4);
	peer_publish(&p, "$SYS/x", "1", 2, 5, NULL, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 5), REASON_NOT_AUTHORIZED);
	assert_int_equal(peer_subscribed(&p, "devices/#", 1), REASON_NOT_AUTHORIZED);
	assert_int_equal(peer_subscribed(&p, "devices/d1/commands/+", 1), 1);
	assert_int_equal(f->n_submits, 0);
}

static void a_viewer_reads_only(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_up(f,
	                        &(struct peer_login){ .id = "v", .user = "viewer:v", .version = 5 },
	                        NULL);
	peer_publish(&p, "plain", "1", 2, 1, NULL, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 1), REASON_NOT_AUTHORIZED);
	assert_int_equal(peer_subscribed(&p, "#", 0), 0);
}

static void live_does_not_wait_for_the_disk(void **state)
{
	struct fake *f = *state;
	struct peer watcher = peer_plain(f, "w", 4);
	struct peer p = device(f, 4);
	peer_subscribe(&watcher, "devices/+/telemetry", 0, 0);
	peer_expect(&watcher, PACKET_SUBACK);
	peer_publish(&p, "devices/d1/telemetry", "{\"a\":1}", 2, 1, NULL, 0);
	peer_expect_publish(&watcher, "devices/d1/telemetry", "{\"a\":1}");
	peer_expect_nothing(&p);
}

static void acknowledgements_keep_the_order_of_publishes(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 4);
	f->slow_docs = true;
	peer_publish(&p, "devices/d1/telemetry", "1", 2, 1, NULL, 0);
	peer_publish(&p, "kept", "x", 3, 2, NULL, 0);
	peer_publish(&p, "plain", "x", 2, 3, NULL, 0);
	peer_publish(&p, "devices/d1/telemetry", "2", 2, 4, NULL, 0);
	peer_expect_nothing(&p);
	fake_put_done(f, 0);
	peer_expect_nothing(&p);
	fake_complete(f, 1, 0);
	peer_expect_ack(&p, PACKET_PUBACK, 1);
	peer_expect_ack(&p, PACKET_PUBACK, 2);
	peer_expect_ack(&p, PACKET_PUBACK, 3);
	peer_expect_nothing(&p);
	fake_complete(f, 1, 0);
	peer_expect_ack(&p, PACKET_PUBACK, 4);
	/* And back on the short way. */
	peer_publish(&p, "plain", "x", 2, 5, NULL, 0);
	peer_expect_ack(&p, PACKET_PUBACK, 5);
}

static void receive_maximum_is_kept_by_the_client(void **state)
{
	struct fake *f = *state;
	struct peer p = device(f, 5);
	for (uint16_t i = 1; i <= 65; i++)
		peer_publish(&p, "devices/d1/telemetry", "1", 2, i, NULL, 0);
	peer_expect_closed(&p, REASON_RECEIVE_MAXIMUM);
}

static void an_old_client_is_not_read_beyond_its_window(void **state)
{
	struct fake *f = *state;
	struct peer p = device(f, 4);
	for (uint16_t i = 1; i <= 1100; i++)
		peer_publish(&p, "devices/d1/telemetry", "1", 2, i, NULL, 0);
	assert_int_equal(f->n_submits, 1024);
	assert_true(p.conn->paused);
	fake_complete(f, 600, 0);
	fake_turn(f);
	assert_int_equal(f->n_submits, 1100);
	for (uint16_t i = 1; i <= 600; i++)
		peer_expect_ack(&p, PACKET_PUBACK, i);
}

static void an_alias_stands_for_its_topic(void **state)
{
	struct fake *f = *state;
	struct peer p = device(f, 5);
	const uint8_t alias[3] = { PROPERTY_TOPIC_ALIAS, 0, 3 };
	peer_publish(&p, "devices/d1/telemetry", "1", 0, 0, alias, 3);
	peer_publish(&p, "", "2", 0, 0, alias, 3);
	assert_int_equal(f->n_submits, 2);
	assert_string_equal(f->submits[1].text, "2");
	const uint8_t high[3] = { PROPERTY_TOPIC_ALIAS, 0, 17 };
	peer_publish(&p, "devices/d1/telemetry", "1", 0, 0, high, 3);
	peer_expect_closed(&p, REASON_BAD_ALIAS);
	p = device(f, 5);
	peer_publish(&p, "", "2", 0, 0, alias, 3);
	peer_expect_closed(&p, REASON_PROTOCOL_ERROR);
}

static void malformed_publishes_end_the_connection(void **state)
{
	static const struct {
		uint8_t bytes[12], n, reason;
	} cases[] = {
		{ { 0x36, 5, 0, 1, 'a', 0, 1 }, 7, REASON_MALFORMED },    /* QoS 3 */
		{ { 0x38, 4, 0, 1, 'a', 0 }, 6, REASON_MALFORMED },       /* DUP with QoS 0 */
		{ { 0x32, 6, 0, 1, 'a', 0, 0, 0 }, 8, REASON_MALFORMED }, /* identifier 0 */
		{ { 0x30, 4, 0, 1, '+', 0 }, 6, REASON_BAD_TOPIC },       /* wildcard */
		{ { 0x30, 4, 0, 1, 0xff, 0 }, 6, REASON_MALFORMED },      /* not UTF-8 */
		{ { 0x30, 3, 0, 0, 0 }, 5, REASON_PROTOCOL_ERROR },       /* no topic */
		{ { 0x30, 3, 0, 9, 'a' }, 5, REASON_MALFORMED },          /* cut */
		{ { 0x30, 6, 0, 1, 'a', 2, 11, 1 },
		  8,
		  REASON_PROTOCOL_ERROR }, /* subscription id */
		{ { 0x30, 0xff, 0xff, 0xff, 0x7f }, 5, REASON_TOO_LARGE },
		{ { 0x60, 2, 0, 1 }, 4, REASON_MALFORMED },                  /* PUBREL flags */
		{ { 0xf0, 0 }, 2, REASON_PROTOCOL_ERROR },                   /* AUTH */
		{ { 0x20, 2, 0, 0 }, 4, REASON_PROTOCOL_ERROR },             /* CONNACK */
		{ { 0x10, 2, 0, 0 }, 4, REASON_PROTOCOL_ERROR },             /* CONNECT again */
		{ { 0x82, 3, 0, 1, 0 }, 5, REASON_PROTOCOL_ERROR },          /* no filter */
		{ { 0x82, 7, 0, 1, 0, 0, 1, 'a', 3 }, 9, REASON_MALFORMED }, /* QoS 3 */
		{ { 0x82, 7, 0, 1, 0, 0, 1, 'a', 0x30 }, 9, REASON_PROTOCOL_ERROR },
		{ { 0xc0, 1, 0 }, 3, REASON_MALFORMED }, /* PINGREQ body */
	};
	struct fake *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer p = peer_plain(f, "m", 5);
		peer_raw(&p, cases[i].bytes, cases[i].n);
		peer_expect_closed(&p, cases[i].reason);
	}
	assert_int_equal(fake_metric(f, "protocol_errors"), sizeof(cases) / sizeof(cases[0]));
}

static void names_too_long_or_too_deep_are_refused(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5);
	char name[2000] = { 0 };
	memset(name, 'n', 1100);
	peer_publish(&p, name, "x", 2, 1, NULL, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 1), REASON_BAD_TOPIC);
	memset(name, '/', 64);
	name[64] = 0;
	peer_publish(&p, name, "x", 2, 2, NULL, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 2), REASON_BAD_TOPIC);
	/* The reason is left out where the client could not take it. */
	p = peer_up(f, &(struct peer_login){ .id = "s", .version = 5, .max_packet = 30 }, NULL);
	peer_publish(&p, name, "x", 2, 3, NULL, 0);
	assert_int_equal(peer_expect(&p, PACKET_PUBACK).body.n, 3);
}

static void a_gone_device_is_looked_up_again(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5);
	peer_publish(&p, "devices/d1/telemetry", "1", 2, 1, NULL, 0);
	fake_complete(f, 1, 0);
	peer_expect_ack(&p, PACKET_PUBACK, 1);
	f->submit_result = SB_E_STALE;
	peer_publish(&p, "devices/d1/telemetry", "2", 2, 2, NULL, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 2), REASON_NOT_AUTHORIZED);
	f->submit_result = 0;
	peer_publish(&p, "devices/d1/telemetry", "3", 2, 3, NULL, 0);
	fake_complete(f, 1, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 3), 0);
}

static void bytes_may_come_one_by_one(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "slow", 4);
	static const uint8_t bytes[] = { 0x32, 6, 0, 1, 'a', 0, 5, 'x', 0xc0, 0 };
	for (size_t i = 0; i < sizeof(bytes); i++)
		peer_raw(&p, bytes + i, 1);
	peer_expect_ack(&p, PACKET_PUBACK, 5);
	peer_expect(&p, PACKET_PINGRESP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_setup, peer_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(qos1_is_acknowledged_when_it_is_stored),
		TEST(qos2_is_taken_once),
		TEST(what_cannot_be_stored_is_not_acknowledged),
		TEST(what_is_not_understood_is_refused_or_swallowed),
		TEST(a_full_storage_stops_reading_and_loses_nothing),
		TEST(a_device_speaks_for_itself_only),
		TEST(a_viewer_reads_only),
		TEST(live_does_not_wait_for_the_disk),
		TEST(acknowledgements_keep_the_order_of_publishes),
		TEST(receive_maximum_is_kept_by_the_client),
		TEST(an_old_client_is_not_read_beyond_its_window),
		TEST(an_alias_stands_for_its_topic),
		TEST(malformed_publishes_end_the_connection),
		TEST(names_too_long_or_too_deep_are_refused),
		TEST(a_gone_device_is_looked_up_again),
		TEST(bytes_may_come_one_by_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
