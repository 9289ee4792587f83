#include <string.h>

#include "peer.h"
#include "properties.h"
#include "reason.h"

static uint8_t refused(struct fake *f, const struct peer_login *login)
{
	struct peer p = peer_dial(f, login->version);
	peer_connect(&p, login);
	struct packet ack = peer_expect(&p, PACKET_CONNACK);
	assert_true(p.conn->closing);
	fake_turn(f);
	return ack.body.p[1];
}

static void logins_are_checked(void **state)
{
	struct fake *f = *state;
	struct peer_login wrong = { .id = "x", .user = "nobody", .version = 4 };
	assert_int_equal(refused(f, &wrong), 4);
	wrong.version = 5;
	assert_int_equal(refused(f, &wrong), REASON_BAD_LOGIN);
	assert_int_equal(fake_metric(f, "connects_refused"), 2);
	assert_int_equal(fake_metric(f, "sessions"), 0);
}

static void nobody_is_anonymous_unless_allowed(void **state)
{
	struct fake *f = fake_new();
	(void)state;
	fake_start(f);
	assert_int_equal(refused(f, &(struct peer_login){ .id = "x", .version = 5 }),
	                 REASON_BAD_LOGIN);
	fake_free(f);
}

static void versions_and_flags_are_checked(void **state)
{
	static const struct {
		uint8_t bytes[32], n;
		int code; /* of the CONNACK; -1: just closed */
	} cases[] = {
		{ { 0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 3, 2, 0, 0, 0, 0 }, 14, 1 },
		{ { 0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 9, 2, 0, 0, 0, 0 },
		  14,
		  REASON_BAD_VERSION },
		{ { 0x10, 14, 0, 6, 'M', 'Q', 'I', 's', 'd', 'p', 3, 2, 0, 0, 0, 0 }, 16, 1 },
		{ { 0x10, 12, 0, 4, 'H', 'T', 'T', 'P', 4, 2, 0, 0, 0, 0 }, 14, -1 },
		{ { 0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 3, 0, 0, 0, 0 }, 14, -1 },
		{ { 0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 0x1a, 0, 0, 0, 0 }, 14, -1 },
		{ { 0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 0x42, 0, 0, 0, 0 }, 14, -1 },
		{ { 0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 0, 0, 0, 0, 0 }, 14, 2 },
		{ { 0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 1, 7 }, 15, 2 },
		{ { 0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 0, 2, 33, 0 },
		  15,
		  REASON_MALFORMED },
		{ { 0x10, 17, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 0, 4, 21, 0, 1, 'x', 0, 0 },
		  19,
		  REASON_BAD_AUTH_METHOD },
		{ { 0xc0, 0 }, 2, -1 },
		{ { 0x30, 3, 0, 1, 'a' }, 5, -1 },
	};
	struct fake *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer p = peer_dial(f, 4);
		struct packet ack;
		peer_raw(&p, cases[i].bytes, cases[i].n);
		assert_true(p.conn->closing);
		if (cases[i].code < 0) {
			assert_int_equal(p.conn->out_n, 0);
			continue;
		}
		ack = peer_expect(&p, PACKET_CONNACK);
		assert_int_equal(ack.body.p[1], cases[i].code);
	}
	fake_turn(f);
	assert_int_equal(fake_metric(f, "connections"), 0);
}

static void a_client_without_name_gets_one(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_dial(f, 5);
	peer_connect(&p, &(struct peer_login){ .id = "", .version = 5 });
	struct packet ack = peer_expect(&p, PACKET_CONNACK);
	assert_int_equal(ack.body.p[1], 0);
	struct cursor c = cursor_of(ack.body);
	cursor_u16(&c);
	uint32_t n = cursor_varint(&c);
	assert_int_equal(n, cursor_left(&c));
	assert_non_null(memmem(ack.body.p, ack.body.n,
	                       "\x12\0\x15"
	                       "auto-",
	                       8));
	peer_up(f, &(struct peer_login){ .id = "", .version = 4 }, NULL);
	assert_int_equal(fake_metric(f, "sessions"), 2);
}

static void connect_must_come_in_time(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_dial(f, 4);
	peer_raw(&p, "\x10\x0c\0\4MQ", 6);
	fake_seconds(f, 9);
	assert_false(p.conn->closed);
	fake_seconds(f, 2);
	assert_true(p.conn->closed);
	assert_int_equal(fake_metric(f, "connections"), 0);
}

