#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "reason.h"
#include "server.h"

static struct fake *begin(const char *option, int64_t value)
{
	struct fake *f = fake_new();
	fake_set(f, "anonymous", 1);
	if (option)
		fake_set(f, option, value);
	return f;
}

/* The answer to a CONNECT, and its reason string. */
static uint8_t answer(struct fake *f, const struct peer_login *login, char *why, size_t cap)
{
	struct peer p = peer_dial(f, 5);
	peer_connect(&p, login);
	struct packet ack = peer_expect(&p, PACKET_CONNACK);
	uint8_t code = ack.body.p[1];
	*why = 0;
	if (code) {
		const char *text = (const char *)ack.body.p + 6;
		int n = (int)ack.body.n - 6;
		snprintf(why, cap, "%.*s", n, text);
		assert_true(p.conn->closing);
	}
	fake_turn(f);
	return code;
}

static uint8_t login(struct fake *f, const char *id, char *why, size_t cap)
{
	return answer(f,
	              &(struct peer_login){ .id = id, .version = 5, .keep = true, .expiry_s = 60 },
	              why, cap);
}

static uint32_t seconds_of(const char *why)
{
	const char *at = strstr(why, "retry after ");
	assert_non_null(at);
	return (uint32_t)strtoul(at + 12, NULL, 10);
}

static void an_address_has_so_many_connections(void **state)
{
	struct fake *f = begin("max_connections_per_address", 2);
	char why[256];
	(void)state;
	fake_start(f);
	f->address = "192.0.2.1:1";
	struct peer a = peer_plain(f, "a", 5);
	peer_plain(f, "b", 5);
	f->address = "192.0.2.1:99";
	assert_int_equal(login(f, "c", why, sizeof(why)), REASON_QUOTA);
	assert_non_null(strstr(why, "max-connections-per-address"));
	f->address = "192.0.2.2:1";
	assert_int_equal(login(f, "d", why, sizeof(why)), 0);
	f->address = "[2001:db8::1]:1";
	peer_plain(f, "e", 5);
	f->address = "[2001:db8::2]:1";
	peer_plain(f, "f", 5);
	assert_int_equal(login(f, "g", why, sizeof(why)), REASON_QUOTA);
	f->address = "[2001:db8:0:1::1]:1";
	assert_int_equal(login(f, "h", why, sizeof(why)), 0);
	f->address = "192.0.2.3:1";
	int n = 0; /* silent ones may wait to be told, but not without end */
	while (n < 1000 && !fake_connect(f)->closed)
		n++;
	assert_int_equal(n, 2 + SERVER_GRACE);
	fake_hangup(a.conn);
	f->address = "192.0.2.1:5";
	assert_int_equal(login(f, "c", why, sizeof(why)), 0);
	assert_int_equal(fake_metric(f, "limit_address_connections"), 3);
	fake_free(f);
}

static void an_address_connects_so_fast(void **state)
{
	struct fake *f = begin("connect_rate_per_address", 2);
	char why[256];
	(void)state;
	fake_set(f, "connect_burst_per_address", 3);
	fake_start(f);
	for (int i = 0; i < 3; i++) {
		struct peer p = peer_plain(f, "", 5);
		peer_disconnect(&p, 0);
	}
	assert_int_equal(login(f, "x", why, sizeof(why)), REASON_CONNECT_RATE);
	assert_in_range(seconds_of(why), 1, 10);
	f->address = "192.0.2.2:1";
	assert_int_equal(login(f, "y", why, sizeof(why)), 0);
	f->address = NULL;
	fake_seconds(f, 1);
	assert_int_equal(login(f, "x", why, sizeof(why)), 0);
	assert_int_equal(fake_metric(f, "limit_address_rate"), 1);
	fake_free(f);
}

