/* After a kill: clocks that go on, records that are written anew, and what can be wrong with them.
 */
#include "kept.h"

static void wills_of_connections_that_died_with_the_server_are_sent(void **state)
{
	struct fake *f = *state;
	kept_absent(f, "to", "will/#", 1);
	struct peer brief = peer_dial(f, 5), delayed = peer_dial(f, 5), polite = peer_dial(f, 5);
	peer_connect(&brief, &(struct peer_login){ .id = "brief",
	                                           .version = 5,
	                                           .will_topic = "will/brief",
	                                           .will_payload = "1",
	                                           .will_qos = 1 });
	peer_connect(&delayed, &(struct peer_login){ .id = "delayed",
	                                             .version = 5,
	                                             .keep = true,
	                                             .expiry_s = 3600,
	                                             .will_topic = "will/delayed",
	                                             .will_payload = "2",
	                                             .will_qos = 1,
	                                             .will_delay_s = 60 });
	peer_connect(&polite, &(struct peer_login){ .id = "polite",
	                                            .version = 5,
	                                            .will_topic = "will/polite",
	                                            .will_payload = "3",
	                                            .will_qos = 1 });
	fake_journal_settle(f);
	peer_expect(&brief, PACKET_CONNACK);
	peer_expect(&polite, PACKET_CONNACK);
	peer_disconnect(&polite, 0);
	fake_journal_settle(f);
	fake_journal_kill(f);
	fake_seconds(f, 30);
	fake_journal_settle(f);
	fake_journal_kill(f); /* its delay goes on, and the first will is not sent again */
	fake_seconds(f, 25);
	struct peer to = kept_up(f, "to", true);
	struct peer_message m = peer_expect_publish(&to, "will/brief", "1");
	peer_ack(&to, PACKET_PUBACK, m.id);
	peer_expect_nothing(&to);
	fake_seconds(f, 10);
	peer_expect_publish(&to, "will/delayed", "2");
	peer_expect_nothing(&to);
}

static void time_goes_on_while_nobody_counts_it(void **state)
{
	struct fake *f = *state;
	kept_absent(f, "a", "t", 1);
	fake_seconds(f, 3000);
	fake_journal_settle(f);
	fake_journal_kill(f);
	assert_int_equal(fake_metric(f, "sessions"), 1);
	fake_seconds(f, 500);
	assert_int_equal(fake_metric(f, "sessions"), 1);
	fake_seconds(f, 110);
	assert_int_equal(fake_metric(f, "sessions"), 0);
	fake_journal_settle(f);
	fake_journal_kill(f);
	assert_int_equal(fake_metric(f, "sessions"), 0);
	kept_up(f, "a", false);
}

static void a_body_is_written_once_for_all_who_wait_for_it(void **state)
{
	struct fake *f = *state;
	char payload[4001];
	size_t before, after;
	memset(payload, 'x', 4000);
	payload[4000] = 0;
	for (char id[] = "0"; id[0] <= '9'; id[0]++)
		kept_absent(f, id, "t", 1);
	struct peer from = peer_plain(f, "from", 5);
	fake_journal_count(f, &before);
	peer_publish(&from, "t", payload, QOS1, 1, NULL, 0);
	fake_journal_settle(f);
	peer_expect_ack(&from, PACKET_PUBACK, 1);
	fake_journal_count(f, &after);
	assert_true(after - before < 4500);
	fake_journal_kill(f);
	assert_true(fake_metric(f, "queued_bytes") > 10 * 4000);
}

static void a_message_longer_than_a_record_is_kept_whole(void **state)
{
	struct fake *f = *state;
	static char payload[200001];
	memset(payload, 'y', 200000);
	kept_absent(f, "a", "t", 1);
	struct peer from = peer_plain(f, "from", 5);
	peer_publish(&from, "t", payload, QOS1, 1, NULL, 0);
	fake_complete(f, 3, 0); /* all but the last part */
	peer_expect_nothing(&from);
	fake_journal_kill(f);
	assert_int_equal(fake_metric(f, "queued_bytes"), 0);
	from = peer_plain(f, "from", 5);
	peer_publish(&from, "t", payload, QOS1, 1, NULL, 0);
	fake_journal_settle(f);
	peer_expect_ack(&from, PACKET_PUBACK, 1);
	fake_journal_kill(f);
	assert_true(fake_metric(f, "queued_bytes") > 200000);
}

