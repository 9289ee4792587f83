#include "base/log.h"
#include "journal/kit.h"

static int setup(void **state)
{
	struct kit *kit = calloc(1, sizeof(*kit));
	log_init(LOG_LEVEL_ERROR);
	kit_init(kit);
	kit->config.segment_bytes = 256 * 1024;
	kit_open(kit);
	kit_start(kit);
	*state = kit;
	return 0;
}

static int teardown(void **state)
{
	kit_fini(*state);
	free(*state);
	return 0;
}

static void put(struct kit *kit, uint64_t from, uint64_t to, size_t n)
{
	for (uint64_t i = from; i <= to; i++)
		kit_put(kit, i, n);
	assert_int_equal(kit_wait(kit), 0);
}

static void expect(struct journal_cursor *c, uint64_t from, uint64_t to)
{
	struct sb_bytes payload;
	uint64_t seq, number;
	for (uint64_t i = from; i <= to; i++) {
		assert_int_equal(journal_cursor_next(c, &seq, &payload), 0);
		assert_int_equal(seq, i);
		kit_check(payload, &number);
		assert_int_equal(number, i);
	}
}

static void a_cursor_that_keeps_up_reads_everything_once(void **state)
{
	struct kit *kit = *state;
	struct journal_cursor *c;
	struct sb_bytes payload;
	uint64_t seq;
	assert_int_equal(journal_cursor_new(kit->j, 0, &c), 0);
	assert_int_equal(journal_cursor_next(c, &seq, &payload), SB_AGAIN);
	for (uint64_t round = 0; round < 50; round++) {
		put(kit, round * 20 + 1, round * 20 + 20, 700);
		expect(c, round * 20 + 1, round * 20 + 20);
		assert_int_equal(journal_cursor_next(c, &seq, &payload), SB_AGAIN);
	}
	journal_cursor_free(c);
}

static void a_cursor_far_behind_reads_the_segments(void **state)
{
	struct kit *kit = *state;
	struct journal_cursor *c, *late;
	assert_int_equal(journal_cursor_new(kit->j, 0, &c), 0);
	put(kit, 1, 1500, 8000); /* 12 MB: more than memory keeps */
	assert_int_equal(journal_cursor_new(kit->j, 700, &late), 0);
	expect(c, 1, 1500);
	expect(late, 701, 1500);
	put(kit, 1501, 1600, 8000);
	expect(c, 1501, 1600);
	expect(late, 1501, 1600);
	journal_cursor_free(c);
	journal_cursor_free(late);
}

static void what_a_cursor_needs_is_not_recycled(void **state)
{
	struct kit *kit = *state;
	struct journal_cursor *c;
	struct journal_stats stats;
	assert_int_equal(journal_cursor_new(kit->j, 0, &c), 0);
	put(kit, 1, 200, 8000);
	journal_checkpoint(kit->j, 200);
	put(kit, 201, 400, 8000);
	journal_stats(kit->j, &stats);
	assert_true(stats.segments > 10);
	expect(c, 1, 400);
	journal_cursor_free(c);
	for (int i = 0; i < 10000; i++) {
		journal_stats(kit->j, &stats);
		if (stats.segments < 9)
			break;
		kit_nap();
	}
	assert_true(stats.segments < 9);
	assert_int_equal(journal_cursor_new(kit->j, 0, &c), SB_E_RANGE);
	assert_int_equal(journal_cursor_new(kit->j, 399, &c), 0);
	expect(c, 400, 400);
	journal_cursor_free(c);
}

static void a_cursor_opened_after_a_restart_finds_its_place(void **state)
{
	struct kit *kit = *state;
	struct journal_cursor *c;
	put(kit, 1, 100, 3000);
	kit_close(kit);
	kit_open(kit);
	kit_start(kit);
	assert_int_equal(journal_cursor_new(kit->j, 40, &c), 0);
	expect(c, 41, 100);
	put(kit, 101, 120, 3000);
	expect(c, 101, 120);
	journal_cursor_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_cursor_that_keeps_up_reads_everything_once),
		TEST(a_cursor_far_behind_reads_the_segments),
		TEST(what_a_cursor_needs_is_not_recycled),
		TEST(a_cursor_opened_after_a_restart_finds_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
