#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/zone.h"
#include "check.h"
#include "series/grid.h"

#define HOUR (3600 * NS_PER_S)
#define DAY  (24 * HOUR)

static uint64_t seed = 88172645463325252ULL;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static struct grid grid_of(const char *width, const struct zone *zone)
{
	struct grid g = { .zone = zone };
	assert_int_equal(grid_parse(&g, sb_str_of(width, strlen(width))), 0);
	return g;
}

static struct zone *zone_of(const char *name)
{
	struct zone *z = NULL;
	assert_int_equal(zone_load(&z, sb_str_of(name, strlen(name))), 0);
	return z;
}

/* The lengths in hours of cells one after the other. */
static void check_hours(const char *zone, const char *width, int64_t from_s, const int *hours)
{
	struct zone *z = zone_of(zone);
	struct grid g = grid_of(width, z);
	int64_t at = from_s * NS_PER_S;
	for (; *hours; hours++) {
		struct grid_cell c = grid_cell(&g, at);
		assert_int_equal(c.begin_ns, at);
		assert_int_equal(c.last_ns + 1 - c.begin_ns, *hours * HOUR);
		at = c.last_ns + 1;
	}
	zone_free(z);
}

#define HOURS(...) ((const int[]){ __VA_ARGS__, 0 })

static void days_have_23_24_or_25_hours(void **state)
{
	(void)state;
	check_hours("Europe/Berlin", "1d", 1774652400, HOURS(24, 23, 24)); /* 2026-03-28 */
	check_hours("Europe/Berlin", "1d", 1792792800, HOURS(24, 25, 24)); /* 2026-10-24 */
	check_hours("UTC", "1d", 1774656000, HOURS(24, 24, 24));
	/* The clock is put back from one to midnight: that day's midnight comes twice. */
	check_hours("America/Havana", "1d", 1793419200, HOURS(24, 25, 24)); /* 2026-10-31 */
	/* Put forward at midnight: the day begins at one. */
	check_hours("America/Sao_Paulo", "1d", 1541214000, HOURS(24, 23, 24)); /* 2018-11-03 */
	check_hours("America/Sao_Paulo", "1d", 1550282400, HOURS(25, 24));     /* 2019-02-16 */
	/* There was no 30th of December 2011. */
	check_hours("Pacific/Apia", "1d", 1325152800 - 86400, HOURS(24, 24, 24));
}

static void a_minute_of_sunday_before_saturday_ends_does_not_split_days(void **state)
{
	(void)state;
	/* St. John's put its clocks back at 00:01, on 1990-10-28 */
	struct zone *z = zone_of("America/St_Johns");
	struct grid g = grid_of("1d", z);
	int64_t sunday = 657081000 * NS_PER_S; /* its first midnight */
	struct grid_cell c = grid_cell(&g, sunday - 1);
	assert_int_equal(c.last_ns, sunday - 1);
	c = grid_cell(&g, sunday + 30 * 60 * NS_PER_S); /* 23:30 once more */
	assert_int_equal(c.begin_ns, sunday);
	assert_int_equal(c.last_ns + 1 - c.begin_ns, 25 * HOUR);
	zone_free(z);
}

static void hours_come_twice_and_not_at_all(void **state)
{
	(void)state;
	check_hours("Europe/Berlin", "6h", 1774738800, HOURS(5, 6, 6, 6, 6)); /* 2026-03-29 */
	check_hours("Europe/Berlin", "6h", 1792879200, HOURS(7, 6, 6, 6, 6)); /* 2026-10-25 */
	check_hours("Europe/Berlin", "1h", 1792879200, HOURS(1, 1, 1, 1, 1, 1));
	check_hours("Europe/Berlin", "2h", 1774738800, HOURS(2, 1, 2, 2));
	check_hours("Europe/Berlin", "2h", 1792879200, HOURS(2, 1, 2, 2));
	check_hours("Asia/Kolkata", "1h", 1774722600, HOURS(1, 1)); /* local midnight */
	check_hours("UTC", "7h", 1774656000, HOURS(7, 7, 7, 3, 7)); /* from midnight on */
}

static void weeks_begin_on_monday_and_months_on_the_first(void **state)
{
	(void)state;
	check_hours("Europe/Berlin", "1w", 1774220400, HOURS(7 * 24 - 1, 7 * 24)); /* 2026-03-23 */
	check_hours("Europe/Berlin", "1M", 1772319600, HOURS(31 * 24 - 1, 30 * 24)); /* 2026-03 */
	check_hours("Europe/Berlin", "3M", 1767222000, HOURS(90 * 24 - 1, 91 * 24)); /* 2026 */
	check_hours("Europe/Berlin", "1y", 1704063600, HOURS(366 * 24, 365 * 24));   /* 2024 */
	struct grid g = grid_of("1M", NULL);
	struct grid_cell c = grid_cell(&g, -1);
	assert_int_equal(c.begin_ns, -31 * DAY);
	assert_int_equal(c.last_ns, -1);
}