static void what_lies_far_behind_is_written_anew_and_the_rest_given_back(void **state)
{
	struct fake *f = *state;
	kept_absent(f, "a", "t", 1);
	kept_absent(f, "b", "t", 1);
	struct peer from = peer_plain(f, "from", 5);
	peer_publish(&from, "t", "stays", QOS1, 1, NULL, 0);
	fake_journal_settle(f);
	peer_expect_ack(&from, PACKET_PUBACK, 1);
	struct peer b = kept_up(f, "b", true);
	peer_ack(&b, PACKET_PUBACK, peer_expect_publish(&b, "t", "stays").id);
	for (uint16_t i = 0; i < 200; i++) {
		peer_publish(&from, "t", "goes", QOS1, 1, NULL, 0);
		fake_journal_settle(f);
		peer_expect_ack(&from, PACKET_PUBACK, 1);
		peer_ack(&b, PACKET_PUBACK, peer_expect_publish(&b, "t", "goes").id);
	}
	struct peer a = kept_up(f, "a", true);
	peer_expect_publish(&a, "t", "stays");
	for (uint16_t i = 0; i < 200; i++)
		peer_ack(&a, PACKET_PUBACK, peer_expect_publish(&a, "t", "goes").id);
	fake_seconds(f, 1);
	fake_journal_settle(f);
	assert_true(fake_journal_count(f, NULL) > 200);
	f->snapshot(f->snapshot_ud, f->position);
	fake_seconds(f, 1);
	fake_journal_settle(f);
	assert_true(fake_journal_count(f, NULL) < 12);
	fake_journal_kill(f);
	a = kept_up(f, "a", true);
	assert_true(peer_expect_publish(&a, "t", "stays").dup);
	peer_expect_nothing(&a);
	b = kept_up(f, "b", true);
	peer_expect_nothing(&b);
}

static void retained_messages_that_were_due_are_given_after_the_kill(void **state)
{
	struct fake *f = *state;
	struct peer from = peer_plain(f, "from", 5), a = kept_up(f, "a", false);
	peer_publish(&from, "r", "kept", QOS1 | RETAIN, 1, NULL, 0);
	peer_expect_ack(&from, PACKET_PUBACK, 1);
	peer_subscribe(&a, "r", 1, 0);
	fake_complete(f, 1, 0);
	peer_expect(&a, PACKET_SUBACK);
	peer_expect_publish(&a, "r", "kept");
	fake_journal_kill(f);
	a = kept_up(f, "a", true);
	struct peer_message m = peer_expect_publish(&a, "r", "kept");
	assert_true(m.retain);
	peer_ack(&a, PACKET_PUBACK, m.id);
	fake_seconds(f, 1);
	fake_journal_settle(f);
	fake_journal_kill(f);
	a = kept_up(f, "a", true);
	peer_expect_nothing(&a);
}

static void positions_given_again_after_a_restart_are_new_messages(void **state)
{
	struct fake *f = *state;
	struct peer a = kept_up(f, "a", false), from = peer_plain(f, "from", 5);
	kept_subscribe(&a, "t", 2);
	peer_publish(&from, "t", "first", QOS2, 1, NULL, 0);
	peer_publish(&from, "t", "second", QOS1, 2, NULL, 0);
	fake_journal_settle(f);
	peer_ack(&a, PACKET_PUBREC, peer_expect_publish(&a, "t", "first").id);
	peer_ack(&a, PACKET_PUBACK, peer_expect_publish(&a, "t", "second").id);
	fake_seconds(f, 1);
	fake_journal_settle(f);
	fake_journal_kill(f);
	from = peer_plain(f, "from", 5);
	peer_publish(&from, "t", "third", QOS1, 1, NULL, 0);
	fake_journal_settle(f);
	peer_expect_ack(&from, PACKET_PUBACK, 1);
	fake_journal_kill(f);
	a = kept_up(f, "a", true);
	peer_expect(&a, PACKET_PUBREL);
	peer_expect_publish(&a, "t", "third");
}

static void when_everything_is_over_nothing_is_held(void **state)
{
	struct fake *f = *state;
	kept_absent(f, "a", "t", 1);
	fake_seconds(f, 4000);
	fake_journal_settle(f);
	fake_seconds(f, 1);
	assert_int_equal(fake_journal_count(f, NULL), 0);
}

