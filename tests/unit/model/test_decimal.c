#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "model/decimal.h"

static uint64_t bits_of(double v)
{
	uint64_t bits = 0;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

/* The same sequence on every run. */
static uint64_t next_random(uint64_t *state)
{
	*state += 0x9E3779B97F4A7C15u;
	uint64_t z = *state;
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

static void expect_split(double v, int64_t mantissa, int exponent)
{
	for (int hint = -1; hint <= 10; hint++) {
		int64_t m = 0;
		int e = 0;

		assert_true(decimal_split(v, hint, &m, &e));
		assert_int_equal(m, mantissa);
		assert_int_equal(e, exponent);
	}
}

static void a_number_gets_its_smallest_exponent(void **state)
{
	(void)state;
	expect_split(21.5, 215, 1);
	expect_split(0, 0, 0);
	expect_split(-40, -40, 0);
	expect_split(1000000, 1000000, 0);
	expect_split(0.000000001, 1, 9);
	expect_split(-0.1, -1, 1);
	expect_split(1234567.891, 1234567891, 3);
	expect_split(9007199254740991.0, 9007199254740991, 0);
}

static void what_is_no_decimal_is_refused(void **state)
{
	static const double values[] = { (double)NAN,
		                         (double)INFINITY,
		                         -(double)INFINITY,
		                         -0.0,
		                         1.0 / 3,
		                         1e300,
		                         5e-324,
		                         1e-10,
		                         0x1p60 };
	int64_t m = 0;
	int e = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		for (int hint = 0; hint <= 9; hint++)
			assert_false(decimal_split(values[i], hint, &m, &e));
}

static void every_short_decimal_is_found_at_any_hint(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		char text[40];
		int exponent = (int)(next_random(&seed) % 10);
		int64_t mantissa = (int64_t)(next_random(&seed) >> (13 + next_random(&seed) % 50));
		int64_t m = 0;
		int e = 0;

		snprintf(text, sizeof(text), "%llde-%d", (long long)mantissa, exponent);
		while (exponent > 0 && mantissa % 10 == 0) {
			mantissa /= 10;
			exponent--;
		}
		assert_true(decimal_split(strtod(text, NULL), (int)(next_random(&seed) % 12) - 1,
		                          &m, &e));
		assert_int_equal(m, mantissa);
		assert_int_equal(e, exponent);
	}
}

static void what_is_split_joins_to_the_same_bits(void **state)
{
	uint64_t seed = 42;
	int found = 0;

	(void)state;
	for (int i = 0; i < 500000; i++) {
		uint64_t bits = next_random(&seed);
		double v = 0;
		int64_t m = 0;
		int e = 0;

		if (i & 1) /* around 1: some are decimals by chance */
			bits = (bits & 0x800FFFFFFF000000u) | 0x3FF0000000000000u;
		memcpy(&v, &bits, sizeof(v));
		if (!decimal_split(v, i % 10, &m, &e))
			continue;
		found++;
		assert_int_equal(bits_of(decimal_join(m, e)), bits);
		assert_true(m < (1LL << 53) && m > -(1LL << 53));
	}
	assert_true(found > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_gets_its_smallest_exponent),
		cmocka_unit_test(what_is_no_decimal_is_refused),
		cmocka_unit_test(every_short_decimal_is_found_at_any_hint),
		cmocka_unit_test(what_is_split_joins_to_the_same_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
