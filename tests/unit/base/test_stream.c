#include "stream_peer.h"

static int start(void **state)
{
	(void)state;
	struct sb_listen spec = peer_spec();
	begin(&spec, NULL, 10000);
	return 0;
}

static int end(void **state)
{
	(void)state;
	finish();
	return 0;
}

static struct streams_stats stats(void)
{
	struct streams_stats st;
	streams_stats(streams, &st);
	return st;
}

static void lines_come_back_however_they_were_cut(void **state)
{
	(void)state;
	char buf[100];
	int fd = dial();
	say(fd, "one\ntw");
	assert_int_equal(hear(fd, buf, sizeof(buf)), 4);
	say(fd, "o\nthree\nf");
	assert_int_equal(hear(fd, buf, sizeof(buf)), 10);
	assert_string_equal(buf, "two\nthree\n");
	for (const char *c = "our\n"; *c; c++) {
		say(fd, (char[]){ *c, 0 });
		turns(1);
	}
	assert_int_equal(hear(fd, buf, sizeof(buf)), 5);
	assert_string_equal(buf, "four\n");
	assert_memory_equal(peers[0].text, "127.0.0.1:", 10);
	close(fd);
	turns(3);
	assert_int_equal(peers[0].closed, 1);
	assert_int_equal(peers[0].why, SB_CLOSE_PEER);
	assert_int_equal(stats().open_now, 0);
	assert_int_equal(stats().accepted, 1);
}

static void send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (k > 0) {
			p += k;
			n -= (size_t)k;
		}
		turns(1);
	}
}

static void a_line_near_the_input_limit_arrives_whole_in_both_directions(void **state)
{
	(void)state;
	size_t n = 256 << 10, got = 0;
	char *line = malloc(n), *back = malloc(n + 1);
	assert_non_null(line);
	assert_non_null(back);
	for (size_t i = 0; i < n; i++)
		line[i] = (char)('a' + i * 7 % 26);
	line[n - 1] = '\n';
	int fd = dial();
	send_all(fd, line, n);
	while (got < n) {
		ssize_t k = hear(fd, back + got, n - got + 1);
		assert_true(k > 0);
		got += (size_t)k;
	}
	assert_memory_equal(line, back, n);
	close(fd);
	free(line);
	free(back);
}

static void input_beyond_the_limit_ends_the_connection(void **state)
{
	(void)state;
	size_t n = (256 << 10) + 70000;
	char *line = malloc(n);
	assert_non_null(line);
	memset(line, 'x', n);
	int fd = dial();
	for (size_t at = 0; at + 10000 <= n && !peers[0].closed; at += 10000) {
		(void)!send(fd, line + at, 10000, MSG_DONTWAIT | MSG_NOSIGNAL);
		turns(2);
	}
	turns(3);
	assert_int_equal(peers[0].closed, 1);
	assert_int_equal(peers[0].why, SB_CLOSE_LIMIT);
	close(fd);
	free(line);
}

static int answer_and_refuse(struct peer *p, const char *line, size_t n)
{
	echo(p, line, n);
	return SB_E_MALFORMED;
}

static void a_refusal_of_data_is_sent_before_the_end(void **state)
{
	(void)state;
	char buf[100];
	on_line = answer_and_refuse;
	int fd = dial();
	say(fd, "bad\nand more that is never read");
	assert_int_equal(hear(fd, buf, sizeof(buf)), 4);
	assert_int_equal(hear(fd, buf, sizeof(buf)), 0);
	assert_int_equal(peers[0].closed, 1);
	assert_int_equal(peers[0].why, SB_CLOSE_LOCAL);
	close(fd);
}

static int close_everybody(struct peer *p, const char *line, size_t n)
{
	(void)p;
	for (size_t i = 0; i < n_peers; i++) {
		echo(&peers[i], line, n);
		assert_int_equal(streams_close(streams, peers[i].conn), 0);
		assert_int_equal(echo(&peers[i], line, n), SB_E_STALE);
		assert_int_equal(streams_close(streams, peers[i].conn), SB_E_STALE);
	}
	return 0;
}

static void a_callback_may_write_to_and_close_anybody(void **state)
{
	(void)state;
	enum { N = 20 };
	char buf[100];
	int fds[N];
	on_line = close_everybody;
	for (int i = 0; i < N; i++)
		fds[i] = dial();
	turns(2);
	for (int i = 0; i < N; i++) /* all have input pending in the turn that closes them */
		say(fds[i], "bye\n");
	for (int i = 0; i < N; i++) {
		assert_int_equal(hear(fds[i], buf, sizeof(buf)), 4);
		assert_int_equal(hear(fds[i], buf, sizeof(buf)), 0);
		assert_int_equal(peers[i].closed, 1);
		close(fds[i]);
	}
	assert_int_equal(stats().open_now, 0);
}

