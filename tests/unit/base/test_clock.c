#include "base/clock.h"
#include "check.h"

static void the_clocks_run(void **state)
{
	int64_t mono = clock_mono();

	(void)state;
	assert_true(clock_mono() >= mono);
	assert_true(clock_utc() > 1700000000 * NS_PER_S);
}

static void a_test_can_make_them_stand(void **state)
{
	(void)state;
	clock_set(5 * NS_PER_S, 7);
	assert_int_equal(clock_utc(), 5 * NS_PER_S);
	assert_int_equal(clock_mono(), 7);
	clock_set(0, 0);
	assert_true(clock_utc() > 1700000000 * NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clocks_run),
		cmocka_unit_test(a_test_can_make_them_stand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
