#include <stdio.h>
#include <string.h>

#include "peer.h"
#include "reason.h"

/* Shared subscriptions: who gets a message, and who gets it instead. */

static struct peer member(struct fake *f, const char *id, uint32_t expiry_s, uint16_t window,
                          uint8_t qos)
{
	struct peer p = peer_up(f,
	                        &(struct peer_login){ .id = id,
	                                              .version = 5,
	                                              .keep = expiry_s > 0,
	                                              .expiry_s = expiry_s,
	                                              .receive_maximum = window },
	                        NULL);
	if (qos < 3)
		assert_int_equal(peer_subscribed(&p, "$share/g/t/#", qos), qos);
	return p;
}

static void publish(struct peer *p, int n, uint8_t qos)
{
	char text[16];
	snprintf(text, sizeof(text), "%d", n);
	peer_publish(p, "t/x", text, (uint8_t)(qos << 1), (uint16_t)n, NULL, 0);
	if (qos == 1)
		peer_expect_ack(p, PACKET_PUBACK, (uint16_t)n);
	if (qos == 2)
		peer_expect_ack(p, PACKET_PUBREC, (uint16_t)n);
}

static void a_member_whose_window_is_full_is_passed_over(void **state)
{
	struct fake *f = *state;
	struct peer a = member(f, "a", 0, 1, 1), b = member(f, "b", 0, 100, 1),
		    q = peer_plain(f, "q", 5);
	for (int i = 1; i <= 10; i++)
		publish(&q, i, 1);
	/* One is in flight to the member that acknowledges nothing, the other nine go on. */
	assert_int_equal(peer_expect_publish(&a, "t/x", NULL).qos, 1);
	peer_expect_nothing(&a);
	for (int i = 0; i < 9; i++)
		peer_expect_publish(&b, "t/x", NULL);
	peer_expect_nothing(&b);
	assert_int_equal(fake_metric(f, "publish_dropped"), 0);
}

static void a_member_that_does_not_read_is_passed_over(void **state)
{
	struct fake *f = *state;
	struct peer a = member(f, "a", 0, 0, 0), b = member(f, "b", 0, 0, 0),
		    q = peer_plain(f, "q", 5);
	f->out_limit = 30;
	for (int i = 1; i <= 40; i++) {
		publish(&q, i, 0);
		b.conn->out_n = 0; /* it reads */
	}
	assert_int_equal(fake_metric(f, "publish_dropped"), 0);
	assert_true(a.conn->out_n <= 30);
}

static void a_message_too_large_for_one_goes_to_another(void **state)
{
	struct fake *f = *state;
	struct peer a =
		peer_up(f, &(struct peer_login){ .id = "a", .version = 5, .max_packet = 30 }, NULL);
	struct peer b = member(f, "b", 0, 0, 1), q = peer_plain(f, "q", 5);
	assert_int_equal(peer_subscribed(&a, "$share/g/t/#", 1), 1);
	for (uint16_t i = 1; i <= 4; i++)
		peer_publish(&q, "t/x", "a payload that is longer than that", 2, i, NULL, 0);
	for (int i = 0; i < 4; i++)
		peer_expect_publish(&b, "t/x", NULL);
	peer_expect_nothing(&a);
}

static void each_group_and_every_other_subscriber_gets_it(void **state)
{
	struct fake *f = *state;
	struct peer a = peer_plain(f, "a", 5), b = peer_plain(f, "b", 5), c = peer_plain(f, "c", 4),
		    q = peer_plain(f, "q", 5);
	peer_subscribe(&a, "$share/one/t/#", 2, 7);
	peer_expect(&a, PACKET_SUBACK);
	peer_subscribe(&a, "t/+", 1, 8);
	peer_expect(&a, PACKET_SUBACK);
	assert_int_equal(peer_subscribed(&b, "$share/two/t/#", 0), 0);
	assert_int_equal(peer_subscribed(&c, "t/x", 1), 1);
	publish(&q, 1, 2);
	/* What comes by the group and what comes besides are two copies, each with its own. */
	struct peer_message m = peer_expect_publish(&a, "t/x", "1");
	assert_int_equal(m.qos, 1);
	assert_int_equal(m.n_ids, 1);
	assert_int_equal(m.ids[0], 8);
	m = peer_expect_publish(&a, "t/x", "1");
	assert_int_equal(m.qos, 2);
	assert_int_equal(m.n_ids, 1);
	assert_int_equal(m.ids[0], 7);
	assert_int_equal(peer_expect_publish(&b, "t/x", "1").qos, 0);
	peer_expect_publish(&c, "t/x", "1");
	peer_expect_nothing(&a);
	peer_expect_nothing(&b);
}