static void a_handle_of_the_past_is_stale_although_its_slot_is_used_again(void **state)
{
	(void)state;
	int a = dial();
	turns(2);
	close(a);
	turns(2);
	int b = dial();
	turns(2);
	assert_int_equal(n_peers, 2);
	assert_true(peers[0].conn != peers[1].conn);
	struct sb_bytes x = { (const uint8_t *)"x", 1 };
	assert_int_equal(streams_write(streams, peers[0].conn, x), SB_E_STALE);
	assert_int_equal(streams_write(streams, peers[1].conn, x), 0);
	assert_int_equal(streams_write(streams, 0, x), SB_E_STALE);
	assert_int_equal(streams_write(streams, UINT64_MAX, x), SB_E_STALE);
	close(b);
}

/* Writes numbered 1,000-byte blocks until the stream takes no more. */
static uint32_t write_blocks(struct peer *p, uint32_t from)
{
	uint8_t block[1000];
	for (;; from++) {
		memset(block, (int)(from & 0xff), sizeof(block));
		int r = streams_write(streams, p->conn, (struct sb_bytes){ block, sizeof(block) });
		if (r == SB_AGAIN)
			return from;
		assert_int_equal(r, 0);
		if (from % 16 == 15)
			turns(1);
	}
}

static void a_slow_reader_is_waited_for_and_loses_nothing(void **state)
{
	(void)state;
	static char buf[1 << 16];
	int fd = dial(), before = 0;
	turns(2);
	struct peer *p = &peers[0];
	uint32_t written = 0;
	size_t got = 0;
	for (int round = 0; round < 5; round++) {
		written = write_blocks(p, written);
		assert_true(streams_unsent(streams, p->conn) > 60000);
		while (p->writable == before) {
			ssize_t n = hear(fd, buf, sizeof(buf));
			assert_true(n > 0);
			for (ssize_t i = 0; i < n; i++, got++)
				assert_int_equal((uint8_t)buf[i], (got / 1000) & 0xff);
		}
		assert_int_equal(p->writable, before + 1);
		assert_true(streams_unsent(streams, p->conn) <= 32 << 10);
		before = p->writable;
	}
	while (got < written * 1000ull) {
		ssize_t n = hear(fd, buf, sizeof(buf));
		assert_true(n > 0);
		got += (size_t)n;
	}
	close(fd);
}

static void a_deaf_peer_is_given_up_after_half_a_minute(void **state)
{
	(void)state;
	int fd = dial();
	turns(2);
	write_blocks(&peers[0], 0);
	turns(5);
	assert_int_equal(peers[0].closed, 0);
	clock_set(1, clock_mono() + 31 * NS_PER_S);
	turns(2);
	assert_int_equal(peers[0].closed, 1);
	assert_int_equal(peers[0].why, SB_CLOSE_TIMEOUT);
	close(fd);
}

static void closing_a_deaf_peer_waits_ten_seconds_for_its_output(void **state)
{
	(void)state;
	int fd = dial();
	turns(2);
	write_blocks(&peers[0], 0);
	streams_close(streams, peers[0].conn);
	clock_set(1, clock_mono() + 9 * NS_PER_S);
	turns(2);
	assert_int_equal(peers[0].closed, 0);
	clock_set(1, clock_mono() + 2 * NS_PER_S);
	turns(2);
	assert_int_equal(peers[0].closed, 1);
	assert_int_equal(peers[0].why, SB_CLOSE_LOCAL);
	close(fd);
}

static void a_paused_connection_is_not_read_and_offers_its_rest_on_resume(void **state)
{
	(void)state;
	char buf[100];
	consume_nothing = true;
	int fd = dial();
	say(fd, "left\n");
	turns(3);
	assert_int_equal(peers[0].data_calls, 1);
	assert_int_equal(streams_pause(streams, peers[0].conn), 0);
	say(fd, "later\n");
	turns(3);
	assert_int_equal(peers[0].data_calls, 1);
	consume_nothing = false;
	assert_int_equal(streams_resume(streams, peers[0].conn), 0);
	assert_int_equal(hear(fd, buf, sizeof(buf)), 11);
	assert_string_equal(buf, "left\nlater\n");
	close(fd);
}

static int pause_all(struct peer *p, const char *line, size_t n)
{
	(void)p, (void)line, (void)n;
	streams_pause_all(streams);
	return SB_AGAIN; /* full: this line stays */
}

