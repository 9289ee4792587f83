#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "series/fake_world.h"
#include "series/series.h"

/* ---- what the model says */

static struct answer {
	struct series_point p[WORLD_POINTS];
	char text[WORLD_POINTS][24];
	struct series_bucket b[WORLD_POINTS];
	size_t n;
	size_t stop_at;
} got, expected;

static int by_time(const void *a, const void *b)
{
	const struct series_point *x = a, *y = b;
	return x->ts_ns < y->ts_ns ? -1 : x->ts_ns > y->ts_ns;
}

static void model_points(const struct series_query *q, uint8_t series)
{
	expected.n = 0;
	for (size_t i = 0; i < world.n; i++) {
		const struct world_point *wp = &world.points[i];
		if (wp->series == series && wp->live && wp->p.ts_ns >= q->from_ns &&
		    wp->p.ts_ns < q->to_ns)
			expected.p[expected.n++] = wp->p;
	}
	qsort(expected.p, expected.n, sizeof(expected.p[0]), by_time);
}

static bool number_of(const struct series_point *p, double *v)
{
	*v = p->type == SB_T_F64 ? p->v.f : p->type == SB_T_STR ? 0 : (double)p->v.i;
	return p->type != SB_T_STR;
}

static void model_buckets(const struct series_query *q)
{
	size_t n = 0;
	bool numbers = false;
	for (size_t i = 0; i < expected.n; i++) {
		const struct series_point *p = &expected.p[i];
		int64_t t = p->ts_ns - ((p->ts_ns % q->bucket_ns) + q->bucket_ns) % q->bucket_ns;
		struct series_bucket *b = &expected.b[n ? n - 1 : 0];
		double v;
		if (n == 0 || b->t_ns != t) {
			b = &expected.b[n++];
			*b = (struct series_bucket){ .t_ns = t, .first = *p };
			numbers = false;
		}
		b->last = *p;
		if (!number_of(p, &v)) {
			b->count++;
			if (!numbers)
				b->min = b->max = b->sum = (double)NAN;
		} else if (!isnan(v)) {
			b->min = numbers ? fmin(b->min, v) : v;
			b->max = numbers ? fmax(b->max, v) : v;
			b->sum = numbers ? b->sum + v : v;
			b->count++;
			numbers = true;
		} else if (!numbers) {
			b->min = b->max = b->sum = (double)NAN;
		}
	}
	expected.n = n;
}

/* ---- what comes */

static int on_point(void *ud, const struct series_point *p)
{
	(void)ud;
	size_t i = got.n++;
	got.p[i] = *p;
	if (p->type == SB_T_STR) {
		memcpy(got.text[i], p->v.blob.p, p->v.blob.n);
		got.p[i].v.blob.p = (const uint8_t *)got.text[i];
	}
	return got.n == got.stop_at;
}

static int on_bucket(void *ud, const struct series_bucket *b)
{
	(void)ud;
	got.b[got.n++] = *b;
	return got.n == got.stop_at;
}

static void check_point(const struct series_point *a, const struct series_point *b, bool texts)
{
	assert_int_equal(a->ts_ns, b->ts_ns);
	assert_int_equal(a->rx_ns, b->rx_ns);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->quality, b->quality);
	assert_int_equal(a->flags, b->flags);
	if (a->type != SB_T_STR) {
		assert_int_equal(a->v.u, b->v.u);
	} else if (texts) {
		assert_int_equal(a->v.blob.n, b->v.blob.n);
		assert_memory_equal(a->v.blob.p, b->v.blob.p, a->v.blob.n);
	}
}

static void check_number(double a, double b)
{
	assert_true((isnan(a) && isnan(b)) || fabs(a - b) <= 1e-9 * (1 + fabs(a)));
}

static void check_answer(const struct series_query *q)
{
	size_t n = q->limit && q->limit < expected.n ? q->limit : expected.n;
	assert_int_equal(got.n, n);
	for (size_t i = 0; i < n; i++) {
		size_t k = q->newest_first ? expected.n - 1 - i : i;
		if (!q->bucket_ns) {
			check_point(&got.p[i], &expected.p[k], true);
			continue;
		}
		const struct series_bucket *a = &got.b[i], *b = &expected.b[k];
		assert_int_equal(a->t_ns, b->t_ns);
		assert_int_equal(a->count, b->count);
		check_number(a->min, b->min);
		check_number(a->max, b->max);
		check_number(a->sum, b->sum);
		check_point(&a->first, &b->first, false);
		check_point(&a->last, &b->last, false);
	}
}