static void in_a_storm_kept_sessions_come_first_and_strangers_last(void **state)
{
	struct fake *f = begin("connect_rate", 1);
	char why[256], id[16];
	int strangers = 0;
	(void)state;
	fake_set(f, "connect_burst", 40);
	fake_start(f);
	struct peer kept =
		peer_up(f,
	                &(struct peer_login){
				.id = "kept", .version = 5, .keep = true, .expiry_s = 600 },
	                NULL);
	fake_hangup(kept.conn);
	for (uint8_t r = 0; r == 0; strangers++) {
		snprintf(id, sizeof(id), "s%d", strangers);
		r = login(f, id, why, sizeof(why));
		assert_true(r == 0 || r == REASON_CONNECT_RATE);
	}
	assert_in_range(strangers, 15, 21);
	int known = 0;
	for (uint8_t r = 0; r == 0; known++) {
		snprintf(id, sizeof(id), "known%d", known);
		r = login(f, id, why, sizeof(why));
	}
	assert_in_range(known, 7, 12);
	assert_int_equal(login(f, "kept", why, sizeof(why)), 0);
	assert_int_equal(login(f, "s99", why, sizeof(why)), REASON_CONNECT_RATE);
	/* The hints are spread, so that they do not all come back together. */
	uint32_t least = UINT32_MAX, most = 0;
	for (int i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "t%d", i);
		assert_int_equal(login(f, id, why, sizeof(why)), REASON_CONNECT_RATE);
		uint32_t s = seconds_of(why);
		least = s < least ? s : least;
		most = s > most ? s : most;
	}
	assert_true(most - least > 100);
	fake_seconds(f, 30);
	assert_int_equal(login(f, "s99", why, sizeof(why)), 0);
	fake_free(f);
}

static void a_client_that_flaps_is_held_off_and_nobody_else(void **state)
{
	struct fake *f = begin("max_reconnects_per_minute", 5);
	struct peer_login who = { .id = "d1", .user = "device:d1", .version = 5 };
	char why[256];
	(void)state;
	fake_start(f);
	for (int i = 0; i < 5; i++) {
		struct peer p = peer_up(f, &who, NULL);
		fake_hangup(p.conn);
	}
	assert_int_equal(answer(f, &who, why, sizeof(why)), REASON_CONNECT_RATE);
	assert_non_null(strstr(why, "flapping"));
	assert_non_null(strstr(f->fate, "flapping"));
	uint32_t first = seconds_of(why);
	assert_int_equal(login(f, "other", why, sizeof(why)), 0);
	fake_seconds(f, first + 1);
	struct peer p = peer_up(f, &who, NULL);
	fake_hangup(p.conn);
	assert_int_equal(answer(f, &who, why, sizeof(why)), REASON_CONNECT_RATE);
	assert_true(seconds_of(why) > first - 1);
	assert_int_equal(fake_metric(f, "limit_flapping"), 2);
	/* Short visits that end well are no flapping. */
	for (int i = 0; i < 50; i++) {
		p = peer_plain(f, "visitor", 5);
		peer_disconnect(&p, 0);
		fake_turn(f);
	}
	fake_free(f);
}

static void who_is_sent_away_because_of_our_disk_does_not_flap(void **state)
{
	struct fake *f = begin("max_reconnects_per_minute", 5);
	struct peer_login who = { .id = "d1", .user = "device:d1", .version = 5 };
	(void)state;
	fake_start(f);
	for (int i = 0; i < 20; i++) {
		struct peer p = peer_up(f, &who, NULL);
		peer_publish(&p, "devices/d1/telemetry", "1", 2, 1, NULL, 0);
		fake_turn(f);
		fake_complete(f, 1, -5);
		assert_true(p.conn->closing);
		fake_turn(f);
	}
	assert_int_equal(fake_metric(f, "limit_flapping"), 0);
	fake_free(f);
}

