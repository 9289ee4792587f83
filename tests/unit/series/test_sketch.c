#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "series/sketch.h"

#define MANY 20000

static uint64_t seed = 88172645463325252ULL;
static double values[MANY];

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static double unit(void)
{
	return (double)(rnd() >> 11) / 9007199254740992.0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double place(size_t n, double q)
{
	double at = ceil(q * (double)n);
	return values[at < 1 ? 0 : at > (double)n ? n - 1 : (size_t)at - 1];
}

static void check_quantiles(struct sketch *s, size_t n, double error)
{
	static const double qs[] = { 0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 1 };
	qsort(values, n, sizeof(values[0]), by_value);
	for (size_t i = 0; i < sizeof(qs) / sizeof(qs[0]); i++) {
		double is = sketch_quantile(s, qs[i]), right = place(n, qs[i]);
		double off = fabs(is - right);
		if (is != right && !(off <= error * fabs(right) * (1 + 1e-9) || off <= 4.95e-324))
			fail_msg("p%g of %zu: %a (%g), not %a (%g)", 100 * qs[i], n, is, is, right,
			         right);
	}
}

static void fill(struct sketch *s, size_t n, double (*draw)(void))
{
	sketch_reset(s);
	for (size_t i = 0; i < n; i++) {
		values[i] = draw();
		assert_int_equal(sketch_add(s, values[i], 1), 0);
	}
}

static double around_twenty(void)
{
	return 20 + 3 * (unit() + unit() + unit() - 1.5);
}

static double around_nothing(void)
{
	return rnd() % 10 ? unit() - 0.5 : 0;
}

static double any_bits(void)
{
	uint64_t bits = rnd();
	double v;
	memcpy(&v, &bits, sizeof(v));
	return isnan(v) ? 0 : v;
}

static double denormal(void)
{
	uint64_t bits = rnd() % (1 + (1ULL << rnd() % 52)) | (rnd() & 1ULL << 63);
	double v;
	memcpy(&v, &bits, sizeof(v));
	return v;
}

static double endless(void)
{
	return rnd() % 3 ? around_twenty() : rnd() % 2 ? (double)INFINITY : (double)-INFINITY;
}

static double far_apart(void)
{
	return pow(10, 600 * unit() - 300) * (rnd() % 2 ? 1 : -1);
}

static void few_values_are_exact(void **state)
{
	(void)state;
	static double (*const draws[])(void) = { around_twenty, around_nothing, any_bits,
		                                 denormal,      endless,        far_apart };
	struct sketch s = { 0 };
	for (size_t i = 0; i < 60; i++) {
		size_t n = 1 + rnd() % SKETCH_EXACT;
		fill(&s, n, draws[i % 6]);
		check_quantiles(&s, n, 0);
	}
	sketch_fini(&s);
}

static void many_values_are_right_to_one_percent(void **state)
{
	(void)state;
	static double (*const draws[])(void) = { around_twenty, around_nothing, any_bits,
		                                 denormal,      endless,        far_apart };
	struct sketch s = { 0 };
	for (size_t i = 0; i < 24; i++) {
		size_t n = SKETCH_EXACT + 1 + rnd() % (MANY - SKETCH_EXACT);
		fill(&s, n, draws[i % 6]);
		check_quantiles(&s, n, SKETCH_ERROR);
	}
	sketch_fini(&s);
}

static void many_equal_values_are_one(void **state)
{
	(void)state;
	struct sketch s = { 0 };
	for (int i = 0; i < 5000; i++)
		assert_int_equal(sketch_add(&s, 21.5, 1000), 0);
	assert_int_equal(sketch_add(&s, 3, 1), 0);
	assert_true(sketch_quantile(&s, 0.5) == 21.5);
	assert_true(sketch_quantile(&s, 0) == 3);
	sketch_reset(&s);
	assert_true(isnan(sketch_quantile(&s, 0.5)));
	sketch_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_values_are_exact),
		cmocka_unit_test(many_values_are_right_to_one_percent),
		cmocka_unit_test(many_equal_values_are_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
