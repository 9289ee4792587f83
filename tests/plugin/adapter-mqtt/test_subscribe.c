#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "properties.h"
#include "reason.h"
#include "session.h"
#include "topic.h"
#include "trie.h"

static uint8_t sub(struct peer *p, const char *filter, uint8_t options, uint32_t identifier)
{
	peer_subscribe(p, filter, options, identifier);
	struct packet pk = peer_expect(p, PACKET_SUBACK);
	return pk.body.p[pk.body.n - 1];
}

static void filters_are_checked(void **state)
{
	static const char *const bad[] = { "",          "a/b#",        "#/a",
		                           "a+",        "a/+b/c",      "$share/g",
		                           "$share//a", "$share/g+/a", "$share/g/" };
	struct fake *f = *state;
	struct peer p = peer_plain(f, "five", 5), q = peer_plain(f, "four", 4);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(sub(&p, bad[i], 0, 0), REASON_BAD_FILTER);
		assert_int_equal(sub(&q, bad[i], 0, 0), 0x80);
	}
	assert_int_equal(sub(&p, "+/+/#", 2, 0), 2);
	assert_int_equal(sub(&p, "/", 1, 0), 1);
}

static void overlapping_filters_deliver_once(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5);
	sub(&p, "a/#", 0, 11);
	sub(&p, "a/+", 2, 12);
	sub(&p, "a/b", 1, 0);
	sub(&p, "c", 1, 0);
	peer_publish(&p, "a/b", "x", 2, 1, NULL, 0);
	struct peer_message m = peer_expect_publish(&p, "a/b", "x");
	assert_int_equal(m.qos, 1);
	assert_int_equal(m.n_ids, 2);
	assert_int_equal(m.ids[0] + m.ids[1], 23);
	peer_expect_ack(&p, PACKET_PUBACK, 1);
	peer_expect_nothing(&p);
}

static void options_of_5_0_are_honoured(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5), q = peer_plain(f, "q", 5);
	sub(&p, "a", 4, 0); /* no local */
	sub(&q, "a", 8, 0); /* retain as published */
	peer_publish(&p, "a", "x", 1, 0, NULL, 0);
	peer_expect_nothing(&p);
	assert_true(peer_expect_publish(&q, "a", "x").retain);
	peer_publish(&q, "a", "y", 1, 0, NULL, 0);
	assert_false(peer_expect_publish(&p, "a", "y").retain);
	peer_expect_publish(&q, "a", "y");
}

static void properties_reach_the_subscriber_unchanged(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5), q = peer_plain(f, "q", 4);
	static const uint8_t props[] = { 38, 0,   1,  'k', 0,   1,   'v', 2, 0,   0, 0,
		                         60, 3,   0,  1,   'T', 8,   0,   1, 'R', 9, 0,
		                         1,  'C', 38, 0,   1,   'k', 0,   1, 'w', 1, 1 };
	static const uint8_t kept[] = { 38,  0, 1, 'k', 0,   1,  'v', 3, 0,   1, 'T', 8,   0, 1,
		                        'R', 9, 0, 1,   'C', 38, 0,   1, 'k', 0, 1,   'w', 1, 1 };
	sub(&p, "a", 1, 0);
	sub(&q, "a", 1, 0);
	peer_publish(&p, "a", "x", 2, 1, props, sizeof(props));
	struct peer_message m = peer_expect_publish(&p, "a", "x");
	assert_true(m.has_expiry);
	assert_int_equal(m.expiry_s, 60);
	assert_int_equal(m.props_n, sizeof(kept) + 5);
	assert_memory_equal(m.props + 5, kept, sizeof(kept));
	peer_expect_publish(&q, "a", "x");
}

static void messages_expire_while_they_wait(void **state)
{
	struct fake *f = *state;
	struct peer_login login = { .id = "s", .version = 5, .keep = true, .expiry_s = 1000 };
	struct peer p = peer_up(f, &login, NULL), q = peer_plain(f, "q", 5);
	static const uint8_t short_[] = { 2, 0, 0, 0, 10 }, long_[] = { 2, 0, 0, 0, 100 };
	sub(&p, "a", 1, 0);
	peer_disconnect(&p, 0);
	peer_publish(&q, "a", "short", 2, 1, short_, 5);
	peer_publish(&q, "a", "long", 2, 2, long_, 5);
	fake_seconds(f, 30);
	p = peer_up(f, &login, NULL);
	assert_int_equal(peer_expect_publish(&p, "a", "long").expiry_s, 70);
	peer_expect_nothing(&p);
	assert_int_equal(fake_metric(f, "publish_dropped"), 1);
}