static void check_query(struct series_query *q, uint8_t series)
{
	q->series = world.series[series];
	q->point = on_point;
	q->bucket = on_bucket;
	got.n = got.stop_at = 0;
	model_points(q, series);
	if (q->bucket_ns)
		model_buckets(q);
	assert_int_equal(series_db_query(world.db, q), 0);
	check_answer(q);
}

static void check_random(int64_t from, int64_t to)
{
	static const int64_t widths[] = { WORLD_MINUTE,      7 * WORLD_MINUTE,
		                          60 * WORLD_MINUTE, 1440 * WORLD_MINUTE,
		                          30000000000LL,     100000 * WORLD_MINUTE };
	uint64_t span = (uint64_t)(to - from);
	struct series_query q = { .from_ns = from, .to_ns = to };
	if (world_rnd() % 2) {
		q.from_ns = from + (int64_t)(world_rnd() % span);
		q.to_ns = q.from_ns + (int64_t)(world_rnd() % span);
	}
	if (world_rnd() % 2)
		q.bucket_ns = widths[world_rnd() % 6];
	q.newest_first = world_rnd() % 2;
	q.limit = world_rnd() % 2 ? 0 : world_rnd() % 40;
	check_query(&q, (uint8_t)(world_rnd() % WORLD_SERIES));
}

static void check_everything(void)
{
	for (uint8_t s = 0; s < WORLD_SERIES; s++)
		for (int k = 0; k < 4; k++) {
			struct series_query q = { .from_ns = INT64_MIN, .to_ns = INT64_MAX };
			q.newest_first = k & 1;
			q.bucket_ns = k & 2 ? 1440 * WORLD_MINUTE : 0;
			check_query(&q, s);
		}
}

static void latest_of(uint8_t series, const struct series_point **out)
{
	*out = NULL;
	for (size_t i = 0; i < world.n; i++)
		if (world.points[i].series == series && world.points[i].live &&
		    (!*out || world.points[i].p.ts_ns > (*out)->ts_ns))
			*out = &world.points[i].p;
}

static void check_latest(void)
{
	world_feed_wait();
	for (uint8_t s = 0; s < WORLD_SERIES; s++) {
		const struct series_point *p;
		struct series_latest l;
		latest_of(s, &p);
		series_db_latest(world.db, world.series[s], &l);
		assert_int_equal(l.type, p ? p->type : SB_T_NULL);
		if (!p)
			continue;
		assert_int_equal(l.ts_ns, p->ts_ns);
		assert_int_equal(l.rx_ns, p->rx_ns);
		assert_int_equal(l.quality, p->quality);
		assert_int_equal(l.flags, p->flags);
		if (p->type == SB_T_STR)
			assert_memory_equal(l.text, p->v.blob.p, p->v.blob.n);
		else
			assert_int_equal(l.v.u, p->v.u);
	}
}

/* ---- tests */

static void insert_steady(uint32_t n, int64_t from)
{
	for (uint32_t i = 0; i < n; i++)
		world_insert_random(from + i * WORLD_MINUTE);
}

static void what_is_durable_is_readable_at_once(void **state)
{
	(void)state;
	insert_steady(300, WORLD_BASE);
	check_everything();
	check_latest();
}

static void blocks_and_head_answer_as_one(void **state)
{
	(void)state;
	insert_steady(700, WORLD_BASE);
	assert_int_equal(series_db_flush(world.db), 0);
	insert_steady(700, WORLD_BASE + 700 * WORLD_MINUTE);
	check_everything();
	assert_int_equal(series_db_flush(world.db), 0);
	check_everything();
	struct series_stats st;
	series_db_stats(world.db, &st);
	assert_int_equal(st.head_rows, 0);
	assert_int_equal(st.flushes, 2);
	assert_int_equal(fake_store.blocks, 2);
}

static void the_newest_write_of_a_time_wins_wherever_it_lies(void **state)
{
	(void)state;
	for (int round = 0; round < 6; round++) {
		insert_steady(100, WORLD_BASE + round * 7 * WORLD_MINUTE);
		if (round % 2)
			assert_int_equal(series_db_flush(world.db), 0);
		check_everything();
	}
}

static void rows_of_several_months_become_a_block_each(void **state)
{
	(void)state;
	insert_steady(50, WORLD_BASE - 25 * WORLD_MINUTE);
	insert_steady(50, WORLD_BASE + 44640 * WORLD_MINUTE);
	insert_steady(5, -1000 * WORLD_MINUTE);
	assert_int_equal(series_db_flush(world.db), 0);
	assert_int_equal(fake_store.blocks, 4);
	check_everything();
}