static void cells_meet_without_gap_or_overlap(void **state)
{
	(void)state;
	static const char *const zones[] = { "Europe/Berlin",     "America/St_Johns",
		                             "America/Havana",    "America/Sao_Paulo",
		                             "Pacific/Apia",      "Australia/Lord_Howe",
		                             "Africa/Casablanca", "Asia/Kolkata",
		                             "Antarctica/Troll",  "UTC" };
	static const char *const widths[] = { "1h", "90m", "6h", "7h",    "1d", "3d",
		                              "1w", "1M",  "5M", "1y",    "1s", "36000s",
		                              "2w", "12h", "5m", "86401s" };
	for (size_t k = 0; k < sizeof(zones) / sizeof(zones[0]); k++) {
		struct zone *z = zone_of(zones[k]);
		for (int i = 0; i < 3000; i++) {
			struct grid g = grid_of(widths[rnd() % 16], rnd() % 8 ? z : NULL);
			int64_t ts = (int64_t)(rnd() % (330ULL * 365 * DAY / 2)) * 2 -
			             100 * 365 * DAY;
			struct grid_cell c = grid_cell(&g, ts);
			if (i % 2) { /* near a change of the clock */
				struct zone_span span;
				zone_at(z, ts / NS_PER_S, &span);
				if (span.begin_s < -3000000000LL)
					continue;
				ts = (span.begin_s - 90000 + (int64_t)(rnd() % 180000)) * NS_PER_S;
				c = grid_cell(&g, ts);
			}
			assert_true(c.begin_ns <= ts && ts <= c.last_ns);
			int64_t inside = c.begin_ns +
			                 (int64_t)(rnd() % (uint64_t)(c.last_ns - c.begin_ns + 1));
			struct grid_cell again = grid_cell(&g, inside);
			assert_int_equal(again.begin_ns, c.begin_ns);
			assert_int_equal(again.last_ns, c.last_ns);
			assert_int_equal(grid_cell(&g, c.last_ns + 1).begin_ns, c.last_ns + 1);
			assert_int_equal(grid_cell(&g, c.begin_ns - 1).last_ns, c.begin_ns - 1);
		}
		zone_free(z);
	}
}

static void the_ends_of_time_are_in_a_cell(void **state)
{
	(void)state;
	static const char *const widths[] = { "1ns", "7s", "1d", "1w", "1M", "1y", "100000y" };
	struct zone *z = zone_of("Europe/Berlin");
	for (size_t i = 0; i < 14; i++) {
		struct grid g = grid_of(widths[i / 2], i % 2 ? z : NULL);
		struct grid_cell low = grid_cell(&g, INT64_MIN);
		struct grid_cell high = grid_cell(&g, INT64_MAX);
		assert_true(low.last_ns >= low.begin_ns);
		assert_true(high.begin_ns <= high.last_ns && high.last_ns == INT64_MAX);
	}
	zone_free(z);
}

static void widths_are_written_as_people_do(void **state)
{
	(void)state;
	struct grid g = grid_of("15m", NULL);
	assert_int_equal(g.unit, GRID_NS);
	assert_int_equal(g.n, 900 * NS_PER_S);
	g = grid_of("2w", NULL);
	assert_int_equal(g.unit, GRID_WEEKS);
	g = grid_of("1y", NULL);
	assert_int_equal(g.unit, GRID_MONTHS);
	assert_int_equal(g.n, 12);
	static const char *const bad[] = { "",   "d",   "0d",  "0",    "1",
		                           "1x", "-1d", "1dd", "1.5d", "99999999999999999999y",
		                           "0s" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(grid_parse(&g, sb_str_of(bad[i], strlen(bad[i]))) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_have_23_24_or_25_hours),
		cmocka_unit_test(a_minute_of_sunday_before_saturday_ends_does_not_split_days),
		cmocka_unit_test(hours_come_twice_and_not_at_all),
		cmocka_unit_test(weeks_begin_on_monday_and_months_on_the_first),
		cmocka_unit_test(cells_meet_without_gap_or_overlap),
		cmocka_unit_test(the_ends_of_time_are_in_a_cell),
		cmocka_unit_test(widths_are_written_as_people_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