static void silence_is_cut_at_one_and_a_half_times(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_up(f,
	                        &(struct peer_login){ .id = "k", .version = 5, .keepalive_s = 10 },
	                        NULL);
	for (int i = 0; i < 30; i++) {
		fake_seconds(f, 10);
		peer_raw(&p, "\xc0\0", 2);
		peer_expect(&p, PACKET_PINGRESP);
	}
	fake_seconds(f, 15);
	assert_false(p.conn->closed);
	fake_seconds(f, 1);
	peer_expect_closed(&p, REASON_KEEPALIVE);
	assert_int_equal(fake_metric(f, "keepalive_timeouts"), 1);
	struct peer quiet = peer_up(f, &(struct peer_login){ .id = "q", .version = 5 }, NULL);
	fake_seconds(f, 1000);
	assert_false(quiet.conn->closed);
}

static void a_kept_session_is_found_again(void **state)
{
	struct fake *f = *state;
	struct peer_login login = { .id = "s", .version = 4, .keep = true };
	bool present;
	struct peer p = peer_up(f, &login, &present);
	struct peer q = peer_up(f, &(struct peer_login){ .id = "pub", .version = 5 }, NULL);
	assert_false(present);
	peer_subscribe(&p, "a/+", 1, 0);
	peer_expect(&p, PACKET_SUBACK);
	peer_disconnect(&p, 0);
	peer_publish(&q, "a/1", "one", 2, 1, NULL, 0);
	peer_publish(&q, "a/2", "zero", 0, 0, NULL, 0);
	peer_publish(&q, "a/3", "two", 2, 2, NULL, 0);
	p = peer_up(f, &login, &present);
	assert_true(present);
	struct peer_message m = peer_expect_publish(&p, "a/1", "one");
	assert_false(m.dup);
	peer_expect_publish(&p, "a/3", "two");
	peer_ack(&p, PACKET_PUBACK, m.id);
	fake_hangup(p.conn);
	/* Not acknowledged: sent again, and marked. */
	p = peer_up(f, &login, &present);
	m = peer_expect_publish(&p, "a/3", "two");
	assert_true(m.dup);
	peer_ack(&p, PACKET_PUBACK, m.id);
	peer_expect_nothing(&p);
	login.keep = false;
	p = peer_up(f, &login, &present);
	assert_false(present);
	peer_publish(&q, "a/1", "x", 2, 3, NULL, 0);
	peer_expect_nothing(&p);
	assert_int_equal(fake_metric(f, "queued_bytes"), 0);
	assert_int_equal(fake_metric(f, "subscriptions"), 0);
}

static void qos2_to_a_client_survives_its_connection(void **state)
{
	struct fake *f = *state;
	struct peer_login login = { .id = "s", .version = 5, .keep = true, .expiry_s = 100 };
	struct peer p = peer_up(f, &login, NULL);
	struct peer q = peer_up(f, &(struct peer_login){ .id = "pub", .version = 5 }, NULL);
	peer_subscribe(&p, "a", 2, 0);
	peer_expect(&p, PACKET_SUBACK);
	peer_publish(&q, "a", "1", 4, 1, NULL, 0);
	peer_publish(&q, "a", "2", 4, 2, NULL, 0);
	uint16_t one = peer_expect_publish(&p, "a", "1").id;
	uint16_t two = peer_expect_publish(&p, "a", "2").id;
	peer_ack(&p, PACKET_PUBREC, one);
	peer_expect_ack(&p, PACKET_PUBREL, one);
	fake_hangup(p.conn);
	p = peer_up(f, &login, NULL);
	peer_expect_ack(&p, PACKET_PUBREL, one);
	struct peer_message m = peer_expect_publish(&p, "a", "2");
	assert_true(m.dup);
	assert_int_equal(m.id, two);
	peer_ack(&p, PACKET_PUBCOMP, one);
	peer_ack(&p, PACKET_PUBREC, two);
	peer_expect_ack(&p, PACKET_PUBREL, two);
	peer_ack(&p, PACKET_PUBCOMP, two);
	peer_ack(&p, PACKET_PUBREC, 999);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBREL, 999), REASON_ID_NOT_FOUND);
	peer_expect_nothing(&p);
}