static void a_flush_that_fails_loses_nothing_and_is_made_up_for(void **state)
{
	(void)state;
	struct series_stats st;
	insert_steady(200, WORLD_BASE - 100 * WORLD_MINUTE);
	fake_store.fail_after = 1; /* the second month */
	assert_int_equal(series_db_flush(world.db), -EIO);
	check_everything();
	insert_steady(200, WORLD_BASE + 50 * WORLD_MINUTE);
	assert_int_equal(series_db_flush(world.db), -EIO);
	check_everything();
	assert_int_equal(fake_journal.checkpoint, 0);
	fake_store.fail_after = -1;
	world_feed_wait(); /* the journal keeps what it has not seen */
	assert_int_equal(series_db_flush(world.db), 0);
	check_everything();
	series_db_stats(world.db, &st);
	assert_int_equal(st.flush_failures, 2);
	assert_int_equal(st.head_rows, 0);
	assert_int_equal(fake_journal.checkpoint, fake_journal.n);
}

static void the_journal_forgets_nothing_before_documents_are_saved(void **state)
{
	(void)state;
	insert_steady(100, WORLD_BASE);
	world.docs.fail = -EIO;
	assert_int_equal(series_db_flush(world.db), -EIO);
	assert_int_equal(fake_journal.checkpoint, 0);
	/* A crash between the blocks and their checkpoint. */
	world_close();
	world.docs.fail = 0;
	world.quiet = true;
	assert_int_equal(world_open(), 0);
	world.quiet = false;
	check_everything();
	check_latest();
	assert_int_equal(series_db_flush(world.db), 0);
	check_everything();
}

static void a_restart_brings_everything_back(void **state)
{
	(void)state;
	for (int round = 0; round < 4; round++) {
		insert_steady(200, WORLD_BASE + round * 150 * WORLD_MINUTE);
		if (round % 2)
			assert_int_equal(series_db_flush(world.db), 0);
		world_close();
		world.quiet = true;
		assert_int_equal(world_open(), 0);
		world.quiet = false;
		check_everything();
		for (int i = 0; i < 100 && round % 2; i++)
			usleep(1000); /* old latest values come a little later */
		check_latest();
	}
}

static void what_finds_no_room_in_memory_comes_back_from_the_journal(void **state)
{
	(void)state;
	struct series_stats st;
	for (int restart = 0; restart < 2; restart++) {
		world_close();
		world.head_max = 20000;
		world.quiet = true;
		assert_int_equal(world_open(), 0);
		world.quiet = false;
		fake_store.fail_after = 0;
		insert_steady(3000, WORLD_BASE + restart * 2500 * WORLD_MINUTE);
		assert_int_equal(series_db_flush(world.db), -EIO);
		series_db_stats(world.db, &st);
		assert_true(st.records_unseen > 0);
		assert_true(st.head_bytes < 100000);
		fake_store.fail_after = restart ? -1 : 2;
		(void)series_db_flush(world.db);
	}
	assert_int_equal(series_db_flush(world.db), 0);
	series_db_stats(world.db, &st);
	assert_int_equal(st.records_unseen, 0);
	check_everything();
	check_latest();
}

static void much_comes_meanwhile(void)
{
	insert_steady(3000, WORLD_BASE + 200 * WORLD_MINUTE);
}

static void what_fills_the_head_while_a_block_is_written_is_not_passed_over(void **state)
{
	(void)state;
	struct series_stats st;
	world_close();
	world.head_max = 20000;
	assert_int_equal(world_open(), 0);
	insert_steady(100, WORLD_BASE);
	fake_store.writing = much_comes_meanwhile;
	assert_int_equal(series_db_flush(world.db), 0);
	series_db_stats(world.db, &st);
	assert_int_equal(st.records_unseen, 0);
	check_everything();
	assert_int_equal(series_db_flush(world.db), 0);
	check_everything();
	world_close();
	world.quiet = true;
	assert_int_equal(world_open(), 0);
	check_everything();
}