static void a_shared_subscription_takes_turns(void **state)
{
	struct fake *f = *state;
	struct peer a = peer_plain(f, "a", 5), b = peer_plain(f, "b", 5), w = peer_plain(f, "w", 4);
	sub(&a, "$share/g/t/+", 1, 0);
	sub(&b, "$share/g/t/+", 1, 0);
	sub(&w, "t/#", 0, 0);
	for (int i = 0; i < 4; i++)
		peer_publish(&w, "t/x", "1", 0, 0, NULL, 0);
	for (int i = 0; i < 2; i++) {
		peer_expect_publish(&a, "t/x", "1");
		peer_expect_publish(&b, "t/x", "1");
	}
	peer_expect_nothing(&a);
	peer_expect_nothing(&b);
	fake_hangup(a.conn);
	for (int i = 0; i < 3; i++)
		peer_publish(&w, "t/x", "2", 0, 0, NULL, 0);
	for (int i = 0; i < 3; i++)
		peer_expect_publish(&b, "t/x", "2");
	peer_unsubscribe(&b, "$share/g/t/+");
	assert_int_equal(peer_expect(&b, PACKET_UNSUBACK).body.p[3], 0);
	peer_publish(&w, "t/x", "3", 0, 0, NULL, 0);
	peer_expect_nothing(&b);
	peer_subscribe(&b, "$share/g/t/+", 4, 0);
	peer_expect_closed(&b, REASON_PROTOCOL_ERROR);
}

static void unsubscribing_ends_it(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5);
	sub(&p, "a/b", 0, 0);
	peer_unsubscribe(&p, "a/b");
	assert_int_equal(peer_expect(&p, PACKET_UNSUBACK).body.p[3], REASON_SUCCESS);
	peer_unsubscribe(&p, "a/b");
	assert_int_equal(peer_expect(&p, PACKET_UNSUBACK).body.p[3], REASON_NO_SUBSCRIPTION);
	peer_publish(&p, "a/b", "x", 0, 0, NULL, 0);
	peer_expect_nothing(&p);
	assert_int_equal(fake_metric(f, "subscriptions"), 0);
}

static void the_receive_window_of_a_client_is_kept(void **state)
{
	struct fake *f = *state;
	struct peer p =
		peer_up(f, &(struct peer_login){ .id = "p", .version = 5, .receive_maximum = 2 },
	                NULL);
	struct peer q = peer_plain(f, "q", 5);
	char text[16];
	sub(&p, "a", 1, 0);
	for (uint16_t i = 1; i <= 5; i++) {
		snprintf(text, sizeof(text), "%u", i);
		peer_publish(&q, "a", text, 2, i, NULL, 0);
	}
	uint16_t one = peer_expect_publish(&p, "a", "1").id;
	peer_expect_publish(&p, "a", "2");
	peer_expect_nothing(&p);
	peer_ack(&p, PACKET_PUBACK, one);
	uint16_t three = peer_expect_publish(&p, "a", "3").id;
	peer_expect_nothing(&p);
	peer_ack(&p, PACKET_PUBACK, three);
	peer_expect_publish(&p, "a", "4");
	peer_ack(&p, PACKET_PUBACK, 4000);
	peer_expect_nothing(&p);
}

static void a_packet_too_large_for_the_client_is_not_sent(void **state)
{
	struct fake *f = *state;
	struct peer p =
		peer_up(f, &(struct peer_login){ .id = "p", .version = 5, .max_packet = 30 }, NULL);
	struct peer q = peer_plain(f, "q", 5);
	sub(&p, "a", 1, 0);
	peer_publish(&q, "a", "a payload that is longer than that", 2, 1, NULL, 0);
	peer_publish(&q, "a", "a payload that is longer than that", 0, 0, NULL, 0);
	peer_publish(&q, "a", "short", 2, 2, NULL, 0);
	peer_expect_publish(&p, "a", "short");
	assert_int_equal(fake_metric(f, "publish_dropped"), 2);
}

