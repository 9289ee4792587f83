#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "check.h"
#include "series/fake_world.h"
#include "series/series.h"

#define HOUR (60 * WORLD_MINUTE)
#define DAY  (24 * HOUR)
#define S    1000000000LL

enum { FLOATS = 0, MIXED = 1, SWITCH = 2, TEXT = 3, OTHER = 4, NANS = 5 };

static struct series_bucket got[WORLD_POINTS], expected[WORLD_POINTS];
static size_t n_got, n_expected;

/* ---- the model: brute force from all that was ever put in */

static int by_time(const void *a, const void *b)
{
	const struct series_point *const *x = a, *const *y = b;
	return (*x)->ts_ns < (*y)->ts_ns ? -1 : (*x)->ts_ns > (*y)->ts_ns;
}

static void model(uint8_t series, int64_t from, int64_t to, int64_t width)
{
	static const struct series_point *p[WORLD_POINTS];
	size_t n = 0;
	n_expected = 0;
	for (size_t i = 0; i < world.n; i++) {
		const struct world_point *wp = &world.points[i];
		if (wp->series == series && wp->live && wp->p.ts_ns >= from && wp->p.ts_ns < to &&
		    !(wp->p.type == SB_T_F64 && isnan(wp->p.v.f)))
			p[n++] = &wp->p;
	}
	qsort((void *)p, n, sizeof(p[0]), by_time);
	for (size_t i = 0; i < n; i++) {
		int64_t t = p[i]->ts_ns - ((p[i]->ts_ns % width) + width) % width;
		struct series_bucket *b = &expected[n_expected ? n_expected - 1 : 0];
		double v = p[i]->type == SB_T_F64 ? p[i]->v.f : (double)p[i]->v.i;
		if (!n_expected || b->t_ns != t) {
			b = &expected[n_expected++];
			*b = (struct series_bucket){
				.t_ns = t, .min = v, .max = v, .first = *p[i]
			};
		}
		b->count++;
		b->min = fmin(b->min, v);
		b->max = fmax(b->max, v);
		b->sum += v;
		b->last = *p[i];
	}
}

static int on_bucket(void *ud, const struct series_bucket *b)
{
	(void)ud;
	if (b->count) /* but NaN */
		got[n_got++] = *b;
	return 0;
}

static void check_edge(const struct series_point *a, const struct series_point *b, uint8_t series)
{
	if (series == NANS) /* NaN may be the first or last of a bucket of raw values */
		return;
	assert_int_equal(a->ts_ns, b->ts_ns);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->quality, b->quality);
	assert_int_equal(a->flags, b->flags);
	if (a->type != SB_T_STR)
		assert_int_equal(a->v.u, b->v.u);
}

static void ask(uint8_t series, int64_t from, int64_t to, int64_t width, bool back)
{
	struct series_query q = { .series = world.series[series],
		                  .from_ns = from,
		                  .to_ns = to,
		                  .bucket_ns = width,
		                  .newest_first = back,
		                  .bucket = on_bucket };
	n_got = 0;
	assert_int_equal(series_db_query(world.db, &q), 0);
	for (size_t i = 0; back && i < n_got / 2; i++) {
		struct series_bucket b = got[i];
		got[i] = got[n_got - 1 - i];
		got[n_got - 1 - i] = b;
	}
}

static void check(uint8_t series, int64_t from, int64_t to, int64_t width, bool back)
{
	ask(series, from, to, width, back);
	model(series, from, to, width);
	assert_int_equal(n_got, n_expected);
	for (size_t i = 0; i < n_got; i++) {
		const struct series_bucket *a = &got[i], *b = &expected[i];
		assert_int_equal(a->t_ns, b->t_ns);
		assert_int_equal(a->count, b->count);
		check_edge(&a->first, &b->first, series);
		check_edge(&a->last, &b->last, series);
		if (a->first.type == SB_T_STR)
			continue;
		assert_true(a->min == b->min && a->max == b->max);
		assert_true(fabs(a->sum - b->sum) <= 1e-9 * (1 + fabs(b->sum)));
	}
}

