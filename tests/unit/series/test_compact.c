#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "check.h"
#include "series/chunk.h"
#include "series/fake_world.h"
#include "series/plan.h"
#include "series/series.h"

#define DAY (1440 * WORLD_MINUTE)

/* ---- every value, its time of arrival, flags and quality: as the model has them */

static struct series_point want[WORLD_POINTS];
static size_t n_want, n_got;

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
	assert_int_equal(p->quality, w->quality);
	assert_int_equal(p->flags, w->flags);
	if (p->type != SB_T_STR) {
		assert_int_equal(p->v.u, w->v.u);
		return 0;
	}
	assert_int_equal(p->v.blob.n, w->v.blob.n);
	assert_memory_equal(p->v.blob.p, w->v.blob.p, p->v.blob.n);
	return 0;
}

static void assert_all_there(void)
{
	for (uint8_t s = 0; s < WORLD_SERIES; s++) {
		struct series_query q = { .series = world.series[s],
			                  .from_ns = INT64_MIN,
			                  .to_ns = INT64_MAX,
			                  .point = on_point };
		n_want = n_got = 0;
		for (size_t i = 0; i < world.n; i++)
			if (world.points[i].series == s && world.points[i].live)
				want[n_want++] = world.points[i].p;
		qsort(want, n_want, sizeof(want[0]), by_time);
		assert_int_equal(series_db_query(world.db, &q), 0);
		assert_int_equal(n_got, n_want);
	}
}

static void flush(void)
{
	assert_int_equal(series_db_flush(world.db), 0);
}

/* Until so many blocks are left, or too long. */
static void compact_to(size_t blocks)
{
	series_db_compact_at(world.db, 2);
	for (int i = 0; i < 2000 && fake_store.n_list > blocks; i++)
		usleep(10000);
	series_db_compact_at(world.db, 0);
	assert_int_equal(fake_store.n_list, blocks);
}

static void all_of_a_past_month_becomes_one_block_and_no_value_changes(void **state)
{
	struct series_compaction c;
	uint64_t chunks = 0;
	(void)state;
	for (int f = 0; f < 30; f++) {
		for (int i = 0; i < 200; i++) { /* late ones and corrections among them */
			int64_t minute = f * 150 + i - (int64_t)(world_rnd() % 5 ? 0 : 400);
			world_insert_random(WORLD_BASE + MAX(minute, 0) * WORLD_MINUTE);
		}
		flush();
	}
	assert_int_equal(fake_store.n_list, 30);
	compact_to(1);
	assert_all_there();
	series_db_compaction(world.db, &c);
	assert_int_equal(c.failures, 0);
	assert_int_equal(c.blocks_in, 30 + c.runs - 1);
	assert_true(c.rows_out < c.rows_in); /* what was corrected is gone */
	for (size_t i = 0; i < fake_store.n; i++)
		chunks += !fake_store.at[i].gone;
	assert_true(chunks < 4 * (30 * 200 / CHUNK_ROWS + 2)); /* full ones */
	world_close();
	assert_int_equal(world_open(), 0);
	assert_all_there();
}

static void months_stay_apart_and_what_comes_late_is_taken_in(void **state)
{
	(void)state;
	for (int f = 0; f < 6; f++) {
		for (int i = 0; i < 50; i++) {
			world_insert_random(WORLD_BASE + i * WORLD_MINUTE);
			world_insert_random(WORLD_BASE + 40 * DAY + i * WORLD_MINUTE);
		}
		flush();
	}
	assert_int_equal(fake_store.n_list, 12);
	compact_to(2);
	assert_all_there();
	for (int f = 0; f < 3; f++) {
		for (int i = 0; i < 50; i++)
			world_insert_random(WORLD_BASE + i * WORLD_MINUTE);
		flush();
	}
	compact_to(2);
	assert_all_there();
}

static void a_stream_larger_than_memory_allows_goes_in_parts(void **state)
{
	char text[24];
	struct row_value v = { .type = SB_T_STR };
	uint8_t series = 3;
	(void)state;
	v.v.blob = (struct sb_bytes){ (const uint8_t *)text, sizeof(text) };
	for (int f = 0; f < 3; f++) {
		for (int i = 0; i < 4000; i++) { /* 288 KiB that nothing compresses */
			for (size_t k = 0; k < sizeof(text); k++)
				text[k] = (char)world_rnd();
			world_insert(&v, &series, 1, WORLD_BASE + (f + 3 * i) * 1000000LL,
			             WORLD_BASE, 0);
		}
		flush();
	}
	compact_to(1);
	assert_all_there();
}

