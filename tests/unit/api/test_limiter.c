#include "api/limiter.h"
#include "base/clock.h"
#include "check.h"

static struct limiter limiter;

static void tries_are_counted_per_name(void **state)
{
	(void)state;
	limiter_init(&limiter, 3, 0.5);
	for (int i = 0; i < 3; i++)
		assert_int_equal(limiter_try(&limiter, SB_STR("ada"), NS_PER_S), 0);
	assert_int_equal(limiter_try(&limiter, SB_STR("ada"), NS_PER_S), 3);
	assert_int_equal(limiter_try(&limiter, SB_STR("bob"), NS_PER_S), 0);
}

static void waiting_helps(void **state)
{
	(void)state;
	limiter_init(&limiter, 1, 0.5);
	assert_int_equal(limiter_try(&limiter, SB_STR("ada"), NS_PER_S), 0);
	assert_true(limiter_try(&limiter, SB_STR("ada"), 2 * NS_PER_S) > 0);
	assert_int_equal(limiter_try(&limiter, SB_STR("ada"), 4 * NS_PER_S), 0);
}

static void good_tries_cost_nothing(void **state)
{
	(void)state;
	limiter_init(&limiter, 1, 0.5);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(limiter_try(&limiter, SB_STR("ada"), NS_PER_S), 0);
		limiter_give_back(&limiter, SB_STR("ada"));
	}
}

static void a_clock_that_stands_gives_nothing(void **state)
{
	(void)state;
	limiter_init(&limiter, 2, 1000);
	assert_int_equal(limiter_try(&limiter, SB_STR("ada"), NS_PER_S), 0);
	assert_int_equal(limiter_try(&limiter, SB_STR("ada"), NS_PER_S), 0);
	assert_true(limiter_try(&limiter, SB_STR("ada"), 0) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tries_are_counted_per_name),
		cmocka_unit_test(waiting_helps),
		cmocka_unit_test(good_tries_cost_nothing),
		cmocka_unit_test(a_clock_that_stands_gives_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