/* The host knows that the peer is gone, the server does not yet: write() says so, and close()
 * follows at the end of the turn. */
static void what_comes_while_a_connection_dies_stays_in_its_session(void **state)
{
	struct fake *f = *state;
	struct peer_login login = { .id = "s", .version = 4, .keep = true };
	struct peer p = peer_up(f, &login, NULL);
	struct peer q = peer_up(f, &(struct peer_login){ .id = "pub", .version = 5 }, NULL);
	peer_subscribe(&p, "a", 2, 0);
	peer_expect(&p, PACKET_SUBACK);
	peer_publish(&q, "a", "before", 2, 1, NULL, 0);
	peer_expect_publish(&p, "a", "before");
	p.conn->closing = true;
	peer_publish(&q, "a", "once", 2, 2, NULL, 0);
	peer_publish(&q, "a", "twice", 4, 3, NULL, 0);
	fake_hangup(p.conn);
	p = peer_up(f, &login, NULL);
	assert_true(peer_expect_publish(&p, "a", "before").dup);
	assert_false(peer_expect_publish(&p, "a", "once").dup);
	assert_false(peer_expect_publish(&p, "a", "twice").dup);
	peer_expect_nothing(&p);
	assert_int_equal(fake_metric(f, "publish_dropped"), 0);
}

static void sessions_end_when_they_expire(void **state)
{
	struct fake *f = *state;
	struct peer_login login = { .id = "s", .version = 5, .keep = true, .expiry_s = 100 };
	bool present;
	struct peer p = peer_up(f, &login, NULL);
	peer_disconnect(&p, 0);
	fake_seconds(f, 99);
	assert_int_equal(fake_metric(f, "sessions"), 1);
	p = peer_up(f, &login, &present);
	assert_true(present);
	fake_seconds(f, 200);
	peer_disconnect(&p, 0);
	fake_seconds(f, 101);
	assert_int_equal(fake_metric(f, "sessions"), 0);
	peer_up(f, &login, &present);
	assert_false(present);
}

static void a_newer_connection_takes_over(void **state)
{
	struct fake *f = *state;
	struct peer_login login = { .id = "s", .version = 5, .keep = true, .expiry_s = 100 };
	struct peer old = peer_up(f, &login, NULL);
	bool present;
	struct peer p = peer_up(f, &login, &present);
	assert_true(present);
	peer_expect_closed(&old, REASON_TAKEN_OVER);
	peer_raw(&p, "\xc0\0", 2);
	peer_expect(&p, PACKET_PINGRESP);
	assert_int_equal(fake_metric(f, "takeovers"), 1);
	assert_int_equal(fake_metric(f, "sessions"), 1);
}

static void a_takeover_waits_for_what_was_submitted(void **state)
{
	struct fake *f = *state;
	struct peer_login login = {
		.id = "d1", .user = "device:d1", .version = 5, .keep = true, .expiry_s = 100
	};
	struct peer old = peer_up(f, &login, NULL);
	peer_publish(&old, "devices/d1/telemetry", "1", 4, 1, NULL, 0);
	struct peer p = peer_dial(f, 5);
	peer_connect(&p, &login);
	peer_expect_nothing(&p);
	peer_expect_closed(&old, REASON_TAKEN_OVER);
	/* A third one replaces the one that waits. */
	struct peer third = peer_dial(f, 5);
	peer_connect(&third, &login);
	assert_int_equal(peer_expect(&p, PACKET_CONNACK).body.p[1], REASON_UNSPECIFIED);
	peer_expect_nothing(&third);
	fake_complete(f, 1, 0);
	assert_int_equal(peer_expect(&third, PACKET_CONNACK).body.p[0], 1);
	fake_turn(f);
	/* Stored, but the PUBREC was lost: not stored twice. */
	peer_publish(&third, "devices/d1/telemetry", "1", 12, 1, NULL, 0);
	peer_expect_ack(&third, PACKET_PUBREC, 1);
	assert_int_equal(f->n_submits, 1);
	assert_int_equal(fake_metric(f, "connections"), 1);
}

