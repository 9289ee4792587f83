#include <string.h>

#include "base/crc32c.h"
#include "base/crc32c_engine.h"
#include "check.h"

/* Bit by bit, as the polynomial is defined. */
static uint32_t by_bits(uint32_t seed, const uint8_t *p, size_t n)
{
	uint32_t state = ~seed;

	for (size_t i = 0; i < n; i++) {
		state ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			state = (state >> 1) ^ (state & 1 ? 0x82F63B78u : 0);
	}
	return ~state;
}

static void the_known_sums_come_out(void **state)
{
	uint8_t bytes[32] = { 0 };

	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283); /* RFC 3720, B.4 */
	assert_int_equal(crc32c(0, bytes, 32), 0x8A9136AA);
	memset(bytes, 0xFF, 32);
	assert_int_equal(crc32c(0, bytes, 32), 0x62A8AB43);
	assert_int_equal(crc32c(0, NULL, 0), 0);
}

static void a_sum_continues_where_another_ended(void **state)
{
	uint8_t bytes[300];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		uint32_t parts = crc32c(crc32c(0, bytes, cut), bytes + cut, sizeof(bytes) - cut);

		assert_int_equal(parts, by_bits(0, bytes, sizeof(bytes)));
	}
}

static void the_engine_agrees_with_the_definition(void **state)
{
	uint8_t bytes[64];

	(void)state;
	if (!crc32c_engine.usable())
		skip();
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 91 + 5);
	for (size_t at = 0; at < 8; at++)
		for (size_t n = 0; n + at <= sizeof(bytes); n++)
			assert_int_equal(~crc32c_engine.run(~77u, bytes + at, n),
			                 by_bits(77, bytes + at, n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_known_sums_come_out),
		cmocka_unit_test(a_sum_continues_where_another_ended),
		cmocka_unit_test(the_engine_agrees_with_the_definition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