static const int64_t widths[] = { HOUR, 3 * HOUR, DAY, 7 * DAY, 90 * WORLD_MINUTE, 600 * S };

static void check_all(int64_t from, int64_t to)
{
	for (uint8_t s = 0; s < WORLD_SERIES; s++)
		for (size_t w = 0; w < ARRAY_LEN(widths); w++) {
			uint64_t span = (uint64_t)(to - from);
			int64_t a = from + (int64_t)(world_rnd() % span);
			check(s, from, to, widths[w], world_rnd() % 4 == 0);
			check(s, a, a + (int64_t)(world_rnd() % span), widths[w], false);
		}
}

/* ---- life */

static int restart(void)
{
	world_close();
	return world_open();
}

static void now_is(int64_t utc)
{
	clock_set(utc, utc);
}

static uint32_t chunks_of(const char *class_)
{
	uint32_t n = 0;
	for (size_t i = 0; i < fake_store.n; i++)
		n += !strcmp(fake_store.at[i].class_, class_);
	return n;
}

/* Raw values of whole blocks before a moment, as retention does it. */
static void forget_raw(int64_t before)
{
	struct sb_drop order = { .size = sizeof(order), .before_ns = before, .bytes = UINT64_MAX };
	order.class_ = SB_STR("standard");
	assert_true(series_db_raw_goes(world.db, order.class_, before) >= 0);
	(void)fake_forget(&order);
}

static int setup(void **state)
{
	int r = world_setup(state);
	now_is(WORLD_BASE + 40 * DAY);
	return r;
}

static int teardown(void **state)
{
	clock_set(0, 0);
	return world_teardown(state);
}

static void insert_days(int64_t from, int64_t to, int64_t step)
{
	for (int64_t t = from; t < to; t += step)
		world_insert_random(t + (int64_t)(world_rnd() % 80) * 1000000);
}

/* ---- tests */

static void tiers_answer_as_raw_values_do(void **state)
{
	(void)state;
	insert_days(WORLD_BASE, WORLD_BASE + 9 * DAY, 11 * WORLD_MINUTE);
	assert_int_equal(series_db_flush(world.db), 0);
	check_all(WORLD_BASE, WORLD_BASE + 10 * DAY);
	assert_int_equal(series_db_digest(world.db), 0);
	assert_true(chunks_of("1h") > 0 && chunks_of("1d") > 0);
	assert_int_equal(chunks_of("1m"), 0); /* a value in 11 minutes needs none */
	uint32_t before = fake_store.scanned;
	ask(FLOATS, WORLD_BASE, WORLD_BASE + 9 * DAY, HOUR, false);
	assert_in_range(fake_store.scanned - before, 1, 2); /* chunks of hours: no raw ones */
	check_all(WORLD_BASE, WORLD_BASE + 10 * DAY);
}

static void fast_streams_have_minutes(void **state)
{
	(void)state;
	insert_days(WORLD_BASE, WORLD_BASE + 2 * HOUR, 3 * S);
	insert_days(WORLD_BASE + DAY, WORLD_BASE + 2 * DAY, 17 * WORLD_MINUTE);
	insert_days(WORLD_BASE + 3 * DAY, WORLD_BASE + 4 * DAY, 30 * WORLD_MINUTE);
	assert_int_equal(series_db_flush(world.db), 0);
	assert_int_equal(series_db_digest(world.db), 0);
	assert_true(chunks_of("1m") > 0);
	check_all(WORLD_BASE, WORLD_BASE + 4 * DAY);
	forget_raw(WORLD_BASE + 5 * DAY);
	check(FLOATS, WORLD_BASE, WORLD_BASE + DAY, 600 * S, false);
	check(FLOATS, WORLD_BASE, WORLD_BASE + DAY, 60 * S, false);
	/* A slow day has hours only: they go to the bucket of their first value. */
	ask(FLOATS, WORLD_BASE, WORLD_BASE + 4 * DAY, 600 * S, false);
	uint64_t count = 0;
	for (size_t i = 0; i < n_got; i++)
		count += got[i].count;
	model(FLOATS, WORLD_BASE, WORLD_BASE + 4 * DAY, 7 * DAY);
	uint64_t all = 0;
	for (size_t i = 0; i < n_expected; i++)
		all += expected[i].count;
	assert_int_equal(count, all);
}