static void a_damaged_chunk_bars_its_block_and_nothing_is_lost(void **state)
{
	struct series_compaction c;
	(void)state;
	for (int f = 0; f < 5; f++) {
		for (int i = 0; i < 40; i++)
			world_insert_random(WORLD_BASE + (f * 40 + i) * WORLD_MINUTE);
		flush();
	}
	uint8_t *bad = NULL;
	for (size_t i = 0; i < fake_store.n && !bad; i++)
		if (fake_store.at[i].block == fake_store.list[2].number)
			bad = (uint8_t *)(uintptr_t)fake_store.at[i].c.data.p;
	assert_non_null(bad);
	if (!bad)
		return;
	bad[8] ^= 4;
	compact_to(3); /* two before it, it, two behind it */
	series_db_compaction(world.db, &c);
	assert_int_equal(c.failures, 1);
	bad[8] ^= 4;
	assert_all_there();
}

static void damage_nobody_asked_for_is_found_and_told(void **state)
{
	struct series_compaction c;
	struct series_gap gaps[4];
	struct series_damage d = { 0 };
	(void)state;
	for (int f = 0; f < 3; f++) {
		for (int i = 0; i < 40; i++)
			world_insert_random(WORLD_BASE + (f * 40 + i) * WORLD_MINUTE);
		flush();
	}
	uint8_t *bad = (uint8_t *)(uintptr_t)fake_store.at[fake_store.n / 2].c.data.p;
	const struct sb_chunk chunk = fake_store.at[fake_store.n / 2].c;
	bad[9] ^= 1;
	world_close();
	world.scrub_every_ns = INT64_MAX / 4;
	assert_int_equal(world_open(), 0);
	for (int i = 0; i < 1000 && !d.chunks; i++) {
		usleep(10000);
		series_db_damage(world.db, INT64_MIN, INT64_MAX, gaps, 4, &d);
	}
	assert_int_equal(d.chunks, 1);
	assert_int_equal(d.n_gaps, 1);
	assert_int_equal(gaps[0].t_min_ns, chunk.t_min_ns);
	assert_int_equal(gaps[0].t_max_ns, chunk.t_max_ns);
	assert_true(gaps[0].device_no > 0);
	series_db_damage(world.db, chunk.t_max_ns + 1, INT64_MAX, gaps, 4, &d);
	assert_int_equal(d.n_gaps, 0);
	do {
		usleep(10000);
		series_db_compaction(world.db, &c);
	} while (!c.scrub_rounds);
	assert_int_equal(c.scrub_blocks, 3);
	/* The next round is not before its time, also after a restart. */
	world_close();
	assert_int_equal(world_open(), 0);
	usleep(600000);
	series_db_compaction(world.db, &c);
	assert_int_equal(c.scrub_blocks, 0);
}

/* ---- what is chosen */

static struct plan_block some[16];

static struct plan plan_of(size_t n)
{
	return (struct plan){ .at = some, .n = n };
}

static void block_is(size_t i, uint32_t level, uint64_t seq_min, uint64_t seq_max, int64_t day,
                     uint64_t bytes)
{
	some[i] = (struct plan_block){ .info = { .level = level,
		                                 .class_ = SB_STR("raw"),
		                                 .seq_min = seq_min,
		                                 .seq_max = seq_max,
		                                 .t_min_ns = WORLD_BASE + day * DAY,
		                                 .t_max_ns = WORLD_BASE + day * DAY + DAY / 2,
		                                 .bytes = bytes,
		                                 .stream_max = 1 },
		                       .month = 671 };
}

static struct plan_rules rules_on(int64_t day)
{
	return (struct plan_rules){ .now_ns = WORLD_BASE + day * DAY + DAY * 3 / 4,
		                    .few = 4,
		                    .inputs = 8,
		                    .bytes = UINT64_MAX,
		                    .span_ns = INT64_MAX };
}

