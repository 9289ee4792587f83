#include <time.h>

#include "check.h"
#include "series/month.h"

static int64_t begin_by_libc(int32_t month)
{
	struct tm tm = { .tm_year = 70 + month / 12, .tm_mon = month % 12, .tm_mday = 1 };
	return (int64_t)timegm(&tm) * 1000000000;
}

static void months_begin_where_the_calendar_says(void **state)
{
	(void)state;
	for (int32_t m = -12 * 250; m < 12 * 250; m++) {
		int64_t begin = begin_by_libc(m);
		assert_int_equal(month_begin(m), begin);
		assert_int_equal(month_of(begin), m);
		assert_int_equal(month_of(begin - 1), m - 1);
		assert_int_equal(month_last(m - 1), begin - 1);
	}
}

static void the_ends_of_time_have_a_month_too(void **state)
{
	(void)state;
	assert_int_equal(month_begin(month_of(INT64_MIN)), INT64_MIN);
	assert_int_equal(month_last(month_of(INT64_MAX)), INT64_MAX);
	assert_true(month_last(month_of(INT64_MIN)) > INT64_MIN);
	assert_true(month_begin(month_of(INT64_MAX)) < INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(months_begin_where_the_calendar_says),
		cmocka_unit_test(the_ends_of_time_have_a_month_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