static void a_full_ring_stops_those_it_would_have_to_promise_something(void **state)
{
	struct fake *f = *state;
	kept_absent(f, "a", "t", 1);
	struct peer from = peer_plain(f, "from", 5), other = peer_plain(f, "other", 5);
	f->ring_full = true;
	peer_publish(&from, "t", "1", QOS1, 1, NULL, 0);
	peer_publish(&from, "t", "2", QOS1, 2, NULL, 0);
	peer_publish(&other, "t", "3", QOS1, 1, NULL, 0);
	peer_publish(&other, "t", "0", 0, 0, NULL, 0);
	assert_true(from.conn->paused && other.conn->paused);
	fake_seconds(f, 2);
	peer_expect_nothing(&from);
	f->ring_full = false;
	fake_seconds(f, 1);
	fake_journal_settle(f);
	peer_expect_ack(&from, PACKET_PUBACK, 1);
	peer_expect_ack(&from, PACKET_PUBACK, 2);
	peer_expect_ack(&other, PACKET_PUBACK, 1);
	fake_journal_kill(f);
	struct peer a = kept_up(f, "a", true);
	peer_expect_publish(&a, "t", "1");
	peer_expect_publish(&a, "t", NULL); /* two publishers have no order between them */
	peer_expect_publish(&a, "t", NULL);
	peer_expect_nothing(&a);
}

static void what_did_not_get_to_the_disk_is_not_acknowledged_and_written_anew(void **state)
{
	struct fake *f = *state;
	kept_absent(f, "a", "t", 1);
	struct peer from = peer_plain(f, "from", 5), b = peer_dial(f, 5);
	peer_publish(&from, "t", "1", QOS1, 1, NULL, 0);
	peer_connect(&b, &(struct peer_login){ .id = "b", .version = 5, .expiry_s = 60 });
	fake_complete(f, 100, SB_E_DEGRADED);
	peer_expect_closed(&from, REASON_UNSPECIFIED);
	assert_int_equal(peer_expect(&b, PACKET_CONNACK).body.p[1], REASON_BUSY);
	fake_seconds(f, 1);
	fake_journal_settle(f);
	fake_journal_kill(f);
	struct peer a = kept_up(f, "a", true);
	peer_expect_publish(&a, "t", "1"); /* it is in the session, so it is kept with it */
}

static void a_device_comes_back_as_itself_and_nobody_else_gets_its_session(void **state)
{
	struct fake *f = *state;
	struct peer_login mine = {
		.id = "d1", .user = "device:d1", .version = 5, .keep = true, .expiry_s = 60
	};
	struct peer_login foreign = mine;
	foreign.user = "device:d2";
	struct peer p = peer_dial(f, 5);
	peer_connect(&p, &mine);
	fake_journal_settle(f);
	peer_expect(&p, PACKET_CONNACK);
	fake_journal_kill(f);
	p = peer_dial(f, 5);
	peer_connect(&p, &foreign);
	fake_journal_settle(f);
	assert_int_equal(peer_expect(&p, PACKET_CONNACK).body.p[1], REASON_BAD_CLIENT_ID);
	p = peer_dial(f, 5);
	peer_connect(&p, &mine);
	fake_journal_settle(f);
	assert_int_equal(peer_expect(&p, PACKET_CONNACK).body.p[0], 1);
}

static void records_nobody_understands_stop_nothing(void **state)
{
	struct fake *f = *state;
	kept_absent(f, "a", "t", 1);
	fake_stop(f);
	const uint8_t bad[][4] = {
		{ 9 }, { 0, 99 }, { 0, 1, 1, 200 }, { 3, 7 }, { 0, 8, 1, 0xff }
	};
	for (size_t i = 0; i < 5; i++) {
		struct fake_record *r = calloc(1, sizeof(*r) + 4);
		r->position = ++f->position;
		r->durable = true;
		r->n = i ? 4 : 0;
		memcpy(r->p, bad[i], 4);
		struct fake_record **at = &f->records;
		while (*at)
			at = &(*at)->next;
		*at = r;
	}
	fake_start(f);
	kept_up(f, "a", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEPT_TEST(wills_of_connections_that_died_with_the_server_are_sent),
		KEPT_TEST(time_goes_on_while_nobody_counts_it),
		KEPT_TEST(a_body_is_written_once_for_all_who_wait_for_it),
		KEPT_TEST(a_message_longer_than_a_record_is_kept_whole),
		KEPT_TEST(what_lies_far_behind_is_written_anew_and_the_rest_given_back),
		KEPT_TEST(retained_messages_that_were_due_are_given_after_the_kill),
		KEPT_TEST(positions_given_again_after_a_restart_are_new_messages),
		KEPT_TEST(when_everything_is_over_nothing_is_held),
		KEPT_TEST(a_full_ring_stops_those_it_would_have_to_promise_something),
		KEPT_TEST(what_did_not_get_to_the_disk_is_not_acknowledged_and_written_anew),
		KEPT_TEST(a_device_comes_back_as_itself_and_nobody_else_gets_its_session),
		KEPT_TEST(records_nobody_understands_stop_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
