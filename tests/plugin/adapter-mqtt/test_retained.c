#include <stdio.h>
#include <string.h>

#include "peer.h"
#include "properties.h"
#include "reason.h"

static void sub(struct peer *p, const char *filter, uint8_t options)
{
	peer_subscribe(p, filter, options, 0);
	peer_expect(p, PACKET_SUBACK);
}

static void new_subscribers_get_what_is_retained(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5), q = peer_plain(f, "q", 5);
	peer_publish(&p, "a/1", "one", 1, 0, NULL, 0);
	peer_publish(&p, "a/2", "two", 3, 1, NULL, 0);
	peer_publish(&p, "$x", "hidden", 1, 0, NULL, 0);
	peer_expect_ack(&p, PACKET_PUBACK, 1);
	sub(&q, "+/+", 1);
	struct peer_message m = peer_expect_publish(&q, "a/1", "one");
	assert_true(m.retain);
	assert_int_equal(m.qos, 0);
	m = peer_expect_publish(&q, "a/2", "two");
	assert_int_equal(m.qos, 1);
	peer_ack(&q, PACKET_PUBACK, m.id);
	peer_publish(&p, "a/1", "", 1, 0, NULL, 0);
	peer_expect_publish(&q, "a/1", "");
	sub(&q, "#", 0);
	peer_expect_publish(&q, "a/2", "two");
	peer_expect_nothing(&q);
	assert_int_equal(fake_metric(f, "retained"), 1);
}

static void retain_handling_says_when(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5);
	peer_publish(&p, "a", "x", 1, 0, NULL, 0);
	sub(&p, "a", 0x20);
	peer_expect_nothing(&p);
	sub(&p, "a", 0x10);
	peer_expect_nothing(&p);
	sub(&p, "a", 0);
	peer_expect_publish(&p, "a", "x");
	sub(&p, "+", 0x10);
	peer_expect_publish(&p, "a", "x");
	sub(&p, "$share/g/a", 0);
	peer_expect_nothing(&p);
}

static void retained_messages_survive_the_server(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5);
	char deep[700] = "deep";
	while (strlen(deep) < 600)
		strcat(deep, "/0123456789012345678901234567890");
	peer_publish(&p, "a/b", "old", 3, 1, NULL, 0);
	peer_publish(&p, "a/b", "new", 3, 2, NULL, 0);
	peer_publish(&p, "a/c", "gone", 3, 3, NULL, 0);
	peer_publish(&p, "a/c", "", 3, 4, NULL, 0);
	static const uint8_t props[] = { 38, 0, 1, 'k', 0, 1, 'v', 2, 0, 0, 0, 60 };
	peer_publish(&p, "a/d", "props", 3, 5, props, sizeof(props));
	peer_publish(&p, deep, "deep", 3, 6, NULL, 0);
	fake_stop(f);
	fake_start(f);
	p = peer_plain(f, "p", 5);
	sub(&p, "a/#", 2);
	peer_expect_publish(&p, "a/b", "new");
	struct peer_message m = peer_expect_publish(&p, "a/d", "props");
	assert_int_equal(m.expiry_s, 60);
	assert_int_equal(m.props_n, sizeof(props));
	struct packet pk;
	assert_false(peer_next(&p, &pk));
	sub(&p, "deep/#", 1);
	assert_true(peer_next(&p, &pk));
	assert_int_equal(fake_metric(f, "retained"), 3);
	fake_stop(f);
	fake_seconds(f, 100);
	fake_start(f);
	fake_seconds(f, 1);
	assert_int_equal(fake_metric(f, "retained"), 2);
}

static void what_expires_is_removed_with_its_document(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5);
	static const uint8_t ten[] = { PROPERTY_MESSAGE_EXPIRY, 0, 0, 0, 10 };
	char topic[32];
	for (int i = 0; i < 500; i++) {
		snprintf(topic, sizeof(topic), "t/%d", i);
		peer_publish(&p, topic, "x", 1, 0, ten, i % 2 ? sizeof(ten) : 0);
	}
	assert_int_equal(fake_metric(f, "retained"), 500);
	fake_seconds(f, 9);
	assert_int_equal(fake_metric(f, "retained"), 500);
	f->slow_docs = true;
	fake_seconds(f, 3);
	assert_int_equal(fake_metric(f, "retained"), 250);
	/* One that comes again meanwhile stays. */
	peer_publish(&p, "t/1", "new", 1, 0, NULL, 0);
	while (f->puts)
		fake_put_done(f, 0);
	fake_stop(f);
	f->slow_docs = false;
	fake_start(f);
	assert_int_equal(fake_metric(f, "retained"), 251);
}

