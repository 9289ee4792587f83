/* What a session is after the server was killed: exactly what its client was told. */
#include "kept.h"

static void what_waits_for_an_absent_client_is_kept(void **state)
{
	struct fake *f = *state;
	kept_absent(f, "a", "t/#", 2);
	struct peer from = peer_plain(f, "from", 5);
	peer_publish(&from, "t/1", "one", QOS1, 1, NULL, 0);
	peer_expect_nothing(&from); /* not before it is on disk */
	fake_journal_settle(f);
	peer_expect_ack(&from, PACKET_PUBACK, 1);
	peer_publish(&from, "t/2", "two", QOS2, 2, NULL, 0);
	peer_publish(&from, "t/0", "zero", 0, 0, NULL, 0);
	peer_publish(&from, "u", "other", QOS1, 3, NULL, 0);
	fake_journal_settle(f);
	peer_expect_ack(&from, PACKET_PUBREC, 2);
	peer_expect_ack(&from, PACKET_PUBACK, 3);
	fake_journal_kill(f);
	struct peer a = kept_up(f, "a", true);
	struct peer_message m = peer_expect_publish(&a, "t/1", "one");
	assert_int_equal(m.qos, 1);
	assert_false(m.dup);
	m = peer_expect_publish(&a, "t/2", "two");
	assert_int_equal(m.qos, 2);
	peer_expect_nothing(&a);
}

static void what_was_not_acknowledged_to_its_publisher_may_be_lost(void **state)
{
	struct fake *f = *state;
	kept_absent(f, "a", "t", 1);
	struct peer from = peer_plain(f, "from", 5);
	peer_publish(&from, "t", "lost", QOS1, 1, NULL, 0);
	peer_expect_nothing(&from);
	fake_journal_kill(f);
	struct peer a = kept_up(f, "a", true);
	peer_expect_nothing(&a);
}

static void who_needs_nothing_kept_costs_no_record(void **state)
{
	struct fake *f = *state;
	struct peer to = peer_plain(f, "to", 5), from = peer_plain(f, "from", 5);
	assert_int_equal(peer_subscribed(&to, "t", 2), 2);
	peer_publish(&from, "t", "x", QOS1, 1, NULL, 0);
	peer_expect_ack(&from, PACKET_PUBACK, 1);
	peer_publish(&from, "t", "y", QOS2, 2, NULL, 0);
	peer_expect_ack(&from, PACKET_PUBREC, 2);
	peer_expect_publish(&to, "t", "x");
	peer_expect_publish(&to, "t", "y");
	assert_int_equal(fake_journal_count(f, NULL), 0);
	/* Somebody's session being kept changes nothing for others. */
	kept_absent(f, "a", "elsewhere", 1);
	uint32_t n = fake_journal_count(f, NULL);
	peer_publish(&from, "t", "z", QOS1, 3, NULL, 0);
	peer_expect_ack(&from, PACKET_PUBACK, 3);
	peer_publish(&from, "devices/d1/telemetry", "1", QOS1, 4, NULL, 0);
	fake_seconds(f, 1);
	assert_int_equal(fake_journal_count(f, NULL), n);
}

static void telemetry_waits_for_both_its_rows_and_its_subscribers(void **state)
{
	struct fake *f = *state;
	kept_absent(f, "a", "devices/d1/telemetry", 1);
	struct peer from = peer_plain(f, "from", 5);
	f->n_submits = f->completed = 0;
	peer_publish(&from, "devices/d1/telemetry", "1", QOS1, 1, NULL, 0);
	assert_int_equal(f->n_submits, 2);
	fake_complete(f, 1, 0);
	peer_expect_nothing(&from);
	fake_complete(f, 1, 0);
	peer_expect_ack(&from, PACKET_PUBACK, 1);
	fake_journal_kill(f);
	struct peer a = kept_up(f, "a", true);
	peer_expect_publish(&a, "devices/d1/telemetry", "1");
}