static void two_clients_with_one_identifier_are_named(void **state)
{
	struct fake *f = begin("max_takeovers_per_minute", 3);
	char why[256];
	(void)state;
	fake_start(f);
	uint8_t r = 0;
	int n = 0;
	for (; r == 0 && n < 20; n++) {
		f->address = n % 2 ? "192.0.2.1:1" : "192.0.2.2:1";
		r = login(f, "twin", why, sizeof(why));
	}
	assert_int_equal(r, REASON_CONNECT_RATE);
	assert_int_equal(n, 5);
	assert_non_null(strstr(why, "two clients use one client identifier"));
	assert_non_null(strstr(why, "192.0.2.1"));
	assert_non_null(strstr(why, "192.0.2.2"));
	/* Who is there stays, in peace. */
	assert_int_equal(fake_metric(f, "connections"), 1);
	assert_int_equal(fake_metric(f, "limit_takeovers"), 1);
	fake_free(f);
}

static void a_device_beyond_its_rate_waits_and_loses_nothing(void **state)
{
	struct fake *f = begin("max_messages_per_second", 10);
	struct peer_login who = { .id = "d1", .user = "device:d1", .version = 5 };
	(void)state;
	fake_set(f, "receive_maximum", 1000);
	fake_start(f);
	struct peer p = peer_up(f, &who, NULL);
	struct peer other = peer_plain(f, "other", 5);
	for (int i = 0; i < 40; i++)
		peer_publish(&p, "devices/d1/telemetry", "1", 2, (uint16_t)(i + 1), NULL, 0);
	assert_int_equal(f->n_submits, 10);
	assert_true(p.conn->paused);
	assert_non_null(strstr(f->fate, "max-messages-per-second"));
	peer_publish(&other, "x", "1", 2, 1, NULL, 0);
	assert_true(peer_expect_ack(&other, PACKET_PUBACK, 1) < 0x80);
	/* The same device on a second connection has no second account. */
	struct peer_login twice = { .id = "d1-b", .user = "device:d1", .version = 5 };
	struct peer q = peer_up(f, &twice, NULL);
	peer_publish(&q, "devices/d1/telemetry", "1", 2, 1, NULL, 0);
	assert_int_equal(f->n_submits, 10);
	fake_hangup(q.conn);
	fake_seconds(f, 1);
	for (int i = 0; i < 20; i++)
		fake_seconds(f, 1);
	assert_int_equal(f->n_submits, 40);
	assert_false(p.conn->paused);
	fake_complete(f, 40, 0);
	for (int i = 0; i < 40; i++)
		assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, (uint16_t)(i + 1)), 0);
	assert_true(fake_metric(f, "limit_message_rate") >= 3);
	fake_free(f);
}

static void bytes_have_a_rate_too(void **state)
{
	struct fake *f = begin("max_bytes_per_second", 1000);
	char big[601];
	(void)state;
	fake_start(f);
	memset(big, 'x', sizeof(big));
	big[600] = 0;
	struct peer p = peer_plain(f, "p", 5);
	for (int i = 0; i < 4; i++)
		peer_publish(&p, "x", big, 0, 0, NULL, 0);
	assert_int_equal(fake_metric(f, "publish_received"), 2);
	fake_seconds(f, 3);
	assert_int_equal(fake_metric(f, "publish_received"), 4);
	assert_true(fake_metric(f, "limit_byte_rate") >= 1);
	fake_free(f);
}

/* Subscribes and goes. */
static void leave_behind(struct fake *f, const char *id, const char *filter)
{
	struct peer_login keep = { .id = id, .version = 5, .keep = true, .expiry_s = 600 };
	struct peer p = peer_up(f, &keep, NULL);
	peer_subscribe(&p, filter, 1, 0);
	peer_expect(&p, PACKET_SUBACK);
	fake_hangup(p.conn);
}

