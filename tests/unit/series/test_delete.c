/* Ranges of series are deleted, at any moment of a value's way: in memory, while it is flushed, in
 * blocks, in compacted ones; and values written afterwards with the same times are there. */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "check.h"
#include "series/fake_world.h"
#include "series/series.h"

#define HOUR (60 * WORLD_MINUTE)

static struct series_point want[WORLD_POINTS];
static size_t n_want, n_got;
static uint64_t n_counted;

static int by_time(const void *a, const void *b)
{
	const struct series_point *x = a, *y = b;
	return x->ts_ns < y->ts_ns ? -1 : x->ts_ns > y->ts_ns;
}

static int on_point(void *ud, const struct series_point *p)
{
	(void)ud;
	assert_true(n_got < n_want);
	const struct series_point *w = &want[n_got++];
	assert_int_equal(p->ts_ns, w->ts_ns);
	assert_int_equal(p->rx_ns, w->rx_ns);
	assert_int_equal(p->type, w->type);
	if (p->type != SB_T_STR)
		assert_int_equal(p->v.u, w->v.u);
	return 0;
}

static int on_bucket(void *ud, const struct series_bucket *b)
{
	(void)ud;
	n_counted += b->count;
	assert_true(b->count > 0 || b->first.type == SB_T_F64);
	return 0;
}

/* Old ones come back a little later after a start. */
static void assert_latest(uint8_t s)
{
	struct series_latest latest;
	for (int i = 0; i < 500; i++) {
		series_db_latest(world.db, world.series[s], &latest);
		if (n_want ? latest.ts_ns == want[n_want - 1].ts_ns : latest.type == SB_T_NULL)
			break;
		usleep(10000);
	}
	assert_int_equal(latest.type == SB_T_NULL, n_want == 0);
	if (n_want == 0)
		return;
	assert_int_equal(latest.ts_ns, want[n_want - 1].ts_ns);
	assert_int_equal(latest.type, want[n_want - 1].type);
	if (latest.type != SB_T_STR)
		assert_int_equal(latest.v.u, want[n_want - 1].v.u);
}

static void assert_values(bool latest)
{
	world_feed_wait();
	for (uint8_t s = 0; s < WORLD_SERIES; s++) {
		struct series_query q = { .series = world.series[s],
			                  .from_ns = INT64_MIN,
			                  .to_ns = INT64_MAX,
			                  .point = on_point,
			                  .bucket = on_bucket };
		uint64_t nan = 0;
		n_want = n_got = 0;
		n_counted = 0;
		for (size_t i = 0; i < world.n; i++)
			if (world.points[i].series == s && world.points[i].live)
				want[n_want++] = world.points[i].p;
		qsort(want, n_want, sizeof(want[0]), by_time);
		for (size_t i = 0; i < n_want; i++)
			nan += want[i].type == SB_T_F64 && isnan(want[i].v.f);
		assert_int_equal(series_db_query(world.db, &q), 0);
		assert_int_equal(n_got, n_want);
		for (q.bucket_ns = HOUR; q.bucket_ns <= 100 * HOUR; q.bucket_ns *= 10) {
			n_counted = 0;
			assert_int_equal(series_db_query(world.db, &q), 0);
			assert_int_equal(n_counted, n_want - nan);
		}
		if (latest)
			assert_latest(s);
	}
}

static void assert_as_modelled(void)
{
	assert_values(true);
}

/* What is there of these series now. */
static void erase(uint8_t first, uint8_t n, int64_t from_ns, int64_t to_ns)
{
	for (size_t i = 0; i < world.n; i++) {
		struct world_point *wp = &world.points[i];
		if (wp->series >= first && wp->series < first + n && wp->p.ts_ns >= from_ns &&
		    wp->p.ts_ns < to_ns)
			wp->live = false;
	}
	assert_int_equal(series_db_delete(world.db, &world.series[first], n, from_ns, to_ns), 0);
}