static void a_subscriber_that_does_not_read_costs_its_quota(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5), q = peer_plain(f, "q", 5),
		    other = peer_plain(f, "other", 5);
	char text[1001] = { 0 };
	memset(text, 'x', 1000);
	sub(&p, "a", 1, 0);
	sub(&other, "a", 0, 0);
	f->out_limit = 5000;
	int i = 0;
	for (; i < 2000 && !p.conn->closing; i++) {
		peer_publish(&q, "a", text, 2, (uint16_t)(i + 1), NULL, 0);
		peer_publish(&q, "a", text, 0, 0, NULL, 0);
		peer_expect_ack(&q, PACKET_PUBACK, (uint16_t)(i + 1));
		other.conn->out_n = 0;
		assert_true(fake_metric(f, "queued_bytes") <= 262144);
	}
	assert_true(i > 100 && i < 500);
	fake_turn(f);
	assert_int_equal(fake_metric(f, "queued_bytes"), 0);
	assert_int_equal(fake_metric(f, "slow_subscribers"), 1);
	assert_false(other.conn->closing);
}

static void a_subscriber_that_reads_again_gets_the_rest(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 4), q = peer_plain(f, "q", 5);
	char text[16];
	sub(&p, "a", 1, 0);
	f->out_limit = 60;
	for (uint16_t i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "%u", i);
		peer_publish(&q, "a", text, 2, (uint16_t)(i + 1), NULL, 0);
		peer_expect_ack(&q, PACKET_PUBACK, (uint16_t)(i + 1));
	}
	for (int i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "%d", i);
		struct peer_message m = peer_expect_publish(&p, "a", text);
		peer_ack(&p, PACKET_PUBACK, m.id);
		fake_turn(f);
	}
	assert_int_equal(fake_metric(f, "queued_bytes"), 0);
}

static void a_peer_that_reads_no_answers_is_not_read(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 4);
	f->out_limit = 50;
	for (int i = 0; i < 60; i++)
		peer_raw(&p, "\xc0\0", 2);
	assert_true(p.conn->paused);
	assert_true(p.conn->in_n > 0);
	int answers = 0;
	for (int i = 0; i < 200 && answers < 60; i++) {
		struct packet pk;
		while (peer_next(&p, &pk))
			answers++;
		fake_turn(f);
	}
	assert_int_equal(answers, 60);
}

static void subscriptions_are_limited(void **state)
{
	struct fake *f = fake_new();
	(void)state;
	fake_set(f, "anonymous", 1);
	fake_set(f, "max_subscriptions", 2);
	fake_start(f);
	struct peer p = peer_plain(f, "p", 5);
	assert_int_equal(sub(&p, "a", 0, 0), 0);
	assert_int_equal(sub(&p, "b", 0, 0), 0);
	assert_int_equal(sub(&p, "c", 0, 0), REASON_QUOTA);
	assert_int_equal(sub(&p, "b", 1, 0), 1);
	fake_free(f);
}

/* ---- the trie against the words of the standard */

static bool matches(const char *filter, const char *topic)
{
	if (topic[0] == '$' && (filter[0] == '+' || filter[0] == '#'))
		return false;
	while (*filter) {
		if (*filter == '#')
			return true;
		if (*filter == '+') {
			while (*topic && *topic != '/')
				topic++;
			filter++;
		} else if (*filter == *topic) {
			filter++;
			topic++;
		} else {
			return !*topic && strcmp(filter, "/#") == 0;
		}
	}
	return !*topic;
}

static void count_set(void *ud, struct sub_set *set)
{
	*(uint32_t *)ud += set->plain.n;
}

static void make(char *out, unsigned *seed, bool filter)
{
	static const char *const levels[] = { "a", "b", "", "$x", "long-level", "+", "#" };
	int n = 1 + rand_r(seed) % 4;
	*out = 0;
	for (int i = 0; i < n; i++) {
		int k = rand_r(seed) % (filter ? (i == n - 1 ? 7 : 6) : 5);
		strcat(out, levels[k]);
		if (i < n - 1)
			strcat(out, "/");
	}
	if (!*out)
		strcpy(out, "a");
}

static void the_trie_finds_what_matches_and_nothing_else(void **state)
{
	enum { FILTERS = 300 };
	static char filters[FILTERS][64];
	struct session s[1] = { 0 };
	struct sub *subs[FILTERS];
	unsigned seed = 4711;
	uint32_t n = 0;
	struct trie t;
	(void)state;
	trie_init(&t, 99);
	for (int i = 0; i < FILTERS; i++) {
		make(filters[n], &seed, true);
		if (trie_add(&t, s, sb_str_of(NULL, 0), sb_str_of(filters[n], strlen(filters[n])),
		             &subs[n]) == 1)
			n++;
	}
	while (n) {
		for (int i = 0; i < 30; i++) {
			char topic[64];
			uint32_t found = 0, want = 0;
			make(topic, &seed, false);
			trie_match(&t, sb_str_of(topic, strlen(topic)), count_set, &found);
			for (uint32_t k = 0; k < n; k++)
				want += matches(filters[k], topic);
			assert_int_equal(found, want);
		}
		trie_remove(&t, subs[--n]);
	}
	assert_int_equal(t.tree.n, 0);
	assert_null(t.devices);
	trie_fini(&t);
}

