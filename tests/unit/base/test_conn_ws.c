#include "base/conn.h"
#include "stream_peer.h"

#define REQUEST                                                                             \
	"GET /echo HTTP/1.1\r\nHost: h:80\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"      \
	"Sec-WebSocket-Protocol: other, echo\r\n"

static char answer[70000];
static struct sb_listen spec;

static int start(void **state)
{
	(void)state;
	spec = peer_spec();
	spec.websocket = SB_STR("echo");
	begin(&spec, NULL, 10000);
	return 0;
}

static int end(void **state)
{
	(void)state;
	finish();
	return 0;
}

static ssize_t answer_of(int fd, const char *request)
{
	say(fd, request);
	return hear(fd, answer, sizeof(answer));
}

static int upgraded(void)
{
	int fd = dial();
	assert_true(answer_of(fd, REQUEST "\r\n") > 0);
	assert_memory_equal(answer, "HTTP/1.1 101 ", 13);
	return fd;
}

static size_t frame(uint8_t *out, uint8_t first, const char *text, size_t n)
{
	size_t at = 0;
	out[at++] = first;
	assert_true(n < 65536);
	out[at++] = (uint8_t)(0x80 | (n < 126 ? n : 126));
	if (n >= 126) {
		out[at++] = (uint8_t)(n >> 8);
		out[at++] = (uint8_t)n;
	}
	memcpy(out + at, "\1\2\3\4", 4);
	at += 4;
	for (size_t i = 0; i < n; i++)
		out[at++] = (uint8_t)(text[i] ^ (1 + (i & 3)));
	return at;
}

static void send_frame(int fd, uint8_t first, const char *text)
{
	uint8_t bytes[1000];
	size_t n = frame(bytes, first, text, strlen(text));
	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

static void expect(int fd, const char *bytes, size_t n)
{
	size_t got = 0;
	while (got < n) {
		ssize_t k = hear(fd, answer + got, sizeof(answer) - got);
		assert_true(k > 0);
		got += (size_t)k;
	}
	assert_int_equal(got, n);
	assert_memory_equal(answer, bytes, n);
}

#define EXPECT(fd, bytes) expect(fd, bytes, sizeof(bytes) - 1)

static void plain_bytes_are_seen_behind_frames(void **state)
{
	(void)state;
	int fd = upgraded();
	assert_memory_equal(peers[0].text, "127.0.0.1:", 10);
	send_frame(fd, 0x82, "one\ntw");
	EXPECT(fd, "\x82\x04one\n");
	send_frame(fd, 0x02, "o\nthr");
	EXPECT(fd, "\x82\x04two\n");
	send_frame(fd, 0x80, "ee\n");
	EXPECT(fd, "\x82\x06three\n");
	close(fd);
	turns(3);
	assert_int_equal(peers[0].closed, 1);
	assert_int_equal(peers[0].why, SB_CLOSE_PEER);
}

static void what_is_written_in_one_turn_is_one_frame(void **state)
{
	(void)state;
	uint8_t bytes[200];
	int fd = upgraded();
	size_t n = frame(bytes, 0x82, "a\nbb\n", 5);
	n += frame(bytes + n, 0x82, "ccc\n", 4);
	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
	EXPECT(fd, "\x82\x09"
	           "a\nbb\nccc\n");
	close(fd);
}

static void frames_may_come_with_the_request_or_byte_by_byte(void **state)
{
	(void)state;
	uint8_t bytes[1000];
	size_t n = strlen(REQUEST "\r\n");
	memcpy(bytes, REQUEST "\r\n", n);
	n += frame(bytes + n, 0x82, "early\n", 6);
	int fd = dial();
	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
	ssize_t got = hear(fd, answer, sizeof(answer));
	assert_true(got > 8);
	assert_memory_equal(answer + got - 8,
	                    "\x82\x06"
	                    "early\n",
	                    8);
	close(fd);
	fd = dial();
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(send(fd, bytes + i, 1, MSG_NOSIGNAL), 1);
		turns(1);
	}
	got = hear(fd, answer, sizeof(answer));
	assert_true(got > 13);
	while (memcmp(answer + got - 6, "early\n", 6) != 0) {
		ssize_t k = hear(fd, answer + got, sizeof(answer) - (size_t)got);
		assert_true(k > 0);
		got += k;
	}
	close(fd);
}

