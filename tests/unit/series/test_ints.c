#include <string.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "check.h"
#include "series/ints.h"

static uint64_t seed = 88172645463325252ULL;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static int64_t random_number(int kind, uint32_t i, uint64_t a, uint32_t shift)
{
	switch (kind) {
	case 0:
		return (int64_t)rnd();
	case 1:
		return (int64_t)a;
	case 2:
		return (int64_t)(rnd() >> shift);
	case 3:
		return (int64_t)(a + i * 1000 + rnd() % 50);
	case 4:
		return i / 9;
	case 5:
		return (int64_t)((rnd() >> shift) - (rnd() >> shift) + (i == 3 ? rnd() : 0));
	default:
		return rnd() % 3 ? INT64_MAX : INT64_MIN;
	}
}

static void any_run_comes_back_and_takes_no_byte_too_many(void **state)
{
	(void)state;
	struct buffer b = { 0 };
	for (int round = 0; round < 20000; round++) {
		int64_t v[INTS_MAX], out[INTS_MAX];
		uint32_t n = 1 + (uint32_t)(rnd() % (round % 10 ? 40 : INTS_MAX));
		int kind = (int)(rnd() % 7);
		uint64_t a = rnd();
		uint32_t shift = (uint32_t)(rnd() % 64);
		for (uint32_t i = 0; i < n; i++)
			v[i] = random_number(kind, i, a, shift);
		buffer_reset(&b);
		ints_give(&b, v, n);
		struct cursor c = cursor_of(b.p, b.n);
		assert_int_equal(ints_take(&c, out, n), 0);
		assert_memory_equal(v, out, n * sizeof(v[0]));
		assert_int_equal(cursor_left(&c), 0);
		c = cursor_of(b.p, b.n - 1);
		assert_int_equal(ints_take(&c, out, n), SB_E_CORRUPT);
	}
	buffer_fini(&b);
}

static size_t cost(const int64_t *v, uint32_t n)
{
	struct buffer b = { 0 };
	ints_give(&b, v, n);
	size_t bytes = b.n;
	buffer_fini(&b);
	return bytes;
}

static void regular_runs_cost_almost_nothing(void **state)
{
	(void)state;
	int64_t v[480];
	for (int i = 0; i < 480; i++)
		v[i] = 1764547200000 + i * 60000LL;
	assert_in_range(cost(v, 480), 1, 12);
	for (int i = 0; i < 480; i++)
		v[i] = i > 200;
	assert_in_range(cost(v, 480), 1, 8);
	for (int i = 0; i < 480; i++) /* one gap must not spoil the rest */
		v[i] = i * 60000 + (int64_t)(rnd() % 16) + (i > 300 ? 86400000 : 0);
	assert_in_range(cost(v, 480), 1, 480 * 6 / 8 + 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_run_comes_back_and_takes_no_byte_too_many),
		cmocka_unit_test(regular_runs_cost_almost_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