static void the_one_who_waits_may_go_away(void **state)
{
	struct fake *f = *state;
	struct peer_login login = { .id = "d1", .user = "device:d1", .version = 5 };
	struct peer old = peer_up(f, &login, NULL);
	peer_publish(&old, "devices/d1/telemetry", "1", 2, 1, NULL, 0);
	struct peer p = peer_dial(f, 5);
	peer_connect(&p, &login);
	fake_hangup(p.conn);
	fake_complete(f, 1, 0);
	fake_turn(f);
	assert_int_equal(fake_metric(f, "connections"), 0);
	assert_int_equal(fake_metric(f, "sessions"), 0);
}

static void somebody_elses_name_is_refused(void **state)
{
	struct fake *f = *state;
	struct peer a =
		peer_up(f, &(struct peer_login){ .id = "s", .user = "device:d1", .version = 5 },
	                NULL);
	struct peer_login login = { .id = "s", .user = "device:d2", .version = 5 };
	assert_int_equal(refused(f, &login), REASON_BAD_CLIENT_ID);
	login.version = 4;
	assert_int_equal(refused(f, &login), 2);
	peer_raw(&a, "\xc0\0", 2);
	peer_expect(&a, PACKET_PINGRESP);
}

static void logins_may_take_their_time(void **state)
{
	struct fake *f = *state;
	f->slow_auth = true;
	struct peer p = peer_dial(f, 4);
	peer_connect(&p, &(struct peer_login){ .id = "s", .version = 4 });
	peer_publish(&p, "a", "early", 2, 1, NULL, 0);
	peer_expect_nothing(&p);
	fake_auth(f);
	fake_turn(f);
	peer_expect(&p, PACKET_CONNACK);
	peer_expect_ack(&p, PACKET_PUBACK, 1);
	/* The peer is gone before the answer comes. */
	p = peer_dial(f, 4);
	peer_connect(&p, &(struct peer_login){ .id = "t", .version = 4 });
	fake_hangup(p.conn);
	fake_auth(f);
	assert_int_equal(fake_metric(f, "sessions"), 1);
}

static void wills_are_sent_unless_the_client_said_goodbye(void **state)
{
	struct fake *f = *state;
	struct peer w = peer_up(f, &(struct peer_login){ .id = "w", .version = 4 }, NULL);
	struct peer_login login = { .id = "s",
		                    .version = 5,
		                    .will_topic = "last",
		                    .will_payload = "words",
		                    .will_qos = 1 };
	peer_subscribe(&w, "last", 1, 0);
	peer_expect(&w, PACKET_SUBACK);
	struct peer p = peer_up(f, &login, NULL);
	peer_disconnect(&p, 0);
	peer_expect_nothing(&w);
	p = peer_up(f, &login, NULL);
	fake_hangup(p.conn);
	peer_expect_publish(&w, "last", "words");
	p = peer_up(f, &login, NULL);
	peer_disconnect(&p, REASON_DISCONNECT_WITH_WILL);
	peer_expect_publish(&w, "last", "words");
	p = peer_up(f, &login, NULL);
	peer_raw(&p, "\x36\5\0\1a\0\1", 7);
	peer_expect_publish(&w, "last", "words");
	p = peer_up(f, &login, NULL);
	peer_up(f, &login, NULL);
	peer_expect_publish(&w, "last", "words");
	peer_expect_nothing(&w);
}

static void a_will_may_wait(void **state)
{
	struct fake *f = *state;
	struct peer w = peer_up(f, &(struct peer_login){ .id = "w", .version = 4 }, NULL);
	struct peer_login login = { .id = "s",
		                    .version = 5,
		                    .will_topic = "last",
		                    .will_payload = "words",
		                    .will_delay_s = 20,
		                    .keep = true,
		                    .expiry_s = 60 };
	peer_subscribe(&w, "last", 0, 0);
	peer_expect(&w, PACKET_SUBACK);
	struct peer p = peer_up(f, &login, NULL);
	fake_hangup(p.conn);
	fake_seconds(f, 19);
	p = peer_up(f, &login, NULL);
	fake_seconds(f, 30);
	peer_expect_nothing(&w);
	fake_hangup(p.conn);
	fake_seconds(f, 19);
	peer_expect_nothing(&w);
	fake_seconds(f, 2);
	peer_expect_publish(&w, "last", "words");
	/* The session ends before its will is due: it is sent then. */
	login.expiry_s = 5;
	p = peer_up(f, &login, NULL);
	fake_hangup(p.conn);
	fake_seconds(f, 6);
	peer_expect_publish(&w, "last", "words");
	assert_int_equal(fake_metric(f, "sessions"), 1);
}