static void every_length_of_frame_is_written(void **state)
{
	static const size_t sizes[] = { 1, 125, 126, 127, 1000, 65535, 65536, 66000 };
	static char line[66001];
	(void)state;
	int fd = upgraded();
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		size_t n = sizes[i];
		size_t head = n < 126 ? 2 : n < 65536 ? 4 : 10;
		size_t got = 0;
		memset(line, 'x', n);
		line[n - 1] = '\n';
		assert_int_equal(streams_write(streams, peers[0].conn,
		                               (struct sb_bytes){ (uint8_t *)line, n }),
		                 0);
		while (got < head + n) {
			ssize_t k = hear(fd, answer + got, sizeof(answer) - got);
			assert_true(k > 0);
			got += (size_t)k;
		}
		assert_int_equal(got, head + n);
		assert_int_equal((uint8_t)answer[0], 0x82);
		assert_int_equal((uint8_t)answer[1], n < 126 ? n : n < 65536 ? 126 : 127);
		assert_memory_equal(answer + head, line, n);
	}
	close(fd);
}

static void pings_are_answered_and_closes_echoed(void **state)
{
	(void)state;
	int fd = upgraded();
	send_frame(fd, 0x89, "ping");
	EXPECT(fd, "\x8A\x04ping");
	send_frame(fd, 0x8A, "unasked");
	uint8_t bytes[100];
	size_t n = frame(bytes, 0x82, "last\n", 5);
	n += frame(bytes + n, 0x88, "\x03\xE9gone", 6);
	n += frame(bytes + n, 0x82, "not read\n", 9);
	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
	EXPECT(fd, "\x82\x05last\n\x88\x02\x03\xE9");
	assert_int_equal(hear(fd, answer, sizeof(answer)), 0);
	close(fd);
	turns(5);
	assert_int_equal(peers[0].closed, 1);
	assert_int_equal(peers[0].why, SB_CLOSE_PEER);
	assert_int_equal(peers[0].consumed, 5);
}

static void broken_frames_end_with_a_code(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		uint8_t low;
	} rows[] = {
		{ "\x82\x02hi", 4, 0xEA },       /* not masked */
		{ "\x81\x80\1\2\3\4", 6, 0xEB }, /* text */
		{ "\xC2\x80\1\2\3\4", 6, 0xEA }, /* a reserved bit */
		{ "\x80\x80\1\2\3\4", 6, 0xEA }, /* continues nothing */
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int fd = upgraded();
		assert_int_equal(send(fd, rows[i].bytes, rows[i].n, MSG_NOSIGNAL), rows[i].n);
		assert_true(hear(fd, answer, sizeof(answer)) > 4);
		assert_int_equal((uint8_t)answer[0], 0x88);
		assert_int_equal((uint8_t)answer[2], 0x03);
		assert_int_equal((uint8_t)answer[3], rows[i].low);
		assert_int_equal(hear(fd, answer, sizeof(answer)), 0);
		close(fd);
		turns(5);
		assert_int_equal(peers[i].closed, 1);
		assert_int_equal(peers[i].why, SB_CLOSE_ERROR);
	}
}

static void a_flood_of_pings_costs_no_memory(void **state)
{
	(void)state;
	uint8_t bytes[131];
	size_t n = frame(bytes, 0x89,
	                 "1234567890123456789012345678901234567890123456789012345678901234567890"
	                 "1234567890123456789012345678901234567890123456789",
	                 119);
	int fd = upgraded();
	for (int i = 0; i < 20000; i++) {
		(void)!send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (i % 50 == 0)
			turns(1);
		assert_true(streams_unsent(streams, peers[0].conn) < 200000);
	}
	close(fd);
}

static void a_closing_server_says_so(void **state)
{
	(void)state;
	int fd = upgraded();
	assert_int_equal(streams_close(streams, peers[0].conn), 0);
	EXPECT(fd, "\x88\x02\x03\xE8");
	close(fd);
	fd = upgraded();
	streams_unlisten(streams, listener_id);
	EXPECT(fd, "\x88\x02\x03\xE9");
	assert_int_equal(hear(fd, answer, sizeof(answer)), 0);
	close(fd);
}

