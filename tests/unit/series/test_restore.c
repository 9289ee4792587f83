#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "series/fake_world.h"

#define DAY (1440 * WORLD_MINUTE)

static int64_t newest_of(uint8_t series)
{
	int64_t newest = INT64_MIN;
	for (size_t i = 0; i < world.n; i++)
		if (world.points[i].series == series && world.points[i].p.ts_ns > newest)
			newest = world.points[i].p.ts_ns;
	return newest;
}

static int64_t latest_of(uint8_t series)
{
	struct series_latest l;
	series_db_latest(world.db, world.series[series], &l);
	return l.type == SB_T_NULL ? INT64_MIN : l.ts_ns;
}

static void restart(void)
{
	world_feed_wait();
	world_close();
	world.quiet = true;
	assert_int_equal(world_open(), 0);
	world.quiet = false;
	world_feed_wait();
}

/* Those of the last hour of blocks at once, older ones a little later. */
static void assert_newest(uint8_t series)
{
	for (int i = 0; i < 2000 && latest_of(series) != newest_of(series); i++)
		usleep(1000);
	assert_int_equal(latest_of(series), newest_of(series));
}

static void one(uint8_t series, int64_t ts)
{
	struct row_value v = { .type = SB_T_F64, .v.f = 1 };
	world_insert(&v, &series, 1, ts, WORLD_BASE, 0);
}

static void what_came_late_is_not_the_latest_after_a_restart(void **state)
{
	(void)state;
	for (int i = 0; i < 60; i++)
		world_insert_random(WORLD_BASE + i * WORLD_MINUTE);
	assert_int_equal(series_db_flush(world.db), 0);
	for (int i = 0; i < 30; i++)
		world_insert_random(WORLD_BASE - 600 * WORLD_MINUTE + i * WORLD_MINUTE);
	restart();
	for (uint8_t s = 0; s < WORLD_SERIES; s++)
		assert_int_equal(latest_of(s), newest_of(s));
}

static void nor_is_what_was_imported_behind_a_device_that_is_silent(void **state)
{
	(void)state;
	one(0, WORLD_BASE);
	one(4, WORLD_BASE - 20 * DAY);
	assert_int_equal(series_db_flush(world.db), 0);
	one(4, WORLD_BASE - 60 * DAY);
	restart();
	assert_newest(0);
	assert_newest(4);
}

static void what_is_newer_than_blocks_stays(void **state)
{
	(void)state;
	one(0, WORLD_BASE);
	one(4, WORLD_BASE);
	assert_int_equal(series_db_flush(world.db), 0);
	one(0, WORLD_BASE + WORLD_MINUTE);
	restart();
	assert_int_equal(latest_of(0), WORLD_BASE + WORLD_MINUTE);
	assert_int_equal(latest_of(4), WORLD_BASE);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_came_late_is_not_the_latest_after_a_restart),
		TEST(nor_is_what_was_imported_behind_a_device_that_is_silent),
		TEST(what_is_newer_than_blocks_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
