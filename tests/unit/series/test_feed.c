#include "check.h"
#include "series/fake_world.h"
#include "series/feed.h"

struct heard {
	_Atomic uint64_t rows, turns, last_seq, disorder;
	_Atomic bool slow;
};

static void on_row(void *ud, const struct row *row, uint64_t seq)
{
	struct heard *h = ud;
	(void)row;
	if (seq <= h->last_seq)
		h->disorder++;
	h->last_seq = seq;
	h->rows++;
	while (h->slow)
		usleep(100);
}

static void on_turn(void *ud)
{
	((struct heard *)ud)->turns++;
}

static void a_listener_that_falls_behind_still_hears_every_row(void **state)
{
	(void)state;
	struct heard h = { .slow = true };
	struct series_listener l = { .row = on_row, .turn = on_turn, .ud = &h };
	struct row_value v = { .type = SB_T_I64 };
	uint8_t s = 0;
	series_db_stop(world.db);
	series_db_listen(world.db, &l);
	assert_int_equal(series_db_start(world.db), 0);
	for (int i = 0; i < 2000; i++) {
		v.v.i = i;
		world_insert(&v, &s, 1, WORLD_BASE + i * WORLD_MINUTE, WORLD_BASE, 0);
		if (i == 1000)
			h.slow = false;
	}
	world_feed_wait();
	assert_int_equal(h.rows, 2000);
	assert_int_equal(h.disorder, 0);
	assert_true(h.turns > 0);
	assert_true(fake_journal.cursors > 0);
	struct series_latest latest;
	series_db_latest(world.db, world.series[0], &latest);
	assert_int_equal(latest.v.i, 1999);
	struct series_stats st;
	series_db_stats(world.db, &st);
	assert_int_equal(st.feed_dropped, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_listener_that_falls_behind_still_hears_every_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