static void telemetry_that_failed_is_not_a_duplicate_when_it_comes_again(void **state)
{
	struct fake *f = *state;
	struct peer from = kept_up(f, "from", false);
	for (int i = 0; i < 2; i++) { /* known to be on disk, or to be lost, before it came again */
		peer_publish(&from, "devices/d1/telemetry", "1", i ? QOS2 | DUP : QOS2, 5, NULL, 0);
		uint32_t n = f->n_submits;
		assert_int_equal(n - f->completed, 2);
		fake_complete(f, 1, i ? 0 : SB_E_DEGRADED);
		fake_complete(f, 1, 0);
		if (i)
			break;
		peer_expect_closed(&from, REASON_UNSPECIFIED);
		fake_seconds(f, 1);
		fake_journal_settle(f);
		fake_journal_kill(f);
		from = kept_up(f, "from", true);
	}
	peer_expect_ack(&from, PACKET_PUBREC, 5);
}

static void a_live_subscriber_need_not_wait_and_is_sent_again_what_it_did_not_answer(void **state)
{
	struct fake *f = *state;
	struct peer a = kept_up(f, "a", false), from = peer_plain(f, "from", 5);
	kept_subscribe(&a, "t", 1);
	for (char text[] = "1"; text[0] <= '4'; text[0]++) {
		peer_publish(&from, "t", text, QOS1, 1, NULL, 0);
		struct peer_message m = peer_expect_publish(&a, "t", text);
		assert_false(m.dup);
		fake_journal_settle(f);
		peer_expect_ack(&from, PACKET_PUBACK, 1);
		if (text[0] == '2')
			peer_ack(&a, PACKET_PUBACK, m.id);
	}
	fake_seconds(f, 1); /* acknowledgements are written lazily */
	fake_journal_settle(f);
	fake_journal_kill(f);
	a = kept_up(f, "a", true);
	assert_true(peer_expect_publish(&a, "t", "1").dup);
	assert_true(peer_expect_publish(&a, "t", "3").dup);
	assert_true(peer_expect_publish(&a, "t", "4").dup);
	peer_expect_nothing(&a);
}

static void qos2_to_a_client_is_delivered_once_whatever_happens(void **state)
{
	struct fake *f = *state;
	struct peer a = kept_up(f, "a", false), from = peer_plain(f, "from", 5);
	kept_subscribe(&a, "t", 2);
	peer_publish(&from, "t", "x", QOS2, 1, NULL, 0);
	peer_expect_nothing(&a); /* under an identifier that is on disk, or not at all */
	fake_journal_settle(f);
	uint16_t id = peer_expect_publish(&a, "t", "x").id;
	fake_journal_kill(f);
	a = kept_up(f, "a", true);
	struct peer_message m = peer_expect_publish(&a, "t", "x");
	assert_true(m.dup);
	assert_int_equal(m.id, id);
	peer_ack(&a, PACKET_PUBREC, id);
	peer_expect_nothing(&a); /* PUBREL makes the client forget */
	fake_journal_kill(f);
	a = kept_up(f, "a", true);
	assert_int_equal(peer_expect_publish(&a, "t", "x").id, id);
	peer_ack(&a, PACKET_PUBREC, id);
	fake_journal_settle(f);
	peer_expect_ack(&a, PACKET_PUBREL, id);
	fake_journal_kill(f);
	a = kept_up(f, "a", true);
	peer_expect_ack(&a, PACKET_PUBREL, id);
	peer_ack(&a, PACKET_PUBCOMP, id);
	fake_seconds(f, 1);
	fake_journal_settle(f);
	fake_journal_kill(f);
	a = kept_up(f, "a", true);
	peer_expect_nothing(&a);
}

static void qos2_from_a_client_is_taken_once_whatever_happens(void **state)
{
	struct fake *f = *state;
	kept_absent(f, "to", "t", 2);
	struct peer a = kept_up(f, "a", false);
	peer_publish(&a, "t", "first", QOS2, 9, NULL, 0);
	peer_expect_nothing(&a);
	fake_journal_settle(f);
	peer_expect_ack(&a, PACKET_PUBREC, 9);
	fake_journal_kill(f);
	a = kept_up(f, "a", true);
	peer_publish(&a, "t", "first", QOS2 | DUP, 9, NULL, 0);
	peer_expect_ack(&a, PACKET_PUBREC, 9);
	peer_ack(&a, PACKET_PUBREL, 9);
	peer_expect_nothing(&a);
	fake_journal_settle(f);
	assert_int_equal(peer_expect_ack(&a, PACKET_PUBCOMP, 9), REASON_SUCCESS);
	fake_journal_kill(f);
	a = kept_up(f, "a", true);
	peer_ack(&a, PACKET_PUBREL, 9);
	assert_int_equal(peer_expect_ack(&a, PACKET_PUBCOMP, 9), REASON_ID_NOT_FOUND);
	peer_publish(&a, "t", "second", QOS2, 9, NULL, 0);
	fake_journal_settle(f);
	peer_expect_ack(&a, PACKET_PUBREC, 9);
	struct peer to = kept_up(f, "to", true);
	peer_expect_publish(&to, "t", "first");
	peer_expect_publish(&to, "t", "second");
	peer_expect_nothing(&to);
}

