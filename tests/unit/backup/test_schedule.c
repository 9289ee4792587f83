#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "backup/schedule.h"
#include "base/clock.h"
#include "check.h"

#define DAY  (86400 * NS_PER_S)
#define HOUR (3600 * NS_PER_S)

/* 2026-03-29, when summer begins in Berlin: 00:00 UTC is 01:00, and 02:00 to 03:00 is left out. */
#define SPRING (1774742400LL * NS_PER_S)
#define AT     9000 /* 02:30 */

static void once_a_day_at_its_time(void **state)
{
	int64_t noon = SPRING - DAY + 12 * HOUR;

	(void)state;
	/* 02:30 in Berlin is 01:30 UTC in winter. */
	assert_int_equal(schedule_due(noon, AT, DAY), SPRING - DAY + 3 * HOUR / 2);
	assert_int_equal(schedule_next(noon, AT, DAY), SPRING + 3 * HOUR / 2);
	assert_int_equal(schedule_due(SPRING - DAY + HOUR, AT, DAY),
	                 SPRING - 2 * DAY + 3 * HOUR / 2);
}

static void often_means_often(void **state)
{
	int64_t now = SPRING - DAY + 12 * HOUR + 7;

	(void)state;
	assert_int_equal(schedule_due(now, AT, HOUR), SPRING - DAY + 23 * HOUR / 2);
	for (int64_t every = NS_PER_S; every < 3 * DAY; every = every * 3 + 1) {
		int64_t due = schedule_due(now, AT, every);
		assert_true(due <= now && now - due < every);
		assert_int_equal(schedule_next(now, AT, every), due + every);
	}
}

static void the_day_a_clock_changes_has_one_too(void **state)
{
	int64_t due = schedule_due(SPRING + 12 * HOUR, AT, DAY);

	(void)state;
	assert_true(due > SPRING && due < SPRING + 3 * HOUR);
}

static void times_of_day_are_read_strictly(void **state)
{
	static const char *const bad[] = { "",      "2:30",  "02:3",  "02:300", "24:00",
		                           "12:60", "ab:cd", "02-30", "-1:30" };
	int32_t s = 0;

	(void)state;
	assert_int_equal(schedule_take("02:30", &s), 0);
	assert_int_equal(s, AT);
	assert_int_equal(schedule_take("23:59", &s), 0);
	assert_int_equal(s, 86340);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(schedule_take(bad[i], &s), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(once_a_day_at_its_time),
		cmocka_unit_test(often_means_often),
		cmocka_unit_test(the_day_a_clock_changes_has_one_too),
		cmocka_unit_test(times_of_day_are_read_strictly),
	};

	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
