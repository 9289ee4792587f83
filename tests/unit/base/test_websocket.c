#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/websocket.h"
#include "check.h"

#define BOTH (WEBSOCKET_TEXT | WEBSOCKET_BINARY)

/* What a reader made of the bytes fed to it, as text: "D(hello)." data with the end of its message,
 * "d(hel)" without, "P(x)" ping, "p(x)" pong, "C1000(why)" close, "W1002" wrong. */
static char seen[4096];

static void note(const char *kind, struct sb_bytes b)
{
	size_t n = strlen(seen);
	snprintf(seen + n, sizeof(seen) - n, "%s(%.*s)", kind, (int)b.n, (const char *)b.p);
}

static void feed(struct websocket *ws, const uint8_t *bytes, size_t n)
{
	uint8_t *copy = malloc(n + 1); /* so that a read beyond is seen */
	uint8_t *p = copy;
	struct websocket_part part;
	char code[16];
	memcpy(copy, bytes, n);
	for (;;) {
		enum websocket_event event = websocket_take(ws, &p, copy + n, &part);
		if (event == WEBSOCKET_MORE)
			break;
		if (event == WEBSOCKET_DATA && !part.last) {
			size_t len = strlen(seen); /* cut anywhere: joined, to be comparable */
			if (len && seen[len - 1] == '~')
				seen[len - 1] = 0;
			len = strlen(seen);
			snprintf(seen + len, sizeof(seen) - len, "%.*s~", (int)part.bytes.n,
			         (const char *)part.bytes.p);
		} else if (event == WEBSOCKET_DATA) {
			size_t len = strlen(seen);
			if (len && seen[len - 1] == '~')
				seen[len - 1] = 0;
			len = strlen(seen);
			snprintf(seen + len, sizeof(seen) - len, "%.*s.", (int)part.bytes.n,
			         (const char *)part.bytes.p);
		} else if (event == WEBSOCKET_PINGED || event == WEBSOCKET_PONGED) {
			note(event == WEBSOCKET_PINGED ? "P" : "p", part.bytes);
		} else {
			snprintf(code, sizeof(code), "%c%u", event == WEBSOCKET_CLOSING ? 'C' : 'W',
			         part.code);
			note(code,
			     event == WEBSOCKET_CLOSING ? part.bytes : (struct sb_bytes){ 0 });
		}
	}
	assert_ptr_equal(p, copy + n);
	free(copy);
}

static struct websocket reader(uint8_t accepts, uint64_t max)
{
	seen[0] = 0;
	return (struct websocket){ .accepts = accepts, .max_message = max };
}

static uint8_t wire[1 << 17];
static size_t wire_n;

static void give(uint8_t first, const void *payload, size_t n)
{
	static const uint8_t mask[4] = { 0x12, 0x34, 0x00, 0xFF };
	wire[wire_n++] = first;
	if (n < 126) {
		wire[wire_n++] = (uint8_t)(0x80 | n);
	} else if (n < 65536) {
		wire[wire_n++] = 0x80 | 126;
		wire[wire_n++] = (uint8_t)(n >> 8);
		wire[wire_n++] = (uint8_t)n;
	} else {
		wire[wire_n++] = 0x80 | 127;
		for (int i = 7; i >= 0; i--)
			wire[wire_n++] = (uint8_t)((uint64_t)n >> (8 * i));
	}
	memcpy(wire + wire_n, mask, 4);
	wire_n += 4;
	for (size_t i = 0; i < n; i++)
		wire[wire_n++] = (uint8_t)(((const uint8_t *)payload)[i] ^ mask[i & 3]);
}

static void give_text(uint8_t first, const char *text)
{
	give(first, text, strlen(text));
}

/* The same however the bytes are cut. */
static void expect(uint8_t accepts, uint64_t max, const char *wanted)
{
	for (size_t step = 1; step <= wire_n + 1; step = step < 16 ? step + 1 : step * 3) {
		struct websocket ws = reader(accepts, max);
		for (size_t at = 0; at < wire_n; at += step)
			feed(&ws, wire + at, MIN(step, wire_n - at));
		assert_string_equal(seen, wanted);
	}
	wire_n = 0;
}

