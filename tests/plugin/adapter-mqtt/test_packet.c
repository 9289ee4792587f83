#include <errno.h>
#include <string.h>

#include "peer.h"
#include "properties.h"
#include "reason.h"

#define BYTES(...)                                            \
	((struct sb_bytes){ (const uint8_t[]){ __VA_ARGS__ }, \
	                    sizeof((const uint8_t[]){ __VA_ARGS__ }) })

static int frame(struct sb_bytes in, struct packet *out)
{
	return packet_frame(in, 1000, out);
}

static void a_packet_is_whole_or_waits(void **state)
{
	struct packet p;
	(void)state;
	assert_int_equal(frame(BYTES(0xc0), &p), 0);
	assert_int_equal(frame(BYTES(0xc0, 0), &p), 1);
	assert_int_equal(p.type, PACKET_PINGREQ);
	assert_int_equal(p.total, 2);
	assert_int_equal(frame(BYTES(0x30, 3, 0, 1), &p), 0);
	assert_int_equal(frame(BYTES(0x3d, 3, 0, 1, 'a', 9), &p), 1);
	assert_int_equal(p.flags, 0x0d);
	assert_int_equal(p.body.n, 3);
}

static void a_length_is_bounded_and_has_one_spelling(void **state)
{
	struct packet p;
	(void)state;
	assert_int_equal(frame(BYTES(0x30, 0x80, 0), &p), -EPROTO);
	assert_int_equal(frame(BYTES(0x30, 0xff, 0xff, 0xff, 0xff), &p), -EPROTO);
	assert_int_equal(frame(BYTES(0x30, 0xff, 0xff, 0xff), &p), 0);
	assert_int_equal(frame(BYTES(0x30, 0xff, 0x7f), &p), -EMSGSIZE);
	assert_int_equal(p.total, 3 + 16383);
}

static bool utf8(const char *s, size_t n)
{
	return packet_utf8(sb_str_of(s, n));
}

static void utf8_is_checked_strictly(void **state)
{
	(void)state;
	assert_true(utf8("devices/a/telemetry", 19));
	assert_true(utf8("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", 14));
	assert_false(utf8("12345678\0", 9));
	assert_false(utf8("1234567\0", 8));
	assert_false(utf8("\xc0\x80", 2));
	assert_false(utf8("\xed\xa0\x80", 3));
	assert_false(utf8("\xe0\x80\x80", 3));
	assert_false(utf8("\xf4\x90\x80\x80", 4));
	assert_false(utf8("\xf0\x80\x80\x80", 4));
	assert_false(utf8("abc\xe2\x82", 5));
	assert_false(utf8("\x80", 1));
	assert_false(utf8("1234567\xff", 8));
}

static void a_cursor_remembers_that_it_ran_dry(void **state)
{
	struct cursor c = cursor_of(BYTES(0, 5, 'a', 'b'));
	(void)state;
	assert_int_equal(cursor_string(&c).n, 0);
	assert_true(c.bad);
	assert_int_equal(cursor_u32(&c), 0);
	c = cursor_of(BYTES(0x12, 0x34, 0x56, 0x78, 0x81, 0x01));
	assert_int_equal(cursor_u32(&c), 0x12345678);
	assert_int_equal(cursor_varint(&c), 129);
	assert_false(c.bad);
}

static void a_writer_seals_what_fits(void **state)
{
	uint8_t buf[300];
	struct writer w = writer_of(buf, sizeof(buf));
	uint8_t body[200] = { 0 };
	(void)state;
	writer_bytes(&w, body, sizeof(body));
	struct sb_bytes b = writer_seal(&w, 0x30);
	assert_int_equal(b.n, 203);
	assert_int_equal(b.p[0], 0x30);
	assert_int_equal(b.p[1], 0xc8);
	assert_int_equal(b.p[2], 1);
	writer_bytes(&w, body, sizeof(body));
	assert_int_equal(writer_seal(&w, 0x30).n, 0);
}

static uint8_t take(struct sb_bytes in, uint8_t where, struct properties *out)
{
	struct cursor c = cursor_of(in);
	return properties_take(&c, where, out);
}

static void properties_stand_where_they_may(void **state)
{
	struct properties p;
	(void)state;
	assert_int_equal(take(BYTES(5, 17, 0, 0, 1, 0), PACKET_CONNECT, &p), 0);
	assert_int_equal(p.value[PROPERTY_SESSION_EXPIRY], 256);
	assert_int_equal(take(BYTES(5, 17, 0, 0, 1, 0), PACKET_PUBLISH, &p), REASON_PROTOCOL_ERROR);
	assert_int_equal(take(BYTES(2, 99, 0), PACKET_PUBLISH, &p), REASON_MALFORMED);
	assert_int_equal(take(BYTES(2, 18, 0), PACKET_CONNECT, &p), REASON_MALFORMED);
	assert_int_equal(take(BYTES(4, 1, 1, 1, 1), PACKET_PUBLISH, &p), REASON_PROTOCOL_ERROR);
	assert_int_equal(take(BYTES(2, 1, 2), PACKET_PUBLISH, &p), REASON_PROTOCOL_ERROR);
	assert_int_equal(take(BYTES(3, 33, 0, 0), PACKET_CONNECT, &p), REASON_PROTOCOL_ERROR);
	assert_int_equal(take(BYTES(9, 1, 1), PACKET_PUBLISH, &p), REASON_MALFORMED);
	assert_int_equal(take(BYTES(3, 17, 0, 0), PACKET_CONNECT, &p), REASON_MALFORMED);
}

static void forwarded_properties_keep_bytes_and_order(void **state)
{
	/* user a=b, alias 5, content type "x", expiry 9, user c=d */
	struct sb_bytes in = BYTES(26, 38, 0, 1, 'a', 0, 1, 'b', 35, 0, 5, 3, 0, 1, 'x', 2, 0, 0, 0,
	                           9, 38, 0, 1, 'c', 0, 1, 'd');
	struct properties p;
	uint8_t all[64];
	size_t n = 0;
	(void)state;
	assert_int_equal(take(in, PACKET_PUBLISH, &p), 0);
	for (unsigned i = 0; i < 3; i++) {
		if (p.forward[i].n)
			memcpy(all + n, p.forward[i].p, p.forward[i].n);
		n += p.forward[i].n;
	}
	struct sb_bytes want = BYTES(38, 0, 1, 'a', 0, 1, 'b', 3, 0, 1, 'x', 38, 0, 1, 'c', 0, 1,
	                             'd');
	assert_int_equal(n, want.n);
	assert_memory_equal(all, want.p, n);
	assert_int_equal(p.value[PROPERTY_TOPIC_ALIAS], 5);
	assert_int_equal(p.value[PROPERTY_MESSAGE_EXPIRY], 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_is_whole_or_waits),
		cmocka_unit_test(a_length_is_bounded_and_has_one_spelling),
		cmocka_unit_test(utf8_is_checked_strictly),
		cmocka_unit_test(a_cursor_remembers_that_it_ran_dry),
		cmocka_unit_test(a_writer_seals_what_fits),
		cmocka_unit_test(properties_stand_where_they_may),
		cmocka_unit_test(forwarded_properties_keep_bytes_and_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