static void the_present_day_waits_until_there_are_many(void **state)
{
	struct plan_rules today = rules_on(3);
	struct plan_rules tomorrow = rules_on(4);
	struct plan plan = plan_of(3);
	struct plan_run run;
	(void)state;
	for (size_t i = 0; i < 4; i++)
		block_is(i, 0, 10 * i + 1, 10 * i + 10, 3, 100);
	assert_false(plan_choose(&plan, &today, &run));
	assert_true(plan_choose(&plan, &tomorrow, &run));
	assert_int_equal(run.n, 3);
	assert_int_equal(run.level, 1);
	plan = plan_of(4);
	assert_true(plan_choose(&plan, &today, &run));
	assert_int_equal(run.n, 4);
	assert_int_equal(run.seq_min, 1);
	assert_int_equal(run.seq_max, 40);
}

static void nothing_goes_across_what_is_barred_or_beyond_the_bounds(void **state)
{
	struct plan_rules rules = rules_on(9);
	struct plan plan = plan_of(5);
	struct plan_run run;
	(void)state;
	for (size_t i = 0; i < 5; i++)
		block_is(i, 0, 10 * i + 1, 10 * i + 10, (int64_t)i, 100);
	some[2].barred = true;
	assert_true(plan_choose(&plan, &rules, &run));
	assert_int_equal(run.n, 2);
	some[2].barred = false;
	rules.bytes = 350;
	assert_true(plan_choose(&plan, &rules, &run));
	assert_int_equal(run.n, 3);
	rules.bytes = 150;
	assert_false(plan_choose(&plan, &rules, &run));
	rules.bytes = 1000;
	rules.span_ns = 2 * DAY;
	assert_true(plan_choose(&plan, &rules, &run));
	assert_int_equal(run.n, 2);
}

static void a_month_is_not_written_again_for_a_little(void **state)
{
	struct plan_rules rules = rules_on(60);
	struct plan plan = plan_of(3);
	struct plan_run run;
	(void)state;
	block_is(0, 2, 1, 100, 0, 100000);
	block_is(1, 0, 101, 110, 3, 10);
	plan = plan_of(2);
	assert_false(plan_choose(&plan, &rules, &run));
	block_is(2, 0, 111, 120, 3, 10);
	plan = plan_of(3);
	assert_true(plan_choose(&plan, &rules, &run));
	assert_ptr_equal(run.first, &some[1]);
	assert_int_equal(run.n, 2);
	block_is(1, 1, 101, 120, 3, 50000);
	plan = plan_of(2);
	assert_true(plan_choose(&plan, &rules, &run));
	assert_int_equal(run.n, 2);
	assert_int_equal(run.level, 3);
}

static void blocks_of_one_number_are_taken_together_or_not_at_all(void **state)
{
	struct plan_rules rules = rules_on(60);
	struct plan plan = plan_of(3);
	struct plan_run run;
	(void)state;
	block_is(0, 0, 1, 10, 0, 100);
	block_is(1, 0, 1, 10, 0, 100);
	block_is(2, 0, 5, 12, 0, 100);
	rules.inputs = 2;
	assert_true(plan_choose(&plan, &rules, &run));
	assert_ptr_equal(run.first, &some[0]);
	assert_int_equal(run.n, 2);
	assert_true(plan_alone(&plan, 1, &run));
	assert_int_equal(run.n, 2);
	assert_ptr_equal(run.first, &some[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			all_of_a_past_month_becomes_one_block_and_no_value_changes, world_setup,
			world_teardown),
		cmocka_unit_test_setup_teardown(months_stay_apart_and_what_comes_late_is_taken_in,
		                                world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_stream_larger_than_memory_allows_goes_in_parts,
		                                world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_damaged_chunk_bars_its_block_and_nothing_is_lost,
		                                world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(damage_nobody_asked_for_is_found_and_told,
		                                world_setup, world_teardown),
		cmocka_unit_test(the_present_day_waits_until_there_are_many),
		cmocka_unit_test(nothing_goes_across_what_is_barred_or_beyond_the_bounds),
		cmocka_unit_test(a_month_is_not_written_again_for_a_little),
		cmocka_unit_test(blocks_of_one_number_are_taken_together_or_not_at_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