static void messages_arrive_whole_and_in_fragments(void **state)
{
	(void)state;
	give_text(0x81, "Hello");
	expect(BOTH, 0, "Hello.");
	give_text(0x01, "Hel");
	give_text(0x80, "lo");
	give_text(0x82, "");
	give_text(0x02, "");
	give_text(0x00, "");
	give_text(0x80, "x");
	expect(BOTH, 5, "Hello..x.");
}

static void control_frames_may_stand_between_fragments(void **state)
{
	(void)state;
	char long_one[126];
	char wanted[200];
	memset(long_one, 'q', 125);
	long_one[125] = 0;
	give_text(0x01, "a");
	give_text(0x89, long_one);
	give_text(0x8A, "");
	give_text(0x80, "b");
	snprintf(wanted, sizeof(wanted), "a~P(%s)p()b.", long_one);
	expect(BOTH, 0, wanted);
}

static void every_length_is_read_as_it_is_written(void **state)
{
	static const size_t sizes[] = { 125, 126, 127, 128, 65535, 65536, 70000 };
	static char text[70001];
	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct websocket ws = reader(BOTH, 0);
		struct websocket_part part;
		size_t n = 0;
		give(0x82, text, sizes[i]);
		uint8_t *p = wire;
		while (websocket_take(&ws, &p, wire + wire_n, &part) == WEBSOCKET_DATA) {
			assert_memory_equal(part.bytes.p, text, part.bytes.n);
			n += part.bytes.n;
			assert_true(part.last);
		}
		assert_int_equal(n, sizes[i]);
		wire_n = 0;
	}
}

static void raw(const char *bytes, size_t n, const char *wanted)
{
	memcpy(wire, bytes, n);
	wire_n = n;
	expect(BOTH, 0, wanted);
}

#define RAW(bytes, wanted) raw(bytes, sizeof(bytes) - 1, wanted)

static void what_breaks_the_framing_is_1002(void **state)
{
	(void)state;
	RAW("\x81\x05Hello", "W1002()");                        /* not masked */
	RAW("\x89\x00", "W1002()");                             /* a ping, not masked */
	RAW("\xC1\x80\1\2\3\4", "W1002()");                     /* RSV1 */
	RAW("\xA1\x80\1\2\3\4", "W1002()");                     /* RSV2 */
	RAW("\x91\x80\1\2\3\4", "W1002()");                     /* RSV3 */
	RAW("\x89\xFE\x00\x7E\1\2\3\4", "W1002()");             /* a long ping */
	RAW("\x09\x80\1\2\3\4", "W1002()");                     /* a ping in fragments */
	RAW("\x08\x80\1\2\3\4", "W1002()");                     /* a close in fragments */
	RAW("\x80\x80\1\2\3\4", "W1002()");                     /* continues nothing */
	RAW("\x00\x80\1\2\3\4", "W1002()");                     /* begins as continuation */
	RAW("\x82\xFE\x00\x7D\1\2\3\4", "W1002()");             /* 125 in two bytes */
	RAW("\x82\xFF\0\0\0\0\0\0\xFF\xFF\1\2\3\4", "W1002()"); /* 65535 in eight */
	RAW("\x82\xFF\x80\0\0\0\0\1\0\0\1\2\3\4", "W1002()");   /* the highest bit */
	RAW("\x01\x80\1\2\3\4\x81\x80\1\2\3\4", "W1002()");     /* one inside another */
	RAW("\x02\x80\1\2\3\4\x89\x80\1\2\3\4\x02\x80\1\2\3\4", "P()W1002()");
	for (int opcode = 0; opcode < 16; opcode++) {
		char frame[] = { (char)(0x80 | opcode), (char)0x80, 1, 2, 3, 4 };
		if ((opcode > 2 && opcode < 8) || opcode > 10)
			raw(frame, sizeof(frame), "W1002()");
	}
}