static void a_will_obeys_the_rights_of_its_client(void **state)
{
	struct fake *f = *state;
	assert_int_equal(refused(f, &(struct peer_login){ .id = "d1",
	                                                  .user = "device:d1",
	                                                  .version = 5,
	                                                  .will_topic = "devices/d2/health",
	                                                  .will_payload = "x" }),
	                 REASON_NOT_AUTHORIZED);
	assert_int_equal(fake_metric(f, "sessions"), 0);
}

static void device_sessions_are_told_to_the_registry(void **state)
{
	struct fake *f = *state;
	struct peer p =
		peer_up(f, &(struct peer_login){ .id = "d1", .user = "device:d1", .version = 4 },
	                NULL);
	assert_int_equal(f->ups, 1);
	fake_hangup(p.conn);
	assert_int_equal(f->downs, 1);
	p = peer_up(f, &(struct peer_login){ .id = "any", .version = 4 }, NULL);
	assert_int_equal(f->ups, 1);
	peer_publish(&p, "devices/d9/telemetry", "1", 0, 0, NULL, 0);
	assert_int_equal(f->ups, 2);
	peer_disconnect(&p, 0);
	assert_int_equal(f->downs, 2);
}

static void connections_are_limited(void **state)
{
	struct fake *f = fake_new();
	(void)state;
	fake_set(f, "anonymous", 1);
	fake_set(f, "max_connections", 2);
	fake_set(f, "max_sessions", 1);
	fake_start(f);
	struct peer a = peer_up(f, &(struct peer_login){ .id = "a", .version = 5 }, NULL);
	assert_int_equal(refused(f, &(struct peer_login){ .id = "b", .version = 5 }), REASON_QUOTA);
	peer_dial(f, 5);
	assert_int_equal(refused(f, &(struct peer_login){ .id = "c", .version = 5 }), REASON_QUOTA);
	assert_int_equal(fake_metric(f, "limit_sessions"), 1);
	assert_int_equal(fake_metric(f, "limit_connections"), 1);
	fake_hangup(a.conn);
	peer_up(f, &(struct peer_login){ .id = "b", .version = 5 }, NULL);
	fake_free(f);
}

static void a_stopping_server_says_goodbye(void **state)
{
	struct fake *f = *state;
	struct peer p =
		peer_up(f, &(struct peer_login){ .id = "d1", .user = "device:d1", .version = 5 },
	                NULL);
	struct peer idle = peer_up(f, &(struct peer_login){ .id = "idle", .version = 5 }, NULL);
	peer_publish(&p, "devices/d1/telemetry", "1", 2, 1, NULL, 0);
	sb_plugin_entry_1.descriptor(0)->ops->drain(f->srv, 0);
	peer_expect_closed(&idle, REASON_SHUTTING_DOWN);
	peer_expect_nothing(&p);
	assert_true(peer_dial(f, 5).conn->closed);
	fake_complete(f, 1, 0);
	peer_expect_ack(&p, PACKET_PUBACK, 1);
	peer_expect_closed(&p, REASON_SHUTTING_DOWN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_setup, peer_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(logins_are_checked),
		cmocka_unit_test(nobody_is_anonymous_unless_allowed),
		TEST(versions_and_flags_are_checked),
		TEST(a_client_without_name_gets_one),
		TEST(connect_must_come_in_time),
		TEST(silence_is_cut_at_one_and_a_half_times),
		TEST(a_kept_session_is_found_again),
		TEST(qos2_to_a_client_survives_its_connection),
		TEST(what_comes_while_a_connection_dies_stays_in_its_session),
		TEST(sessions_end_when_they_expire),
		TEST(a_newer_connection_takes_over),
		TEST(a_takeover_waits_for_what_was_submitted),
		TEST(the_one_who_waits_may_go_away),
		TEST(somebody_elses_name_is_refused),
		TEST(logins_may_take_their_time),
		TEST(wills_are_sent_unless_the_client_said_goodbye),
		TEST(a_will_may_wait),
		TEST(a_will_obeys_the_rights_of_its_client),
		TEST(device_sessions_are_told_to_the_registry),
		cmocka_unit_test(connections_are_limited),
		TEST(a_stopping_server_says_goodbye),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