/* Nodes looked at for one topic among n filters of other devices and of its own. */
static uint32_t looked_at(uint32_t n)
{
	struct session s[1] = { 0 };
	static const char *const own[] = { "devices/+/telemetry", "devices/d7/#", "#" };
	struct sub *sub;
	struct trie t;
	char filter[64];
	uint32_t found = 0;

	trie_init(&t, 99);
	for (uint32_t i = 0; i < n; i++) {
		int len = snprintf(filter, sizeof(filter), "devices/d%u/telemetry", i + 7);
		assert_int_equal(trie_add(&t, s, sb_str_of(NULL, 0), sb_str_of(filter, (size_t)len),
		                          &sub),
		                 1);
	}
	for (int i = 0; i < 3; i++)
		trie_add(&t, s, sb_str_of(NULL, 0), sb_str_of(own[i], strlen(own[i])), &sub);
	uint32_t nodes = trie_match(&t, SB_STR("devices/d7/telemetry"), count_set, &found);
	assert_int_equal(found, 4);
	while (s->subs)
		trie_remove(&t, s->subs);
	trie_fini(&t);
	return nodes;
}

static void a_match_among_a_hundred_thousand_filters_looks_at_no_more_than_among_ten(void **state)
{
	(void)state;
	uint32_t few = looked_at(10);
	assert_true(few <= 8);
	assert_int_equal(looked_at(1000), few);
	assert_int_equal(looked_at(100000), few);
}

static enum topic_kind kind(const char *name)
{
	struct topic_name out;
	topic_classify(sb_str_of(name, strlen(name)), &out);
	return out.kind;
}

static void names_under_devices_have_a_meaning(void **state)
{
	(void)state;
	assert_int_equal(kind("devices/a/telemetry"), TOPIC_TELEMETRY);
	assert_int_equal(kind("devices/a/state/reported"), TOPIC_UP);
	assert_int_equal(kind("devices/a/commands/7/result"), TOPIC_UP);
	assert_int_equal(kind("devices/a/commands/7"), TOPIC_DOWN);
	assert_int_equal(kind("devices/a/commands/"), TOPIC_UNKNOWN);
	assert_int_equal(kind("devices/a/commands//result"), TOPIC_UNKNOWN);
	assert_int_equal(kind("devices/a/commands/7/x"), TOPIC_UNKNOWN);
	assert_int_equal(kind("devices//telemetry"), TOPIC_UNKNOWN);
	assert_int_equal(kind("devices/a"), TOPIC_UNKNOWN);
	assert_int_equal(kind("devices/a/"), TOPIC_UNKNOWN);
	assert_int_equal(kind("devices/a/telemetry/"), TOPIC_UNKNOWN);
	assert_int_equal(kind("devices"), TOPIC_PLAIN);
	assert_int_equal(kind("zigbee2mqtt/lamp"), TOPIC_PLAIN);
	assert_int_equal(kind("$SYS/broker"), TOPIC_SYSTEM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_setup, peer_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(filters_are_checked),
		TEST(overlapping_filters_deliver_once),
		TEST(options_of_5_0_are_honoured),
		TEST(properties_reach_the_subscriber_unchanged),
		TEST(messages_expire_while_they_wait),
		TEST(a_shared_subscription_takes_turns),
		TEST(unsubscribing_ends_it),
		TEST(the_receive_window_of_a_client_is_kept),
		TEST(a_packet_too_large_for_the_client_is_not_sent),
		TEST(a_subscriber_that_does_not_read_costs_its_quota),
		TEST(a_subscriber_that_reads_again_gets_the_rest),
		TEST(a_peer_that_reads_no_answers_is_not_read),
		cmocka_unit_test(subscriptions_are_limited),
		cmocka_unit_test(the_trie_finds_what_matches_and_nothing_else),
		cmocka_unit_test(
			a_match_among_a_hundred_thousand_filters_looks_at_no_more_than_among_ten),
		cmocka_unit_test(names_under_devices_have_a_meaning),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