static void pause_all_stops_reading_and_resume_all_offers_what_was_refused(void **state)
{
	(void)state;
	char buf[100];
	int a = dial(), b = dial();
	turns(2);
	on_line = pause_all;
	say(a, "first\n");
	turns(2);
	say(b, "second\n");
	int64_t began = clock_mono();
	for (int i = 0; i < 5; i++)
		assert_int_equal(loop_turn(loop, 10 * NS_PER_MS), 0);
	assert_true(clock_mono() - began > 20 * NS_PER_MS); /* it slept: nobody spins */
	assert_int_equal(peers[0].data_calls, 1);
	assert_int_equal(peers[1].data_calls, 0);
	on_line = echo;
	streams_resume_all(streams);
	assert_int_equal(hear(a, buf, sizeof(buf)), 6);
	assert_int_equal(hear(b, buf, sizeof(buf)), 7);
	close(a);
	close(b);
}

static void a_reset_ends_even_a_paused_connection(void **state)
{
	(void)state;
	int fd = dial();
	turns(2);
	streams_pause(streams, peers[0].conn);
	struct linger l = { .l_onoff = 1 };
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
	turns(3);
	assert_int_equal(peers[0].closed, 1);
	assert_int_equal(peers[0].why, SB_CLOSE_ERROR);
}

static void what_came_with_the_end_is_handed_over_before_it(void **state)
{
	(void)state;
	char buf[100];
	int fd = dial();
	turns(2);
	say(fd, "last words\n");
	shutdown(fd, SHUT_WR);
	assert_int_equal(hear(fd, buf, sizeof(buf)), 11);
	turns(3);
	assert_int_equal(peers[0].closed, 1);
	assert_int_equal(peers[0].why, SB_CLOSE_PEER);
	close(fd);
}

static int swallow(struct peer *p, const char *line, size_t n)
{
	(void)p, (void)line, (void)n;
	return 0;
}

static void more_than_one_read_holds_is_read_without_another_word(void **state)
{
	(void)state;
	static char lines[1 << 20];
	size_t sent = 0;
	on_line = swallow;
	int fd = dial();
	turns(2);
	memset(lines, '\n', sizeof(lines));
	for (ssize_t n = 1; n > 0; sent += n > 0 ? (size_t)n : 0)
		n = send(fd, lines, sizeof(lines), MSG_DONTWAIT | MSG_NOSIGNAL);
	assert_true(sent > 3 * 65536);
	for (int i = 0; i < 100 && peers[0].consumed < sent; i++)
		turns(1);
	assert_int_equal(peers[0].consumed, sent);
	close(fd);
}

static void ending_the_listener_ends_its_connections(void **state)
{
	(void)state;
	char buf[10];
	int fd = dial();
	turns(2);
	echo(&peers[0], "last\n", 5);
	streams_unlisten(streams, listener_id);
	assert_int_equal(peers[0].closed, 1);
	assert_int_equal(peers[0].why, SB_CLOSE_STOP);
	assert_int_equal(hear(fd, buf, sizeof(buf)), 5);
	assert_int_equal(hear(fd, buf, sizeof(buf)), 0);
	close(fd);
}

static void addresses_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	const char *bad[] = { "",       "1883",  "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999",
		              "[::1:1", "host:1" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct sb_listen spec = peer_spec();
		uint32_t p, id;
		spec.address = sb_str_of(bad[i], strlen(bad[i]));
		assert_int_equal(streams_listen(streams, &spec, NULL, &p, &id), -EINVAL);
	}
	struct sb_listen spec = peer_spec();
	char taken[32];
	uint32_t p, id;
	spec.address = sb_str_of(taken,
	                         (size_t)snprintf(taken, sizeof(taken), "localhost:%u", port));
	assert_int_equal(streams_listen(streams, &spec, NULL, &p, &id), -EADDRINUSE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		T(lines_come_back_however_they_were_cut),
		T(a_line_near_the_input_limit_arrives_whole_in_both_directions),
		T(input_beyond_the_limit_ends_the_connection),
		T(a_refusal_of_data_is_sent_before_the_end),
		T(a_callback_may_write_to_and_close_anybody),
		T(a_handle_of_the_past_is_stale_although_its_slot_is_used_again),
		T(a_slow_reader_is_waited_for_and_loses_nothing),
		T(a_deaf_peer_is_given_up_after_half_a_minute),
		T(closing_a_deaf_peer_waits_ten_seconds_for_its_output),
		T(a_paused_connection_is_not_read_and_offers_its_rest_on_resume),
		T(pause_all_stops_reading_and_resume_all_offers_what_was_refused),
		T(a_reset_ends_even_a_paused_connection),
		T(what_came_with_the_end_is_handed_over_before_it),
		T(more_than_one_read_holds_is_read_without_another_word),
		T(ending_the_listener_ends_its_connections),
		T(addresses_that_make_no_sense_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
