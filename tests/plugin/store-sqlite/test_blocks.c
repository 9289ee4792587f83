#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "store-sqlite/blocks.h"

static struct instance in;
static struct pieces got;
static char dir[200];

static int fresh(void **state)
{
	(void)state;
	fake_make_dir(dir);
	return fake_start(&in, STORE, dir);
}

static int end(void **state)
{
	(void)state;
	fake_end(&in);
	fake_remove_dir(dir);
	return 0;
}

static int32_t write_pieces(const struct piece *pieces, size_t n, uint64_t seq_min,
                            uint64_t seq_max, uint32_t last)
{
	struct block_spec spec = {
		.seq_min = seq_min,
		.seq_max = seq_max,
		.t_min_ns = INT64_MAX,
		.t_max_ns = INT64_MIN,
		.last = last,
		.pieces = pieces,
		.n = n,
	};

	for (size_t i = 0; i < n; i++) {
		if (pieces[i].t_min_ns < spec.t_min_ns)
			spec.t_min_ns = pieces[i].t_min_ns;
		if (pieces[i].t_max_ns > spec.t_max_ns)
			spec.t_max_ns = pieces[i].t_max_ns;
	}
	return blocks_write(&in, &spec);
}

static int32_t scan(uint32_t a, uint32_t b, int64_t from, int64_t to)
{
	const uint32_t streams[] = { a, b, 0 };
	return blocks_scan(&in, streams, from, to, "", &got);
}