static void nothing_is_read_after_the_end(void **state)
{
	(void)state;
	give_text(0x88, "");
	give_text(0x81, "more");
	expect(BOTH, 0, "C1005()");
	give_text(0xC1, "");
	give_text(0x81, "more");
	expect(BOTH, 0, "W1002()");
}

static void the_wrong_kind_of_message_is_1003(void **state)
{
	(void)state;
	give_text(0x81, "text");
	expect(WEBSOCKET_BINARY, 0, "W1003()");
	give_text(0x82, "binary");
	expect(WEBSOCKET_TEXT, 0, "W1003()");
	give_text(0x02, "a");
	give_text(0x89, "");
	give_text(0x80, "b");
	expect(WEBSOCKET_BINARY, 0, "a~P()b.");
}

static void fragments_count_together_against_the_limit(void **state)
{
	(void)state;
	give_text(0x81, "0123456789");
	give_text(0x81, "0123456789");
	expect(BOTH, 10, "0123456789.0123456789.");
	give_text(0x81, "0123456789x");
	expect(BOTH, 10, "W1009()");
	give_text(0x01, "01234");
	give_text(0x00, "56789");
	give_text(0x89, "a control frame is not counted");
	give_text(0x80, "x");
	expect(BOTH, 10, "0123456789~P(a control frame is not counted)W1009()");
	raw("\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1\2\3\4", 14, "");
}

static void text_is_utf_8_wherever_it_is_cut(void **state)
{
	static const char *const good[] = { "\xC2\x80",
		                            "\xDF\xBF",
		                            "\xE0\xA0\x80",
		                            "\xED\x9F\xBF",
		                            "\xEE\x80\x80",
		                            "\xEF\xBF\xBF",
		                            "\xF0\x90\x80\x80",
		                            "\xF4\x8F\xBF\xBF",
		                            "plain ascii, long enough",
		                            "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5" };
	static const char *const bad[] = { "\x80",
		                           "\xBF",
		                           "\xC0\x80",
		                           "\xC1\xBF",
		                           "\xE0\x9F\xBF",
		                           "\xED\xA0\x80",
		                           "\xED\xBF\xBF",
		                           "\xF0\x8F\xBF\xBF",
		                           "\xF4\x90\x80\x80",
		                           "\xF5\x80\x80\x80",
		                           "\xFE",
		                           "\xFF",
		                           "\xC3\x28",
		                           "\xE2\x82\x28" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		char wanted[64];
		snprintf(wanted, sizeof(wanted), "%s.", good[i]);
		give_text(0x81, good[i]);
		expect(BOTH, 0, wanted);
		for (size_t k = 0; good[i][k]; k++) /* in fragments of a byte */
			give(k == 0 ? 0x01 : 0x00, good[i] + k, 1);
		give_text(0x80, "");
		expect(BOTH, 0, wanted);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct websocket ws = reader(BOTH, 0);
		give_text(0x81, bad[i]);
		feed(&ws, wire, wire_n);
		assert_string_equal(seen, "W1007()");
		wire_n = 0;
		give_text(0x82, bad[i]); /* bytes are anything */
		ws = reader(BOTH, 0);
		feed(&ws, wire, wire_n);
		assert_int_equal(seen[strlen(seen) - 1], '.');
		wire_n = 0;
	}
	for (size_t n = 1; n < 4; n++) { /* cut off inside a code point */
		struct websocket ws = reader(BOTH, 0);
		give(0x81, "\xF0\x90\x80\x80", n);
		feed(&ws, wire, wire_n);
		assert_string_equal(seen, "W1007()");
		wire_n = 0;
	}
}

