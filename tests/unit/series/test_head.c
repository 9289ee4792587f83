#include "check.h"
#include "series/fake_world.h"
#include "series/head.h"

#define LIVE_ROWS 4000

static _Atomic bool live_over;

static void *live_writer(void *ud)
{
	const struct series_place *place = ud;
	for (int64_t i = 0; i < LIVE_ROWS; i++) {
		struct buffer payload = { 0 };
		struct row row = { .stream = place->stream, .ts_ns = WORLD_BASE + i, .n = 1 };
		row.rx_ns = row.ts_ns;
		row.values[0] =
			(struct row_value){ .column = place->column, .type = SB_T_I64, .v.i = i };
		buffer_give_u8(&payload, RECORD_POINTS);
		buffer_give_u64(&payload, WORLD_BASE);
		row_give(&payload, WORLD_BASE, &row);
		world_commit(&payload);
		if (i % 32 == 0)
			usleep(100);
	}
	live_over = true;
	return NULL;
}

static void *live_flusher(void *ud)
{
	(void)ud;
	while (!live_over)
		(void)series_db_flush(world.db);
	return NULL;
}

struct live_seen {
	int64_t n;
	bool wrong;
};

static int live_point(void *ud, const struct series_point *p)
{
	struct live_seen *seen = ud;
	seen->wrong |= p->ts_ns != WORLD_BASE + seen->n || p->v.i != seen->n;
	seen->n++;
	return 0;
}

static void queries_see_each_row_once_while_rows_come_and_blocks_are_written(void **state)
{
	(void)state;
	pthread_t writer, flusher;
	uint8_t type = SB_T_I64;
	int64_t before = 0, rounds = 0;
	assert_int_equal(catalog_place(world.catalog, &world.series[0], &type, 1), 0);
	live_over = false;
	struct series_query q = { .series = world.series[0],
		                  .from_ns = INT64_MIN,
		                  .to_ns = INT64_MAX,
		                  .point = live_point };
	assert_int_equal(pthread_create(&writer, NULL, live_writer,
	                                &world.series[0]->places[SB_T_I64]),
	                 0);
	assert_int_equal(pthread_create(&flusher, NULL, live_flusher, NULL), 0);
	while (!live_over || rounds < 3) {
		struct live_seen seen = { 0 };
		struct series_latest latest;
		q.ud = &seen;
		assert_int_equal(series_db_query(world.db, &q), 0);
		series_db_latest(world.db, world.series[0], &latest);
		assert_false(seen.wrong);
		assert_true(seen.n >= before);
		before = seen.n;
		rounds++;
	}
	pthread_join(writer, NULL);
	pthread_join(flusher, NULL);
	struct live_seen seen = { 0 };
	q.ud = &seen;
	assert_int_equal(series_db_query(world.db, &q), 0);
	assert_int_equal(seen.n, LIVE_ROWS);
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(queries_see_each_row_once_while_rows_come_and_blocks_are_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