static void the_open_day_and_the_head_are_raw(void **state)
{
	(void)state;
	now_is(WORLD_BASE + 3 * DAY + 5 * HOUR);
	insert_days(WORLD_BASE, WORLD_BASE + 3 * DAY + 4 * HOUR, 7 * WORLD_MINUTE);
	assert_int_equal(series_db_flush(world.db), 0);
	assert_int_equal(series_db_digest(world.db), 0);
	insert_days(WORLD_BASE + 3 * DAY + 4 * HOUR, WORLD_BASE + 3 * DAY + 5 * HOUR, 60 * S);
	insert_days(WORLD_BASE + DAY, WORLD_BASE + DAY + HOUR, 13 * S); /* late, not flushed */
	check_all(WORLD_BASE, WORLD_BASE + 4 * DAY);
	now_is(WORLD_BASE + 5 * DAY);
	assert_int_equal(series_db_digest(world.db), 0);
	check_all(WORLD_BASE, WORLD_BASE + 4 * DAY);
}

static void late_values_and_corrections_revise_tiers(void **state)
{
	(void)state;
	insert_days(WORLD_BASE, WORLD_BASE + 5 * DAY, 23 * WORLD_MINUTE);
	for (int round = 0; round < 12; round++) {
		for (int i = 0; i < 40; i++)
			world_insert_random(WORLD_BASE +
			                    (int64_t)(world_rnd() % (5 * 24 * 60)) * WORLD_MINUTE);
		if (world_rnd() % 4)
			assert_int_equal(series_db_flush(world.db), 0);
		if (world_rnd() % 3)
			assert_int_equal(series_db_digest(world.db), 0);
		if (world_rnd() % 3 == 0)
			assert_int_equal(restart(), 0);
		check_all(WORLD_BASE, WORLD_BASE + 5 * DAY);
	}
}

static void whatever_fails_in_between_is_done_again(void **state)
{
	(void)state;
	for (int round = 0; round < 15; round++) {
		insert_days(WORLD_BASE + round * 6 * HOUR, WORLD_BASE + (round + 4) * 6 * HOUR,
		            29 * WORLD_MINUTE);
		fake_store.fail_after = (int)(world_rnd() % 4); /* flush or tier, at any block */
		(void)series_db_flush(world.db);
		(void)series_db_digest(world.db);
		fake_store.fail_after = -1;
		world.docs.fail = world_rnd() % 3 ? 0 : -EIO;
		(void)series_db_digest(world.db);
		world.docs.fail = 0;
		if (world_rnd() % 2)
			assert_int_equal(restart(), 0);
		check_all(WORLD_BASE, WORLD_BASE + 6 * DAY);
		if (world_rnd() % 2)
			assert_int_equal(series_db_digest(world.db), 0);
		check_all(WORLD_BASE, WORLD_BASE + 6 * DAY);
	}
}

static uint32_t blocks_of(const char *class_)
{
	uint32_t n = 0;
	for (size_t i = 0; i < fake_store.n_list; i++)
		n += !strcmp(fake_store.list[i].class_, class_);
	return n;
}