static void what_is_no_proper_request_is_refused(void **state)
{
	static const struct {
		const char *request, *status;
	} rows[] = {
		{ "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 " },
		{ "\x10\x0c", "HTTP/1.1 400 " }, /* MQTT itself */
		{ "GET / HTTP/2.0\r\n\r\n", "HTTP/1.1 505 " },
		{ "GET /mqtt HTTP/1.0\r\nHost: h\r\nUpgrade: websocket\r\n"
		  "Connection: upgrade\r\n\r\n",
		  "HTTP/1.1 426 " },
		{ "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
		  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		  "Sec-WebSocket-Version: 13\r\n\r\n",
		  "HTTP/1.1 400 " },
		{ REQUEST "Origin: http://evil.example\r\n\r\n", "HTTP/1.1 403 " },
		{ REQUEST "Origin: null\r\n\r\n", "HTTP/1.1 403 " },
		{ REQUEST "Origin: http://h:80\r\n\r\n", "HTTP/1.1 101 " },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int fd = dial();
		assert_true(answer_of(fd, rows[i].request) > 0);
		assert_memory_equal(answer, rows[i].status, strlen(rows[i].status));
		if (i + 1 < ARRAY_LEN(rows)) {
			assert_int_equal(hear(fd, answer, sizeof(answer)), 0);
		}
		close(fd);
	}
	turns(5);
	struct streams_stats st;
	streams_stats(streams, &st);
	assert_int_equal(st.upgrades, 1);
	assert_int_equal(st.upgrades_refused, ARRAY_LEN(rows) - 1);
	assert_int_equal(n_peers, 1);
}

static void a_request_that_does_not_come_is_cut_off(void **state)
{
	(void)state;
	char buf[10];
	int fd = dial();
	say(fd, "GET / HTTP/1.1\r\n");
	int64_t until = clock_mono() + 5 * NS_PER_S;
	ssize_t n = -1;
	while (n != 0 && clock_mono() < until)
		n = hear(fd, buf, sizeof(buf));
	assert_int_equal(n, 0);
	assert_int_equal(n_peers, 0);
	close(fd);
}

static struct stream_parcel *parcel;

static int hand_over(struct peer *p, const char *line, size_t n)
{
	(void)n;
	/* Everything from this line on, to whoever wants it. */
	assert_int_equal(streams_part_with(streams, p->conn,
	                                   (struct sb_bytes){ (const uint8_t *)line,
	                                                      strlen(REQUEST "\r\n") },
	                                   &parcel),
	                 0);
	return 1;
}

static void a_connection_moves_to_other_streams(void **state)
{
	(void)state;
	struct sb_listen shared = spec;
	uint32_t no_port = 1;
	uint32_t shared_id = 0;
	finish();
	spec.websocket = SB_STR("");
	begin(&spec, NULL, 100);
	shared.address = SB_STR("http");
	assert_int_equal(streams_listen(streams, &shared, NULL, &no_port, &shared_id), 0);
	assert_int_equal(no_port, 0);
	on_line = hand_over;
	int fd = dial();
	say(fd, REQUEST "\r\n");
	for (int i = 0; i < 100 && !parcel; i++)
		turns(1);
	assert_non_null(parcel);
	turns(2);
	assert_int_equal(peers[0].closed, 0);
	on_line = echo;
	assert_int_equal(streams_adopt(streams, listener_id, steal(parcel)), SB_E_STALE);
	assert_int_equal(hear(fd, answer, sizeof(answer)), 0);
	close(fd);

	on_line = hand_over;
	fd = dial();
	say(fd, REQUEST "\r\n");
	for (int i = 0; i < 100 && !parcel; i++)
		turns(1);
	on_line = echo;
	assert_int_equal(streams_adopt(streams, shared_id, steal(parcel)), 0);
	assert_true(hear(fd, answer, sizeof(answer)) > 0);
	assert_memory_equal(answer, "HTTP/1.1 101 ", 13);
	send_frame(fd, 0x82, "moved\n");
	EXPECT(fd, "\x82\x06moved\n");
	close(fd);
	turns(3);
	assert_int_equal(peers[2].closed, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(plain_bytes_are_seen_behind_frames),
		TEST(what_is_written_in_one_turn_is_one_frame),
		TEST(frames_may_come_with_the_request_or_byte_by_byte),
		TEST(every_length_of_frame_is_written),
		TEST(pings_are_answered_and_closes_echoed),
		TEST(broken_frames_end_with_a_code),
		TEST(a_flood_of_pings_costs_no_memory),
		TEST(a_closing_server_says_so),
		TEST(what_is_no_proper_request_is_refused),
		TEST(a_request_that_does_not_come_is_cut_off),
		TEST(a_connection_moves_to_other_streams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
