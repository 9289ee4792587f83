#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "check.h"

static void what_was_given_is_taken_in_order(void **state)
{
	struct buffer b = { 0 };
	struct cursor c;
	struct sb_str s;

	(void)state;
	buffer_give_u8(&b, 0xAB);
	buffer_give_u16(&b, 0x1234);
	buffer_give_u32(&b, 0xDEADBEEF);
	buffer_give_u64(&b, 0x0123456789ABCDEF);
	buffer_give_varint(&b, 300);
	buffer_give_zz(&b, -1);
	buffer_give_str(&b, SB_STR("water"));
	buffer_give_str(&b, (struct sb_str){ 0 });
	assert_false(b.bad);
	assert_int_equal(b.p[1], 0x34); /* little endian */
	c = cursor_of(b.p, b.n);
	assert_int_equal(cursor_take_u8(&c), 0xAB);
	assert_int_equal(cursor_take_u16(&c), 0x1234);
	assert_int_equal(cursor_take_u32(&c), 0xDEADBEEF);
	assert_int_equal(cursor_take_u64(&c), 0x0123456789ABCDEF);
	assert_int_equal(cursor_take_varint(&c), 300);
	assert_int_equal(cursor_take_zz(&c), -1);
	s = cursor_take_str(&c);
	assert_int_equal(s.n, 5);
	assert_memory_equal(s.p, "water", 5);
	assert_int_equal(cursor_take_str(&c).n, 0);
	assert_false(c.bad);
	assert_int_equal(cursor_left(&c), 0);
	buffer_fini(&b);
}

static void every_varint_comes_back(void **state)
{
	struct buffer b = { 0 };

	(void)state;
	for (int bit = 0; bit < 64; bit++) {
		for (int64_t add = -1; add <= 1; add++) {
			uint64_t v = (1ULL << bit) + (uint64_t)add;
			struct cursor c;

			buffer_reset(&b);
			buffer_give_varint(&b, v);
			buffer_give_zz(&b, (int64_t)v);
			c = cursor_of(b.p, b.n);
			assert_true(cursor_take_varint(&c) == v);
			assert_true(cursor_take_zz(&c) == (int64_t)v);
			assert_false(c.bad);
		}
	}
	buffer_fini(&b);
}

static void a_varint_beyond_64_bits_is_bad(void **state)
{
	static const uint8_t most[] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 1 };
	static const uint8_t over[] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 2 };
	static const uint8_t endless[] = { 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128 };
	static const uint8_t cut[] = { 128 };
	struct cursor c = cursor_of(most, sizeof(most));

	(void)state;
	assert_true(cursor_take_varint(&c) == UINT64_MAX);
	assert_false(c.bad);
	c = cursor_of(over, sizeof(over));
	assert_int_equal(cursor_take_varint(&c), 0);
	assert_true(c.bad);
	c = cursor_of(endless, sizeof(endless));
	cursor_take_varint(&c);
	assert_true(c.bad);
	c = cursor_of(cut, sizeof(cut));
	cursor_take_varint(&c);
	assert_true(c.bad);
}

static void a_bad_cursor_gives_nothing_more(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3 };
	struct cursor c = cursor_of(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(cursor_take_u32(&c), 0);
	assert_true(c.bad);
	assert_int_equal(cursor_take_u8(&c), 0);
	assert_null(cursor_take(&c, 1));
	assert_int_equal(cursor_take_varint(&c), 0);
	assert_null(cursor_take_str(&c).p);
	assert_true(c.bad);
}

static void a_string_longer_than_the_bytes_is_bad(void **state)
{
	static const uint8_t bytes[] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 'x' };
	struct cursor c = cursor_of(bytes, sizeof(bytes));

	(void)state;
	assert_null(cursor_take_str(&c).p);
	assert_true(c.bad);
}

static void nothing_is_given_beyond_the_limit(void **state)
{
	struct buffer b = { .max = 100 };
	uint8_t block[60] = { 0 };

	(void)state;
	buffer_give(&b, block, sizeof(block));
	buffer_give(&b, block, sizeof(block));
	assert_true(b.bad);
	assert_int_equal(b.n, 60);
	buffer_give_u8(&b, 1);
	assert_int_equal(b.n, 60);
	buffer_reset(&b);
	buffer_give(&b, block, sizeof(block));
	buffer_give(&b, block, 40);
	assert_false(b.bad);
	assert_int_equal(b.n, 100);
	assert_null(buffer_room(&b, SIZE_MAX));
	buffer_fini(&b);
	assert_null(b.p);
	buffer_fini(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_given_is_taken_in_order),
		cmocka_unit_test(every_varint_comes_back),
		cmocka_unit_test(a_varint_beyond_64_bits_is_bad),
		cmocka_unit_test(a_bad_cursor_gives_nothing_more),
		cmocka_unit_test(a_string_longer_than_the_bytes_is_bad),
		cmocka_unit_test(nothing_is_given_beyond_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