static void many_blocks_of_a_tier_become_one(void **state)
{
	(void)state;
	for (int day = 0; day < 20; day++) {
		now_is(WORLD_BASE + (day + 1) * DAY + HOUR);
		insert_days(WORLD_BASE + day * DAY, WORLD_BASE + (day + 1) * DAY,
		            41 * WORLD_MINUTE);
		for (int i = 0; i < 3; i++) /* late */
			world_insert_random(WORLD_BASE +
			                    (int64_t)(world_rnd() % (uint64_t)((day + 1) * DAY)));
		assert_int_equal(series_db_flush(world.db), 0);
		assert_int_equal(series_db_digest(world.db), 0);
		assert_in_range(blocks_of("1h"), 1, 7);
		assert_in_range(blocks_of("1d"), 1, 7);
	}
	check_all(WORLD_BASE, WORLD_BASE + 20 * DAY);
	forget_raw(WORLD_BASE + 15 * DAY);
	for (size_t s = 0; s < 3; s++)
		check((uint8_t[]){ FLOATS, SWITCH, OTHER }[s], WORLD_BASE, WORLD_BASE + 20 * DAY,
		      HOUR, false);
}

static const uint8_t numbers[] = { FLOATS, SWITCH, OTHER };

static void years_stay_when_raw_values_go(void **state)
{
	(void)state;
	insert_days(WORLD_BASE, WORLD_BASE + 12 * DAY, 19 * WORLD_MINUTE);
	assert_int_equal(series_db_flush(world.db), 0);
	assert_int_equal(series_db_digest(world.db), 0);
	insert_days(WORLD_BASE + 12 * DAY, WORLD_BASE + 15 * DAY, 19 * WORLD_MINUTE);
	assert_int_equal(series_db_flush(world.db), 0);
	assert_int_equal(series_db_digest(world.db), 0);
	forget_raw(WORLD_BASE + 12 * DAY + 2 * HOUR);
	for (int k = 0; k < 2; k++) {
		for (size_t s = 0; s < ARRAY_LEN(numbers); s++)
			for (size_t w = 0; w < 4; w++)
				check(numbers[s], WORLD_BASE, WORLD_BASE + 15 * DAY, widths[w],
				      false);
		assert_int_equal(restart(), 0);
		assert_int_equal(series_db_digest(world.db), 0);
	}
}

static void what_comes_after_raw_values_went_adds_or_stays_out(void **state)
{
	(void)state;
	insert_days(WORLD_BASE + 6 * HOUR, WORLD_BASE + 2 * DAY, 19 * WORLD_MINUTE);
	assert_int_equal(series_db_flush(world.db), 0);
	assert_int_equal(series_db_digest(world.db), 0);
	forget_raw(WORLD_BASE + 3 * DAY);
	for (int k = 0; k < 3; k++) { /* once more changes nothing */
		insert_days(WORLD_BASE, WORLD_BASE + 5 * HOUR, 31 * WORLD_MINUTE);
		insert_days(WORLD_BASE + 50 * HOUR, WORLD_BASE + 51 * HOUR, 5 * WORLD_MINUTE);
		assert_int_equal(series_db_flush(world.db), 0);
		assert_int_equal(series_db_digest(world.db), 0);
		forget_raw(WORLD_BASE + 3 * DAY);
		if (k)
			continue;
		for (size_t s = 0; s < ARRAY_LEN(numbers); s++)
			for (size_t w = 0; w < 4; w++)
				check(numbers[s], WORLD_BASE, WORLD_BASE + 3 * DAY, widths[w],
				      false);
	}
	ask(FLOATS, WORLD_BASE, WORLD_BASE + 3 * DAY, DAY, false);
	model(FLOATS, WORLD_BASE + 6 * HOUR, WORLD_BASE + 2 * DAY, DAY);
	assert_int_equal(n_got, 3);
	assert_int_equal(got[1].count, expected[1].count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tiers_answer_as_raw_values_do, setup, teardown),
		cmocka_unit_test_setup_teardown(fast_streams_have_minutes, setup, teardown),
		cmocka_unit_test_setup_teardown(the_open_day_and_the_head_are_raw, setup, teardown),
		cmocka_unit_test_setup_teardown(late_values_and_corrections_revise_tiers, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(whatever_fails_in_between_is_done_again, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(many_blocks_of_a_tier_become_one, setup, teardown),
		cmocka_unit_test_setup_teardown(years_stay_when_raw_values_go, setup, teardown),
		cmocka_unit_test_setup_teardown(what_comes_after_raw_values_went_adds_or_stays_out,
		                                setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
