#include <stdio.h>
#include <string.h>

#include "peer.h"
#include "reason.h"

/* The fake lets anonymous peers have everything that does not begin with `secret`. */
static struct peer anybody(struct fake *f, const char *id, bool keep)
{
	struct peer_login login = {
		.id = id, .version = 5, .keep = keep, .expiry_s = keep ? 600 : 0
	};

	return peer_up(f, &login, NULL);
}

static void hide(struct fake *f, const char *topics)
{
	snprintf(f->secret, sizeof(f->secret), "%s", topics);
	f->rights++;
	fake_seconds(f, 1);
}

static void wildcards_deliver_only_what_may_be_read(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5);

	hide(f, "secret");
	struct peer q = anybody(f, "q", false);
	struct peer d =
		peer_up(f, &(struct peer_login){ .id = "d", .user = "user:u", .version = 5 }, NULL);
	assert_int_equal(peer_subscribed(&q, "#", 1), 1);
	assert_int_equal(peer_subscribed(&q, "secret/x", 1), REASON_NOT_AUTHORIZED);
	peer_publish(&d, "secret/x", "1", 0, 0, NULL, 0);
	peer_publish(&p, "plain/x", "2", 0, 0, NULL, 0);
	peer_expect_publish(&q, "plain/x", "2");
	peer_expect_nothing(&q);
}

static void a_member_who_may_not_read_gets_no_share(void **state)
{
	struct fake *f = *state;

	hide(f, "secret");
	struct peer q = anybody(f, "q", false);
	struct peer d =
		peer_up(f, &(struct peer_login){ .id = "d", .user = "user:u", .version = 5 }, NULL);
	assert_int_equal(peer_subscribed(&q, "$share/g/#", 1), 1);
	assert_int_equal(peer_subscribed(&d, "$share/g/#", 1), 1);
	for (int i = 0; i < 4; i++) {
		peer_publish(&d, "secret/x", "1", 0, 0, NULL, 0);
		peer_expect_publish(&d, "secret/x", "1");
	}
	peer_expect_nothing(&q);
}

static void retained_messages_are_looked_at_too(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5);

	peer_publish(&p, "secret/x", "1", 1, 0, NULL, 0);
	peer_publish(&p, "plain/x", "2", 1, 0, NULL, 0);
	hide(f, "secret");
	struct peer q = anybody(f, "q", false);
	assert_int_equal(peer_subscribed(&q, "#", 1), 1);
	peer_expect_publish(&q, "plain/x", "2");
	peer_expect_nothing(&q);
}

static void what_waits_for_a_session_is_judged_when_it_is_sent(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5);
	struct peer q = anybody(f, "q", true);

	assert_int_equal(peer_subscribed(&q, "#", 1), 1);
	peer_disconnect(&q, 0);
	fake_turn(f);
	peer_publish(&p, "secret/x", "1", 2, 1, NULL, 0);
	peer_expect_ack(&p, PACKET_PUBACK, 1);
	peer_publish(&p, "plain/x", "2", 2, 2, NULL, 0);
	peer_expect_ack(&p, PACKET_PUBACK, 2);
	hide(f, "secret");
	struct peer_login back = { .id = "q", .version = 5, .keep = true, .expiry_s = 600 };
	bool present = false;
	q = peer_up(f, &back, &present);
	assert_true(present);
	peer_expect_publish(&q, "plain/x", "2");
	peer_expect_nothing(&q);
}

static void losing_one_subscription_of_two_keeps_the_connection(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5);
	struct peer q = anybody(f, "q", false);

	assert_int_equal(peer_subscribed(&q, "secret/#", 1), 1);
	assert_int_equal(peer_subscribed(&q, "plain/#", 1), 1);
	hide(f, "secret");
	assert_int_equal(fake_metric(f, "subscriptions"), 1);
	peer_publish(&p, "plain/x", "2", 0, 0, NULL, 0);
	peer_expect_publish(&q, "plain/x", "2");
	hide(f, "plain");
	peer_expect_closed(&q, REASON_NOT_AUTHORIZED);
	assert_int_equal(fake_metric(f, "subscriptions"), 0);
	assert_int_equal(fake_metric(f, "rights_lost"), 1);
}

static void whoever_is_gone_is_put_out_and_leaves_nothing(void **state)
{
	struct fake *f = *state;
	struct peer w = peer_plain(f, "w", 5);
	struct peer_login login = { .id = "v",
		                    .user = "user:u",
		                    .version = 5,
		                    .keep = true,
		                    .expiry_s = 600,
		                    .will_topic = "wills/v",
		                    .will_payload = "gone" };
	struct peer v = peer_up(f, &login, NULL);

	assert_int_equal(peer_subscribed(&w, "wills/#", 0), 0);
	assert_int_equal(peer_subscribed(&v, "plain/#", 1), 1);
	int64_t sessions = fake_metric(f, "sessions");
	f->gone = 1001;
	f->rights++;
	fake_seconds(f, 1);
	peer_expect_closed(&v, REASON_NOT_AUTHORIZED);
	peer_expect_nothing(&w);
	f->rights++;
	fake_seconds(f, 1);
	assert_int_equal(fake_metric(f, "sessions"), sessions - 1);
	assert_int_equal(fake_metric(f, "subscriptions"), 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, peer_setup, peer_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wildcards_deliver_only_what_may_be_read),
		TEST(a_member_who_may_not_read_gets_no_share),
		TEST(retained_messages_are_looked_at_too),
		TEST(what_waits_for_a_session_is_judged_when_it_is_sent),
		TEST(losing_one_subscription_of_two_keeps_the_connection),
		TEST(whoever_is_gone_is_put_out_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