static void acknowledged_means_the_document_is_written(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5);
	f->slow_docs = true;
	peer_publish(&p, "a", "1", 3, 1, NULL, 0);
	peer_publish(&p, "a", "2", 3, 2, NULL, 0);
	peer_publish(&p, "a", "3", 5, 3, NULL, 0);
	peer_expect_nothing(&p);
	fake_put_done(f, 0);
	peer_expect_ack(&p, PACKET_PUBACK, 1);
	peer_expect_nothing(&p);
	/* The second and the third were written together. */
	fake_put_done(f, 0);
	peer_expect_ack(&p, PACKET_PUBACK, 2);
	peer_expect_ack(&p, PACKET_PUBREC, 3);
	assert_null(f->puts);
	peer_publish(&p, "a", "4", 3, 4, NULL, 0);
	fake_put_done(f, -5);
	peer_expect_closed(&p, REASON_UNSPECIFIED);
}

static void retained_telemetry_waits_for_both(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 4);
	f->slow_docs = true;
	peer_publish(&p, "devices/d1/telemetry", "1", 3, 1, NULL, 0);
	fake_put_done(f, 0);
	peer_expect_nothing(&p);
	fake_complete(f, 1, 0);
	peer_expect_ack(&p, PACKET_PUBACK, 1);
	peer_publish(&p, "devices/d1/telemetry", "2", 3, 2, NULL, 0);
	fake_complete(f, 1, 0);
	peer_expect_nothing(&p);
	fake_put_done(f, 0);
	peer_expect_ack(&p, PACKET_PUBACK, 2);
	peer_publish(&p, "devices/d1/telemetry", "3", 3, 3, NULL, 0);
	fake_hangup(p.conn);
	fake_complete(f, 1, 0);
	fake_put_done(f, 0);
	assert_int_equal(fake_metric(f, "connections"), 0);
}

static void retained_messages_are_limited(void **state)
{
	struct fake *f = fake_new();
	(void)state;
	fake_set(f, "anonymous", 1);
	fake_set(f, "max_retained", 2);
	fake_set(f, "max_retained_bytes", 2000);
	fake_start(f);
	struct peer p = peer_plain(f, "p", 5);
	peer_publish(&p, "a", "1", 3, 1, NULL, 0);
	peer_publish(&p, "b", "1", 3, 2, NULL, 0);
	peer_publish(&p, "c", "1", 3, 3, NULL, 0);
	peer_publish(&p, "b", "2", 3, 4, NULL, 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 1), 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 2), 0);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 3), REASON_QUOTA);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 4), 0);
	assert_int_equal(fake_metric(f, "retained_refused"), 1);
	fake_free(f);
}

static void many_of_them_come_as_the_client_reads(void **state)
{
	enum { N = 2000 };
	static bool seen[N];
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5), q = peer_plain(f, "q", 5);
	char topic[32];
	for (int i = 0; i < N; i++) {
		snprintf(topic, sizeof(topic), "t/%d/x", i);
		peer_publish(&p, topic, "payload", 1, 0, NULL, 0);
	}
	f->out_limit = 3000;
	peer_subscribe(&q, "t/#", 0, 0);
	peer_expect(&q, PACKET_SUBACK);
	int n = 0;
	for (int turn = 0; turn < 5000 && n < N; turn++) {
		while (q.conn->out_n) {
			struct peer_message m = peer_expect_publish(&q, NULL, "payload");
			int i;
			assert_int_equal(sscanf(m.topic, "t/%d/x", &i), 1);
			assert_false(seen[i]);
			seen[i] = true;
			n++;
		}
		assert_true(fake_metric(f, "queued_bytes") < 262144);
		fake_turn(f);
	}
	assert_int_equal(n, N);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_setup, peer_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(new_subscribers_get_what_is_retained),
		TEST(retain_handling_says_when),
		TEST(retained_messages_survive_the_server),
		TEST(what_expires_is_removed_with_its_document),
		TEST(acknowledged_means_the_document_is_written),
		TEST(retained_telemetry_waits_for_both),
		cmocka_unit_test(retained_messages_are_limited),
		TEST(many_of_them_come_as_the_client_reads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
