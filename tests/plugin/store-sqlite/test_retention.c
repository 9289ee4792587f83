#include <stdio.h>
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

static int32_t write_one(const struct piece *piece, uint64_t seq_min, uint64_t seq_max)
{
	const struct block_spec spec = {
		.seq_min = seq_min,
		.seq_max = seq_max,
		.t_min_ns = piece->t_min_ns,
		.t_max_ns = piece->t_max_ns,
		.last = 1,
		.pieces = piece,
		.n = 1,
	};

	return blocks_write(&in, &spec);
}

static int32_t scan_all(void)
{
	const uint32_t streams[] = { 1, 0 };
	return blocks_scan(&in, streams, INT64_MIN, INT64_MAX, "", &got);
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

struct told {
	int n;
	uint64_t bytes, rows;
	int64_t t_max_ns[16];
	char name[400];
};

static void note_dropped(void *ud, const struct sb_dropped *d)
{
	struct told *told = ud;

	told->t_max_ns[told->n++] = d->t_max_ns;
	told->bytes += d->bytes;
	told->rows += d->rows;
	(void)snprintf(told->name, sizeof(told->name), "%.*s", (int)d->name.n, d->name.p);
}

static int32_t drop(int64_t before_ns, uint64_t bytes, uint32_t most, struct told *told)
{
	const struct sb_drop order = {
		.size = sizeof(order),
		.most = most,
		.before_ns = before_ns,
		.bytes = bytes,
	};

	*told = (struct told){ 0 };
	return in.store->drop(in.self, &order, note_dropped, told);
}

/* A day each, written in order; the last says that all is durable. */
static void write_days(int n)
{
	for (int i = 0; i < n; i++) {
		const struct piece day = { 1, T0 + i * DAY, T0 + i * DAY + SEC, (uint32_t)i };
		uint64_t seq = (uint64_t)i * 10;
		assert_int_equal(write_one(&day, seq + 1, seq + 10), 0);
	}
}

static void low_water_takes_the_oldest_and_no_more_than_it_needs(void **state)
{
	struct told told;
	char path[400];

	(void)state;
	write_days(8);
	assert_int_equal(drop(T0 + 30 * DAY, 1, 0, &told), 1);
	assert_int_equal(told.t_max_ns[0], T0 + SEC);
	assert_true(told.bytes > (fake_keeps_files() ? 4096U : 500U));
	assert_int_equal(told.rows, 10);
	if (fake_keeps_files())
		assert_non_null(strstr(told.name, "/default/2026-03/r0-1-10.blk"));
	assert_int_equal(blocks_files(dir, ".blk", path), 7);
	uint64_t one = told.bytes;
	assert_int_equal(drop(T0 + 30 * DAY, one + 1, 0, &told), 2);
	assert_int_equal(told.t_max_ns[0], T0 + DAY + SEC);
	assert_int_equal(told.t_max_ns[1], T0 + 2 * DAY + SEC);
	assert_int_equal(drop(T0 + 30 * DAY, UINT64_MAX, 1, &told), 1);
	assert_int_equal(blocks_files(dir, ".blk", path), 4);
	assert_int_equal(scan_all(), 0);
	assert_got(4, 5, 6, 7);
}

static void low_water_never_takes_what_is_to_be_kept(void **state)
{
	struct told told;
	struct sb_store_stats stats;

	(void)state;
	write_days(6);
	assert_int_equal(drop(T0 + 2 * DAY, UINT64_MAX, 0, &told), 2);
	assert_int_equal(drop(T0 + 2 * DAY, UINT64_MAX, 0, &told), 0);
	assert_int_equal(told.n, 0);
	assert_int_equal(drop(INT64_MAX, UINT64_MAX, 0, &told), 3);
	blocks_stats(&in, &stats);
	assert_int_equal(stats.blocks, 1); /* it says up to where all is durable */
	assert_int_equal(stats.seq_durable, 60);
}

static void what_a_block_corrects_does_not_come_back(void **state)
{
	/* The second corrects a value of the first, which reaches further; the third is later. */
	const struct piece wrong = { 1, T0, T0 + 2 * DAY, 1 };
	const struct piece right = { 1, T0 + SEC, T0 + SEC, 2 };
	const struct piece more = { 1, T0 + 5 * DAY, T0 + 5 * DAY, 3 };
	struct told told;

	(void)state;
	assert_int_equal(write_one(&wrong, 1, 10), 0);
	assert_int_equal(write_one(&right, 11, 20), 0);
	assert_int_equal(write_one(&more, 21, 30), 0);
	assert_int_equal(drop(T0 + DAY, UINT64_MAX, 0, &told), 0);
	assert_int_equal(scan_all(), 0);
	assert_got(1, 2, 3);
	assert_int_equal(drop(T0 + 4 * DAY, 1, 0, &told), 2);
	assert_int_equal(scan_all(), 0);
	assert_got(3);
}

static void what_was_dropped_is_gone_after_a_start_and_the_rest_is_there(void **state)
{
	struct told told;
	char path[400];

	(void)state;
	write_days(5);
	assert_int_equal(drop(T0 + 2 * DAY, UINT64_MAX, 0, &told), 2);
	fake_end(&in);
	assert_int_equal(fake_start(&in, STORE, dir), 0);
	assert_int_equal(blocks_files(dir, ".blk", path), 3);
	assert_int_equal(scan_all(), 0);
	assert_got(2, 3, 4);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fresh, end)
	const struct CMUnitTest tests[] = {
		TEST(low_water_takes_the_oldest_and_no_more_than_it_needs),
		TEST(low_water_never_takes_what_is_to_be_kept),
		TEST(what_a_block_corrects_does_not_come_back),
		TEST(what_was_dropped_is_gone_after_a_start_and_the_rest_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