static void the_biggest_queue_pays_when_all_are_full(void **state)
{
	struct fake *f = begin("max_total_queued_bytes", 65536);
	char big[2001];
	(void)state;
	fake_start(f);
	memset(big, 'x', sizeof(big));
	big[2000] = 0;
	leave_behind(f, "hog", "big");
	leave_behind(f, "small", "little");
	struct peer source = peer_plain(f, "source", 4);
	for (int i = 0; i < 10; i++)
		peer_publish(&source, "little", "kept", 0x02, (uint16_t)(i + 1), NULL, 0);
	for (int i = 0; i < 100; i++)
		peer_publish(&source, "big", big, 0x02, (uint16_t)(i + 100), NULL, 0);
	assert_in_range(fake_metric(f, "queued_bytes"), 20000, 65536);
	assert_true(fake_metric(f, "limit_total_queue") >= 1);
	struct peer_login login = { .id = "small", .version = 5, .keep = true };
	struct peer small = peer_up(f, &login, NULL);
	for (int i = 0; i < 10; i++)
		peer_expect_publish(&small, "little", "kept");
	fake_free(f);
}

static void topics_have_so_many_levels(void **state)
{
	struct fake *f = begin("max_topic_levels", 3);
	(void)state;
	fake_start(f);
	struct peer p = peer_plain(f, "p", 5);
	peer_publish(&p, "a/b/c", "1", 2, 1, NULL, 0);
	assert_true(peer_expect_ack(&p, PACKET_PUBACK, 1) < 0x80);
	peer_publish(&p, "a/b/c/d", "1", 2, 2, NULL, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 2), REASON_BAD_TOPIC);
	peer_subscribe(&p, "a/+/c/#", 0, 0);
	struct packet pk = peer_expect(&p, PACKET_SUBACK);
	assert_int_equal(pk.body.p[pk.body.n - 1], REASON_BAD_FILTER);
	assert_int_equal(fake_metric(f, "limit_topic"), 2);
	fake_free(f);
}

static void a_packet_has_so_many_filters(void **state)
{
	static const uint8_t three[] = {
		0x82, 15, 0, 1, 0, 0, 1, 'a', 0, 0, 1, 'b', 0, 0, 1, 'c', 0
	};
	struct fake *f = begin("max_filters", 2);
	(void)state;
	fake_start(f);
	struct peer p = peer_plain(f, "p", 5);
	peer_raw(&p, three, sizeof(three));
	peer_expect_closed(&p, REASON_QUOTA);
	assert_int_equal(fake_metric(f, "limit_filters"), 1);
	fake_free(f);
}

static void unfinished_connects_share_a_bounded_memory(void **state)
{
	enum { N = 20 };
	struct fake *f = begin("max_unauthenticated_bytes", 65536);
	struct fake_conn *conns[N];
	uint8_t part[8192] = { 0x10, 0xff, 0x7e, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 0, 0 };
	int ended = 0;
	(void)state;
	fake_start(f);
	for (int i = 0; i < N; i++) {
		conns[i] = fake_connect(f);
		fake_feed(conns[i], part, sizeof(part));
		ended += conns[i]->closing || conns[i]->closed;
	}
	assert_int_equal(ended, N - 10);
	assert_int_equal(fake_metric(f, "limit_unknown_bytes"), N - 10);
	for (int i = 0; i < N; i++)
		if (!conns[i]->closed)
			fake_hangup(conns[i]);
	conns[0] = fake_connect(f);
	fake_feed(conns[0], part, sizeof(part));
	assert_false(conns[0]->closing);
	fake_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_has_so_many_connections),
		cmocka_unit_test(an_address_connects_so_fast),
		cmocka_unit_test(in_a_storm_kept_sessions_come_first_and_strangers_last),
		cmocka_unit_test(a_client_that_flaps_is_held_off_and_nobody_else),
		cmocka_unit_test(who_is_sent_away_because_of_our_disk_does_not_flap),
		cmocka_unit_test(two_clients_with_one_identifier_are_named),
		cmocka_unit_test(a_device_beyond_its_rate_waits_and_loses_nothing),
		cmocka_unit_test(bytes_have_a_rate_too),
		cmocka_unit_test(the_biggest_queue_pays_when_all_are_full),
		cmocka_unit_test(topics_have_so_many_levels),
		cmocka_unit_test(a_packet_has_so_many_filters),
		cmocka_unit_test(unfinished_connects_share_a_bounded_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