static void broken_text_is_refused_before_its_frame_ends(void **state)
{
	(void)state;
	struct websocket ws = reader(BOTH, 0);
	give_text(0x81, "ok \xED\xA0\x80 and much more");
	feed(&ws, wire, 6 + 5);
	assert_string_equal(seen, "W1007()");
	wire_n = 0;
}

static void close_frames_say_why(void **state)
{
	(void)state;
	give_text(0x88, "");
	expect(BOTH, 0, "C1005()");
	give_text(0x88, "\x03\xE8"
	                "bye");
	expect(BOTH, 0, "C1000(bye)");
	give_text(0x88, "\x0F\xA0");
	expect(BOTH, 0, "C4000()");
	give_text(0x88, "\x03");
	expect(BOTH, 0, "W1002()");
	give_text(0x88, "\x03\xE8\xFF\xFE");
	expect(BOTH, 0, "W1007()");
	give_text(0x88, "\x03\xE8\xC3");
	expect(BOTH, 0, "W1007()");
}

static void close_codes_are_those_of_the_standard(void **state)
{
	(void)state;
	for (unsigned code = 0; code < 65536; code++) {
		bool good = (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) ||
		            (code >= 3000 && code < 5000);
		uint8_t payload[2] = { (uint8_t)(code >> 8), (uint8_t)code };
		struct websocket ws = reader(BOTH, 0);
		give(0x88, payload, 2);
		feed(&ws, wire, wire_n);
		assert_int_equal(seen[0], good ? 'C' : 'W');
		wire_n = 0;
	}
}

static void our_frames_have_the_shortest_head(void **state)
{
	static const struct {
		uint64_t n;
		const char *head;
		size_t len;
	} rows[] = {
		{ 0, "\x82\x00", 2 },
		{ 125, "\x82\x7D", 2 },
		{ 126, "\x82\x7E\x00\x7E", 4 },
		{ 65535, "\x82\x7E\xFF\xFF", 4 },
		{ 65536, "\x82\x7F\0\0\0\0\0\1\0\0", 10 },
	};
	uint8_t head[WEBSOCKET_HEAD_MAX];
	uint8_t frame[2 + WEBSOCKET_CONTROL_MAX];
	char reason[300];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(websocket_head(head, WEBSOCKET_BINARY, true, rows[i].n),
		                 rows[i].len);
		assert_memory_equal(head, rows[i].head, rows[i].len);
	}
	websocket_head(head, WEBSOCKET_TEXT, false, 1);
	assert_int_equal(head[0], 0x01);
	websocket_head(head, 0, true, 1);
	assert_int_equal(head[0], 0x80);
	assert_int_equal(websocket_close(frame, 1002, "no"), 6);
	assert_memory_equal(frame, "\x88\x04\x03\xEAno", 6);
	assert_int_equal(websocket_close(frame, 1005, ""), 2);
	memset(reason, 'r', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = 0;
	assert_int_equal(websocket_close(frame, 1000, reason), 127);
	assert_int_equal(websocket_control(frame, WEBSOCKET_PONG,
	                                   (struct sb_bytes){ (const uint8_t *)"abc", 3 }),
	                 5);
	assert_memory_equal(frame,
	                    "\x8A\x03"
	                    "abc",
	                    5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_arrive_whole_and_in_fragments),
		cmocka_unit_test(control_frames_may_stand_between_fragments),
		cmocka_unit_test(every_length_is_read_as_it_is_written),
		cmocka_unit_test(what_breaks_the_framing_is_1002),
		cmocka_unit_test(nothing_is_read_after_the_end),
		cmocka_unit_test(the_wrong_kind_of_message_is_1003),
		cmocka_unit_test(fragments_count_together_against_the_limit),
		cmocka_unit_test(text_is_utf_8_wherever_it_is_cut),
		cmocka_unit_test(broken_text_is_refused_before_its_frame_ends),
		cmocka_unit_test(close_frames_say_why),
		cmocka_unit_test(close_codes_are_those_of_the_standard),
		cmocka_unit_test(our_frames_have_the_shortest_head),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