static void what_a_member_leaves_behind_goes_to_another(void **state)
{
	struct fake *f = *state;
	struct peer a = member(f, "a", 0, 2, 2), b = member(f, "b", 0, 100, 3),
		    q = peer_plain(f, "q", 5);
	publish(&q, 1, 1);
	publish(&q, 2, 2);
	publish(&q, 3, 1);
	publish(&q, 4, 2);
	peer_expect_publish(&a, "t/x", "1");
	struct peer_message two = peer_expect_publish(&a, "t/x", "2");
	peer_expect_nothing(&a);
	assert_int_equal(peer_subscribed(&b, "$share/g/t/#", 2), 2);
	assert_int_equal(two.qos, 2);
	fake_hangup(a.conn);
	/* All but the QoS 2 message whose sending had begun. */
	struct peer_message m = peer_expect_publish(&b, "t/x", "1");
	assert_false(m.dup);
	peer_expect_publish(&b, "t/x", "3");
	assert_int_equal(peer_expect_publish(&b, "t/x", "4").qos, 2);
	peer_expect_nothing(&b);
	/* What was acknowledged does not. */
	peer_ack(&b, PACKET_PUBACK, m.id);
	struct peer c = member(f, "c", 0, 100, 2);
	fake_hangup(b.conn);
	peer_expect_publish(&c, "t/x", "3");
	peer_expect_nothing(&c);
}

static void a_session_that_is_kept_finishes_what_it_began(void **state)
{
	struct fake *f = *state;
	struct peer a = member(f, "a", 100, 0, 2), b = member(f, "b", 0, 0, 3),
		    q = peer_plain(f, "q", 5);
	publish(&q, 1, 2);
	uint16_t id = peer_expect_publish(&a, "t/x", "1").id;
	assert_int_equal(peer_subscribed(&b, "$share/g/t/#", 2), 2);
	fake_hangup(a.conn);
	peer_expect_nothing(&b);
	/* New ones go to who is there. */
	publish(&q, 2, 1);
	publish(&q, 3, 1);
	peer_ack(&b, PACKET_PUBACK, peer_expect_publish(&b, "t/x", "2").id);
	peer_ack(&b, PACKET_PUBACK, peer_expect_publish(&b, "t/x", "3").id);
	a = member(f, "a", 100, 0, 3);
	struct peer_message m = peer_expect_publish(&a, "t/x", "1");
	assert_true(m.dup);
	assert_int_equal(m.id, id);
	/* Its session expires: begun with QoS 2, it is nobody else's. */
	fake_hangup(a.conn);
	fake_seconds(f, 120);
	peer_expect_nothing(&b);
	assert_int_equal(fake_metric(f, "queued_bytes"), 0);
}

static void what_nobody_can_take_waits_for_a_member(void **state)
{
	struct fake *f = *state;
	struct peer a = member(f, "a", 100, 0, 1), b = member(f, "b", 100, 0, 0),
		    q = peer_plain(f, "q", 5);
	peer_disconnect(&a, 0);
	peer_disconnect(&b, 0);
	for (int i = 1; i <= 3; i++)
		publish(&q, i, 1);
	/* Not with the member that was granted QoS 0. */
	b = member(f, "b", 100, 0, 3);
	peer_expect_nothing(&b);
	a = member(f, "a", 100, 0, 3);
	for (int i = 1; i <= 3; i++)
		peer_ack(&a, PACKET_PUBACK, peer_expect_publish(&a, "t/x", NULL).id);
	peer_expect_nothing(&a);
}

static void what_a_member_refuses_is_not_sent_to_another(void **state)
{
	struct fake *f = *state;
	struct peer a = member(f, "a", 0, 0, 2), b = member(f, "b", 0, 0, 3),
		    q = peer_plain(f, "q", 5);
	publish(&q, 1, 1);
	publish(&q, 2, 2);
	uint16_t one = peer_expect_publish(&a, "t/x", "1").id;
	uint16_t two = peer_expect_publish(&a, "t/x", "2").id;
	assert_int_equal(peer_subscribed(&b, "$share/g/t/#", 2), 2);
	const uint8_t no_one[] = { 0x40, 3, (uint8_t)(one >> 8), (uint8_t)one, 0x80 };
	const uint8_t no_two[] = { 0x50, 3, (uint8_t)(two >> 8), (uint8_t)two, 0x80 };
	peer_raw(&a, no_one, 5);
	peer_raw(&a, no_two, 5);
	/* A PUBREC that refuses is the end of it. */
	peer_expect_nothing(&a);
	fake_hangup(a.conn);
	peer_expect_nothing(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_setup, peer_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_member_whose_window_is_full_is_passed_over),
		TEST(a_member_that_does_not_read_is_passed_over),
		TEST(a_message_too_large_for_one_goes_to_another),
		TEST(each_group_and_every_other_subscriber_gets_it),
		TEST(what_a_member_leaves_behind_goes_to_another),
		TEST(a_session_that_is_kept_finishes_what_it_began),
		TEST(what_nobody_can_take_waits_for_a_member),
		TEST(what_a_member_refuses_is_not_sent_to_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
