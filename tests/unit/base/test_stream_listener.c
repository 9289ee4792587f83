#include "stream_peer.h"

static struct streams_stats stats(void)
{
	struct streams_stats st;
	streams_stats(streams, &st);
	return st;
}

static void a_listener_refuses_more_than_it_may_hold(void **state)
{
	(void)state;
	char buf[10];
	struct sb_listen spec = peer_spec();
	spec.max_conns = 2;
	begin(&spec, NULL, 100);
	int a = dial(), b = dial(), c = dial();
	assert_int_equal(hear(c, buf, sizeof(buf)), 0);
	assert_int_equal(stats().open_now, 2);
	assert_int_equal(stats().refused, 1);
	close(a);
	turns(3);
	int d = dial();
	say(d, "in\n");
	assert_int_equal(hear(d, buf, sizeof(buf)), 3);
	close(b);
	close(c);
	close(d);
	finish();
}

static void the_limit_of_the_loop_holds_across_listeners(void **state)
{
	(void)state;
	struct sb_listen spec = peer_spec();
	begin(&spec, NULL, 3);
	int fds[5];
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = dial();
	turns(3);
	assert_int_equal(stats().open_now, 3);
	assert_int_equal(stats().refused, 2);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	finish();
}

static void without_descriptors_it_waits_without_spinning_and_then_serves(void **state)
{
	(void)state;
	char buf[10];
	struct sb_listen spec = peer_spec();
	begin(&spec, NULL, 100);
	struct rlimit was, now;
	getrlimit(RLIMIT_NOFILE, &was);
	int fd = dial();
	now = (struct rlimit){ (rlim_t)fd + 1, was.rlim_max };
	setrlimit(RLIMIT_NOFILE, &now);
	int turn_count = 0;
	for (int64_t until = clock_mono() + 150 * NS_PER_MS; clock_mono() < until; turn_count++)
		assert_int_equal(loop_turn(loop, 50 * NS_PER_MS), 0);
	setrlimit(RLIMIT_NOFILE, &was);
	assert_in_range(turn_count, 1, 20);
	assert_true(stats().accept_pauses > 0);
	assert_int_equal(stats().accepted, 0);
	say(fd, "yes\n");
	for (int i = 0; i < 200 && stats().accepted == 0; i++)
		turns(1);
	assert_int_equal(hear(fd, buf, sizeof(buf)), 4);
	close(fd);
	finish();
}

static void descriptors_of_others_are_left_to_them(void **state)
{
	(void)state;
	char buf[10];
	struct sb_listen spec = peer_spec();
	begin(&spec, NULL, 100);
	streams_free(streams);
	struct streams_limits limits = { .max_conns = 100, .reserved_fds = 3 };
	assert_int_equal(streams_new(&streams, loop, &limits), 0);
	assert_int_equal(streams_listen(streams, &spec, NULL, &port, &listener_id), 0);
	int fds[4];
	struct rlimit was, now;
	getrlimit(RLIMIT_NOFILE, &was);
	for (size_t i = 0; i < 3; i++)
		fds[i] = dial();
	/* Of the three, the first takes what is free and the second begins what is reserved. */
	now = (struct rlimit){ (rlim_t)fds[2] + 2 + 3, was.rlim_max };
	setrlimit(RLIMIT_NOFILE, &now);
	int turn_count = 0;
	for (int64_t until = clock_mono() + 250 * NS_PER_MS; clock_mono() < until; turn_count++)
		assert_int_equal(loop_turn(loop, 50 * NS_PER_MS), 0);
	assert_in_range(turn_count, 1, 20);
	assert_int_equal(stats().accepted, 2);
	assert_int_equal(stats().accept_pauses, 1);
	fds[3] = dup(fds[0]); /* what is reserved is there for others */
	assert_true(fds[3] >= 0);
	close(fds[3]);
	close(fds[0]);
	close(fds[1]);
	for (int i = 0; i < 200 && stats().accepted < 3; i++)
		turns(1);
	say(fds[2], "yes\n");
	assert_int_equal(hear(fds[2], buf, sizeof(buf)), 4);
	setrlimit(RLIMIT_NOFILE, &was);
	close(fds[2]);
	finish();
}

static int32_t refuse(void *ud, sb_conn conn, struct sb_str peer, void **conn_ud)
{
	(void)ud, (void)conn, (void)peer, (void)conn_ud;
	return -EACCES;
}

static void a_plugin_may_refuse_a_connection(void **state)
{
	(void)state;
	char buf[10];
	struct sb_listen spec = peer_spec();
	spec.open = refuse;
	begin(&spec, NULL, 100);
	int fd = dial();
	assert_int_equal(hear(fd, buf, sizeof(buf)), 0);
	assert_int_equal(stats().open_now, 0);
	close(fd);
	finish();
}

static void thousands_of_connections_talk_and_go(void **state)
{
	(void)state;
	enum { N = 2000 };
	static int fds[N];
	char buf[64], line[16];
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	size_t n = limit.rlim_cur > 2 * N + 100 ? N : 300;
	struct sb_listen spec = peer_spec();
	begin(&spec, NULL, 10000);
	for (size_t i = 0; i < n; i++) {
		fds[i] = dial();
		if (i % 64 == 0)
			turns(1);
	}
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < n; i++) {
			snprintf(line, sizeof(line), "%zu.%d\n", i, round);
			say(fds[i], line);
		}
		for (size_t i = 0; i < n; i++) {
			snprintf(line, sizeof(line), "%zu.%d\n", i, round);
			assert_true(hear(fds[i], buf, sizeof(buf)) > 0);
			assert_string_equal(buf, line);
		}
	}
	assert_int_equal(stats().open_now, n);
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	for (int i = 0; i < 1000 && stats().open_now > 0; i++)
		turns(1);
	assert_int_equal(stats().open_now, 0);
	assert_int_equal(stats().closed, n);
	finish();
}

static void ipv6_listeners_serve_both_families_and_show_plain_addresses(void **state)
{
	(void)state;
	char buf[10];
	struct sb_listen spec = peer_spec();
	spec.address = SB_STR("[::]:0");
	int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (probe < 0)
		skip();
	close(probe);
	begin(&spec, NULL, 100);
	int fd = dial();
	say(fd, "v4\n");
	assert_int_equal(hear(fd, buf, sizeof(buf)), 3);
	assert_memory_equal(peers[0].text, "127.0.0.1:", 10);
	close(fd);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listener_refuses_more_than_it_may_hold),
		cmocka_unit_test(the_limit_of_the_loop_holds_across_listeners),
		cmocka_unit_test(without_descriptors_it_waits_without_spinning_and_then_serves),
		cmocka_unit_test(descriptors_of_others_are_left_to_them),
		cmocka_unit_test(a_plugin_may_refuse_a_connection),
		cmocka_unit_test(thousands_of_connections_talk_and_go),
		cmocka_unit_test(ipv6_listeners_serve_both_families_and_show_plain_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