static void insert(int n)
{
	for (int i = 0; i < n; i++)
		world_insert_random(WORLD_BASE + (int64_t)(world_rnd() % 3000) * WORLD_MINUTE);
}

static void erase_some(void)
{
	int64_t from = WORLD_BASE + (int64_t)(world_rnd() % 3000) * WORLD_MINUTE;
	uint8_t first = (uint8_t)(world_rnd() % WORLD_SERIES);
	erase(first, (uint8_t)(1 + world_rnd() % (WORLD_SERIES - first)), from,
	      from + (int64_t)(world_rnd() % 600) * WORLD_MINUTE);
}

static void flush(void)
{
	assert_int_equal(series_db_flush(world.db), 0);
}

static void restart(void)
{
	world_close();
	assert_int_equal(world_open(), 0);
}

static void deleted_values_are_gone_from_every_answer(void **state)
{
	(void)state;
	for (int round = 0; round < 40; round++) {
		insert(60);
		if (world_rnd() % 2)
			erase_some();
		if (world_rnd() % 3 == 0)
			flush();
		if (world_rnd() % 4 == 0)
			erase_some();
		if (round % 5 == 4)
			assert_values(false);
		if (world_rnd() % 6 == 0)
			restart();
	}
	restart();
	assert_values(false);
	flush();
	assert_values(false);
}

static void values_written_afterwards_with_the_same_times_are_there(void **state)
{
	(void)state;
	for (int way = 0; way < 4; way++) {
		for (int i = 0; i < 50; i++)
			world_insert_random(WORLD_BASE + i * WORLD_MINUTE);
		if (way & 1)
			flush();
		erase(0, WORLD_SERIES, INT64_MIN, INT64_MAX);
		assert_as_modelled();
		for (int i = 0; i < 30; i++)
			world_insert_random(WORLD_BASE + i * WORLD_MINUTE);
		assert_as_modelled();
		if (way & 2)
			flush();
		restart();
		assert_as_modelled();
	}
}

static void what_is_deleted_altogether_needs_no_block(void **state)
{
	(void)state;
	insert(30);
	erase(0, WORLD_SERIES, INT64_MIN, INT64_MAX);
	flush();
	assert_int_equal(fake_store.n_list, 0);
	insert(20);
	flush();
	assert_int_equal(fake_store.n_list, 1);
	assert_as_modelled();
	restart();
	assert_as_modelled();
}

static void the_newest_value_left_is_the_latest(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++)
		world_insert_random(WORLD_BASE + i * WORLD_MINUTE);
	flush();
	for (int i = 30; i < 60; i++)
		world_insert_random(WORLD_BASE + i * WORLD_MINUTE);
	for (int left = 50; left > 0; left -= 7) {
		erase(0, WORLD_SERIES, WORLD_BASE + left * WORLD_MINUTE, INT64_MAX);
		assert_as_modelled();
		restart();
		assert_as_modelled();
	}
}

/* Until nothing remembers what is deleted. */
static void compaction_makes_it_final(void **state)
{
	(void)state;
	for (int round = 0; round < 12; round++) {
		insert(60);
		erase_some();
		flush();
	}
	erase(1, 1, INT64_MIN, INT64_MAX);
	insert(10);
	assert_true(series_db_deleted(world.db) > 0);
	flush();
	series_db_compact_at(world.db, 2);
	for (int i = 0; i < 3000 && series_db_deleted(world.db); i++)
		usleep(10000);
	series_db_compact_at(world.db, 0);
	assert_int_equal(series_db_deleted(world.db), 0);
	assert_values(false);
	restart();
	assert_int_equal(series_db_deleted(world.db), 0);
	assert_values(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(deleted_values_are_gone_from_every_answer,
		                                world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			values_written_afterwards_with_the_same_times_are_there, world_setup,
			world_teardown),
		cmocka_unit_test_setup_teardown(what_is_deleted_altogether_needs_no_block,
		                                world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(the_newest_value_left_is_the_latest, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(compaction_makes_it_final, world_setup,
		                                world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