static void session_present_is_what_the_disk_says(void **state)
{
	struct fake *f = *state;
	struct peer a = kept_up(f, "a", false);
	kept_subscribe(&a, "t", 1);
	struct peer_login clean = { .id = "a", .version = 5, .expiry_s = 3600 };
	struct peer b = peer_dial(f, 5);
	peer_connect(&b, &clean);
	peer_expect_nothing(&b);
	fake_journal_settle(f);
	assert_int_equal(peer_expect(&b, PACKET_CONNACK).body.p[0], 0);
	fake_journal_kill(f);
	b = kept_up(f, "a", true); /* that of b, without subscriptions */
	struct peer from = peer_plain(f, "from", 5);
	peer_publish(&from, "t", "x", QOS1, 1, NULL, 0);
	peer_expect_ack(&from, PACKET_PUBACK, 1);
	peer_expect_nothing(&b);
	peer_disconnect(&b, 0);
	struct peer_login brief = { .id = "a", .version = 5 };
	b = peer_dial(f, 5);
	peer_connect(&b, &brief); /* clean, and gone with its connection */
	peer_expect_nothing(&b);
	fake_journal_settle(f);
	assert_int_equal(peer_expect(&b, PACKET_CONNACK).body.p[0], 0);
	fake_journal_kill(f);
	kept_up(f, "a", false);
}

static void subscriptions_come_back_as_they_were(void **state)
{
	struct fake *f = *state;
	struct peer a = kept_up(f, "a", false);
	peer_subscribe(&a, "t/+/x", 1 | 4 | 8, 17);
	peer_subscribe(&a, "gone", 1, 0);
	peer_subscribe(&a, "$share/g/s/#", 1, 3);
	fake_journal_settle(f);
	for (int i = 0; i < 3; i++)
		peer_expect(&a, PACKET_SUBACK);
	peer_unsubscribe(&a, "gone");
	peer_expect_nothing(&a);
	fake_journal_settle(f);
	peer_expect(&a, PACKET_UNSUBACK);
	for (int i = 0; i < 2; i++) { /* as changes, and as a whole */
		fake_journal_kill(f);
		assert_int_equal(fake_metric(f, "subscriptions"), 2);
		a = kept_up(f, "a", true);
		peer_publish(&a, "t/1/x", "own", 0, 0, NULL, 0);
		struct peer from = peer_plain(f, "from", 5);
		peer_publish(&from, "t/1/x", "kept", RETAIN, 0, NULL, 0);
		struct peer_message m = peer_expect_publish(&a, "t/1/x", "kept");
		assert_true(m.retain);
		assert_int_equal(m.ids[0], 17);
		peer_publish(&from, "s/1", "shared", 0, 0, NULL, 0);
		assert_int_equal(peer_expect_publish(&a, "s/1", "shared").ids[0], 3);
		peer_publish(&from, "gone", "x", 0, 0, NULL, 0);
		peer_expect_nothing(&a);
		f->snapshot(f->snapshot_ud, UINT64_MAX / 2);
		fake_seconds(f, 1);
		fake_journal_settle(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEPT_TEST(what_waits_for_an_absent_client_is_kept),
		KEPT_TEST(what_was_not_acknowledged_to_its_publisher_may_be_lost),
		KEPT_TEST(who_needs_nothing_kept_costs_no_record),
		KEPT_TEST(telemetry_waits_for_both_its_rows_and_its_subscribers),
		KEPT_TEST(telemetry_that_failed_is_not_a_duplicate_when_it_comes_again),
		KEPT_TEST(a_live_subscriber_need_not_wait_and_is_sent_again_what_it_did_not_answer),
		KEPT_TEST(qos2_to_a_client_is_delivered_once_whatever_happens),
		KEPT_TEST(qos2_from_a_client_is_taken_once_whatever_happens),
		KEPT_TEST(session_present_is_what_the_disk_says),
		KEPT_TEST(subscriptions_come_back_as_they_were),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