/* The numbers of the chunks, in the order they came. */
static void assert_numbers(const uint32_t *want, size_t n)
{
	assert_int_equal(got.n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(got.p[i].number, want[i]);
}
#define assert_got(...)                                   \
	assert_numbers((const uint32_t[]){ __VA_ARGS__ }, \
	               sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static const struct piece first[] = {
	{ 1, T0, T0 + 10 * SEC, 10 },
	{ 1, T0 + 20 * SEC, T0 + 30 * SEC, 11 },
	{ 2, T0 + 5 * SEC, T0 + 6 * SEC, 12 },
};
static const struct piece second[] = {
	{ 1, T0 + 5 * SEC, T0 + 25 * SEC, 20 },
	{ 1, T0 + 20 * SEC, T0 + 21 * SEC, 21 },
	{ 3, T0 + 40 * SEC, T0 + 50 * SEC, 22 },
};

static void chunks_of_many_blocks_come_by_stream_then_time(void **state)
{
	(void)state;
	assert_int_equal(write_pieces(first, 3, 1, 100, 1), 0);
	assert_int_equal(write_pieces(second, 3, 101, 200, 1), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(scan(1, 2, T0, T0 + DAY), 0);
		assert_got(10, 20, 11, 21, 12);
		assert_int_equal(got.seqs[2], 100); /* of one time, the older block first */
		assert_int_equal(got.seqs[3], 200);
		assert_int_equal(scan(3, 9, INT64_MIN, INT64_MAX), 0);
		assert_got(22);
		fake_end(&in);
		assert_int_equal(fake_start(&in, STORE, dir), 0);
	}
}

static void a_range_takes_every_chunk_that_reaches_into_it(void **state)
{
	(void)state;
	assert_int_equal(write_pieces(first, 3, 1, 100, 1), 0);
	assert_int_equal(scan(1, 2, T0 + 10 * SEC, T0 + 20 * SEC), 0);
	assert_got(10);
	assert_int_equal(scan(1, 2, T0 + 10 * SEC + 1, T0 + 20 * SEC), 0);
	assert_int_equal(got.n, 0);
	assert_int_equal(scan(1, 2, T0 + 10 * SEC + 1, T0 + 20 * SEC + 1), 0);
	assert_got(11);
	assert_int_equal(scan(1, 2, T0 + 60 * SEC, T0 + DAY), 0);
	assert_int_equal(got.n, 0);
}

static void times_are_exact_before_1970_and_within_one_millisecond_too(void **state)
{
	static struct piece pieces[1000];

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		pieces[i] = (struct piece){ 7, -DAY - 999 + i, -DAY + 5 * SEC + i, i };
	assert_int_equal(write_pieces(pieces, 1000, 1, 2, 1), 0);
	assert_int_equal(scan(7, 8, INT64_MIN, INT64_MAX), 0);
	assert_int_equal(got.n, 1000);
	for (uint32_t i = 0; i < 1000; i++)
		assert_memory_equal(&got.p[i], &pieces[i], sizeof(pieces[i]));
	assert_int_equal(scan(7, 8, -DAY + 5 * SEC + 999, -DAY + 6 * SEC), 0);
	assert_got(999);
}

static void classes_are_kept_apart(void **state)
{
	struct block_spec spec = {
		.class_ = "long-term",
		.t_min_ns = T0,
		.t_max_ns = T0 + DAY,
		.pieces = first,
		.n = 3,
	};
	const uint32_t streams[] = { 1, 0 };

	(void)state;
	assert_int_equal(blocks_write(&in, &spec), 0);
	assert_int_equal(write_pieces(second, 3, 101, 200, 1), 0);
	assert_int_equal(blocks_scan(&in, streams, T0, T0 + DAY, "long-term", &got), 0);
	assert_got(10, 11);
	assert_int_equal(blocks_scan(&in, streams, T0, T0 + DAY, "default", &got), 0);
	assert_got(20, 21);
	assert_int_equal(blocks_scan(&in, streams, T0, T0 + DAY, "none", &got), 0);
	assert_int_equal(got.n, 0);
	spec.class_ = "../escape";
	assert_int_equal(blocks_write(&in, &spec), SB_E_NAME);
}

static void blocks_of_one_range_of_numbers_do_not_replace_each_other(void **state)
{
	(void)state;
	assert_int_equal(write_pieces(first, 3, 1, 100, 0), 0);
	assert_int_equal(write_pieces(second, 3, 1, 100, 1), 0);
	assert_int_equal(scan(1, 3, T0, T0 + DAY), 0);
	assert_int_equal(got.n, 5);
}

static void durable_is_what_the_last_block_of_a_flush_says(void **state)
{
	struct sb_store_stats stats;

	(void)state;
	blocks_stats(&in, &stats);
	assert_int_equal(stats.seq_durable, 0);
	assert_int_equal(write_pieces(first, 3, 1, 100, 0), 0);
	blocks_stats(&in, &stats);
	assert_int_equal(stats.seq_durable, 0);
	assert_int_equal(write_pieces(second, 3, 1, 100, 1), 0);
	assert_int_equal(write_pieces(second, 3, 101, 200, 0), 0);
	fake_end(&in);
	assert_int_equal(fake_start(&in, STORE, dir), 0);
	blocks_stats(&in, &stats);
	assert_int_equal(stats.seq_durable, 100);
	assert_int_equal(stats.blocks, 3);
	assert_int_equal(stats.chunks, 9);
	assert_true(stats.bytes >= 3 * (fake_keeps_files() ? 16384U : 600U));
	assert_int_equal(stats.t_min_ns, T0);
	assert_int_equal(stats.t_max_ns, T0 + 50 * SEC);
}

static void a_source_out_of_order_or_failing_leaves_nothing(void **state)
{
	const struct piece wrong[] = { { 2, T0, T0, 1 }, { 1, T0, T0, 2 } };
	const struct piece back[] = { { 2, T0 + 1, T0 + 1, 1 }, { 2, T0, T0, 2 } };
	const struct piece outside[] = { { 2, T0, T0 + DAY + 1, 1 } };
	struct block_spec spec = { .t_min_ns = T0, .t_max_ns = T0 + DAY };
	struct sb_store_stats stats;
	char path[400];

	(void)state;
	spec.pieces = wrong;
	spec.n = 2;
	assert_int_equal(blocks_write(&in, &spec), SB_E_RANGE);
	spec.pieces = back;
	assert_int_equal(blocks_write(&in, &spec), SB_E_RANGE);
	spec.pieces = outside;
	spec.n = 1;
	assert_int_equal(blocks_write(&in, &spec), SB_E_RANGE);
	spec.n = 0;
	assert_int_equal(blocks_write(&in, &spec), SB_E_RANGE);
	spec.pieces = first;
	spec.n = 3;
	spec.fault = SB_E_CORRUPT;
	assert_int_equal(blocks_write(&in, &spec), SB_E_CORRUPT);
	spec.fault = 0;
	spec.t_max_ns = T0 + 60 * DAY;
	assert_int_equal(blocks_write(&in, &spec), SB_E_RANGE);
	blocks_stats(&in, &stats);
	assert_int_equal(stats.blocks, 0);
	assert_int_equal(blocks_files(dir, "", path), 0);
}

static void retention_drops_whole_blocks_but_not_the_word_of_what_is_durable(void **state)
{
	const struct piece late = { 1, T0 + 9 * DAY, T0 + 9 * DAY, 30 };
	struct sb_store_stats stats;
	char path[400];

	(void)state;
	assert_int_equal(write_pieces(first, 3, 1, 100, 1), 0);
	assert_int_equal(write_pieces(second, 3, 101, 200, 1), 0);
	assert_int_equal(scan(1, 2, T0, T0 + DAY), 0);
	assert_int_equal(in.store->drop_before(in.self, fake_str("other"), T0 + DAY), 0);
	assert_int_equal(blocks_files(dir, ".blk", path), 2);
	assert_int_equal(in.store->drop_before(in.self, fake_str("default"), T0 + DAY), 0);
	assert_int_equal(blocks_files(dir, ".blk", path), 1);
	blocks_stats(&in, &stats);
	assert_int_equal(stats.seq_durable, 200);
	assert_int_equal(write_pieces(&late, 1, 201, 300, 1), 0);
	assert_int_equal(in.store->drop_before(in.self, fake_str("default"), T0 + DAY), 0);
	assert_int_equal(blocks_files(dir, ".blk", path), 1);
	assert_int_equal(scan(1, 2, INT64_MIN, INT64_MAX), 0);
	assert_got(30);
}

static int32_t drop_while_reading(void *ud, const struct sb_chunk *c, uint64_t seq)
{
	int *n = ud;

	(void)c;
	(void)seq;
	if (!(*n)++)
		return in.store->drop_before(in.self, fake_str("default"), INT64_MAX);
	return 0;
}

static void a_scan_sees_what_there_was_when_it_began(void **state)
{
	const uint32_t streams[] = { 1, 2, 3 };
	struct sb_scan q = {
		.size = sizeof(q),
		.n_streams = 3,
		.streams = streams,
		.from_ns = T0,
		.to_ns = T0 + DAY,
	};
	char path[400];
	int n = 0;

	(void)state;
	assert_int_equal(write_pieces(first, 3, 1, 100, 0), 0);
	assert_int_equal(write_pieces(second, 3, 101, 200, 0), 0);
	assert_int_equal(in.store->scan(in.self, &q, drop_while_reading, &n), 0);
	assert_int_equal(n, 6);
	assert_int_equal(in.store->drop_before(in.self, fake_str("default"), INT64_MAX), 0);
	assert_int_equal(blocks_files(dir, ".blk", path), 0);
}

/* ---- many threads */

#define READERS 3
#define ROUNDS  40

static _Atomic int writing;

static void *read_all_the_time(void *ud)
{
	const uint32_t streams[] = { 1, 2, 0 };
	struct pieces *mine = calloc(1, sizeof(*mine));
	size_t last = 0;
	void *failed = NULL;

	while (!failed && writing) {
		if (blocks_scan(&in, streams, T0, T0 + DAY, "default", mine) < 0 || mine->n < last)
			failed = ud;
		last = mine->n;
		for (size_t i = 1; i < mine->n; i++) {
			const struct piece *p = &mine->p[i];
			if (p->stream < p[-1].stream ||
			    (p->stream == p[-1].stream && p->t_min_ns < p[-1].t_min_ns))
				failed = ud;
		}
	}
	free(mine);
	return failed;
}

static void readers_see_a_growing_ordered_set_while_blocks_are_written(void **state)
{
	pthread_t threads[READERS];
	void *failed;

	(void)state;
	writing = 1;
	for (size_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_all_the_time, &in), 0);
	for (uint64_t i = 0; i < ROUNDS; i++) {
		struct piece pieces[2] = { first[0], first[2] };
		pieces[0].t_min_ns += (int64_t)i * MS;
		assert_int_equal(write_pieces(pieces, 2, i * 10 + 1, i * 10 + 10, 1), 0);
		fake_tick(&in, 1);
	}
	writing = 0;
	for (size_t i = 0; i < READERS; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(scan(1, 2, T0, T0 + DAY), 0);
	assert_int_equal(got.n, 2 * ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(chunks_of_many_blocks_come_by_stream_then_time,
		                                fresh, end),
		cmocka_unit_test_setup_teardown(a_range_takes_every_chunk_that_reaches_into_it,
		                                fresh, end),
		cmocka_unit_test_setup_teardown(
			times_are_exact_before_1970_and_within_one_millisecond_too, fresh, end),
		cmocka_unit_test_setup_teardown(classes_are_kept_apart, fresh, end),
		cmocka_unit_test_setup_teardown(
			blocks_of_one_range_of_numbers_do_not_replace_each_other, fresh, end),
		cmocka_unit_test_setup_teardown(durable_is_what_the_last_block_of_a_flush_says,
		                                fresh, end),
		cmocka_unit_test_setup_teardown(a_source_out_of_order_or_failing_leaves_nothing,
		                                fresh, end),
		cmocka_unit_test_setup_teardown(
			retention_drops_whole_blocks_but_not_the_word_of_what_is_durable, fresh,
			end),
		cmocka_unit_test_setup_teardown(a_scan_sees_what_there_was_when_it_began, fresh,
		                                end),
		cmocka_unit_test_setup_teardown(
			readers_see_a_growing_ordered_set_while_blocks_are_written, fresh, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