static void a_damaged_chunk_is_counted_and_the_rest_is_served(void **state)
{
	(void)state;
	struct series_stats st;
	insert_steady(1500, WORLD_BASE);
	assert_int_equal(series_db_flush(world.db), 0);
	struct series_query q = { .from_ns = INT64_MIN,
		                  .to_ns = INT64_MAX,
		                  .series = world.series[0],
		                  .point = on_point };
	got.n = 0;
	assert_int_equal(series_db_query(world.db, &q), 0);
	size_t whole = got.n;
	uint32_t stream = world.series[0]->places[SB_T_F64].stream, rows = 0;
	for (size_t i = 0; i < fake_store.n && !rows; i++)
		if (fake_store.at[i].c.stream == stream) {
			((uint8_t *)(uintptr_t)fake_store.at[i].c.data.p)[20] ^= 4;
			rows = fake_store.at[i].c.rows;
		}
	got.n = 0;
	assert_int_equal(series_db_query(world.db, &q), 0);
	assert_in_range(got.n, whole - rows, whole - 1);
	series_db_stats(world.db, &st);
	assert_int_equal(st.corrupt_chunks, 1);
}

static void whoever_has_enough_stops(void **state)
{
	(void)state;
	insert_steady(400, WORLD_BASE);
	for (int k = 0; k < 4; k++) {
		struct series_query q = { .from_ns = INT64_MIN,
			                  .to_ns = INT64_MAX,
			                  .series = world.series[k & 1],
			                  .bucket_ns = k & 2 ? WORLD_MINUTE : 0,
			                  .newest_first = k & 1,
			                  .point = on_point,
			                  .bucket = on_bucket };
		got.n = 0;
		got.stop_at = 7;
		assert_int_equal(series_db_query(world.db, &q), 0);
		assert_int_equal(got.n, 7);
	}
	got.stop_at = 0;
}

static void a_long_chart_reads_statistics_only(void **state)
{
	(void)state;
	struct series_stats st;
	struct row_value v = { .type = SB_T_F64 };
	uint8_t s = 0;
	for (int i = 0; i < 480 * 4; i++) {
		v.v.f = i;
		world_insert(&v, &s, 1, WORLD_BASE + i * WORLD_MINUTE, WORLD_BASE, 0);
	}
	assert_int_equal(series_db_flush(world.db), 0);
	for (size_t i = 0; i < fake_store.n; i++) {
		/* What lies behind the statistics is never looked at: only the sum over all would
		 * tell. */
		assert_in_range(fake_store.at[i].c.rows, 1, 480);
	}
	struct series_query q = { .from_ns = INT64_MIN,
		                  .to_ns = INT64_MAX,
		                  .bucket_ns = 1000000 * WORLD_MINUTE };
	check_query(&q, 0);
	series_db_stats(world.db, &st);
	assert_int_equal(st.corrupt_chunks, 0);
}

static void random_histories_match_the_model(void **state)
{
	(void)state;
	int64_t ts = WORLD_BASE - 3000 * WORLD_MINUTE;
	int r;
	for (int step = 0; step < 6000 && world.n < WORLD_POINTS - 8; step++) {
		switch (world_rnd() % 40) {
		case 0:
			fake_store.fail_after = world_rnd() % 3 == 0 ? 0 : -1;
			r = series_db_flush(world.db);
			assert_true(r == 0 || (r == -EIO && fake_store.fail_after == 0));
			fake_store.fail_after = -1;
			break;
		case 1:
			if (step % 7)
				break;
			world_close();
			world.quiet = true;
			assert_int_equal(world_open(), 0);
			world.quiet = false;
			break;
		case 2:
			world_insert_random(ts - (int64_t)(world_rnd() % 2000) * WORLD_MINUTE);
			break;
		case 3:
			check_random(WORLD_BASE - 3000 * WORLD_MINUTE, ts + WORLD_MINUTE);
			break;
		default:
			ts += world_rnd() % 5 ? WORLD_MINUTE : 0;
			world_insert_random(ts);
		}
	}
	for (int i = 0; i < 200; i++)
		check_random(WORLD_BASE - 3000 * WORLD_MINUTE, ts + WORLD_MINUTE);
	check_everything();
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_durable_is_readable_at_once),
		T(blocks_and_head_answer_as_one),
		T(the_newest_write_of_a_time_wins_wherever_it_lies),
		T(rows_of_several_months_become_a_block_each),
		T(a_flush_that_fails_loses_nothing_and_is_made_up_for),
		T(the_journal_forgets_nothing_before_documents_are_saved),
		T(a_restart_brings_everything_back),
		T(what_finds_no_room_in_memory_comes_back_from_the_journal),
		T(what_fills_the_head_while_a_block_is_written_is_not_passed_over),
		T(a_damaged_chunk_is_counted_and_the_rest_is_served),
		T(whoever_has_enough_stops),
		T(a_long_chart_reads_statistics_only),
		T(random_histories_match_the_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
