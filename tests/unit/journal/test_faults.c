#include "base/log.h"
#include "journal/bad_disk.h"
#include "journal/kit.h"

struct faulty {
	struct kit kit;
	struct bad_disk disk;
};

static int setup(void **state)
{
	struct faulty *f = calloc(1, sizeof(*f));
	log_init(LOG_LEVEL_ERROR + 1);
	kit_init(&f->kit);
	bad_disk_init(&f->disk);
	f->kit.config.disk = &f->disk.ops;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct faulty *f = *state;
	kit_fini(&f->kit);
	free(f);
	return 0;
}

static void wait_for_health(struct kit *kit, enum journal_health want)
{
	struct journal_stats stats;
	for (int i = 0; i < 20000; i++) {
		journal_stats(kit->j, &stats);
		if (stats.health == want)
			return;
		kit_nap();
	}
	fail_msg("health did not change");
}

/* Two spares ready: what follows does not depend on the thread that makes them. */
static void wait_for_spares(struct kit *kit, uint64_t n)
{
	struct journal_stats stats;
	for (int i = 0; i < 20000; i++) {
		journal_stats(kit->j, &stats);
		if (stats.segments_spare >= n)
			return;
		kit_nap();
	}
	fail_msg("no spares");
}

static void put_and_wait(struct kit *kit, uint64_t from, uint64_t to, int want)
{
	for (uint64_t i = from; i <= to; i++)
		kit_put(kit, i, 100);
	assert_int_equal(kit_wait(kit), want);
}

static void replay(struct faulty *f, struct kit_records *all)
{
	*all = (struct kit_records){ 0 };
	kit_close(&f->kit);
	bad_disk_init(&f->disk);
	kit_open(&f->kit);
	assert_int_equal(journal_replay(f->kit.j, 0, kit_collect, all), 0);
}

static void a_failed_sync_moves_to_a_fresh_segment_and_loses_nothing(void **state)
{
	struct faulty *f = *state;
	struct kit_records all;
	struct journal_stats stats;
	kit_open(&f->kit);
	kit_start(&f->kit);
	put_and_wait(&f->kit, 1, 10, 0);
	wait_for_spares(&f->kit, 2);
	for (uint64_t round = 1; round < 5; round++) {
		atomic_store(&f->disk.sync_fails, 1);
		put_and_wait(&f->kit, round * 10 + 1, round * 10 + 10, 0);
		wait_for_spares(&f->kit, 2);
	}
	journal_stats(f->kit.j, &stats);
	assert_true(stats.sync_failures >= 1);
	assert_int_equal(stats.health, JOURNAL_OK);
	assert_int_equal(atomic_load(&f->kit.health_calls), 0);
	assert_int_equal(atomic_load(&f->disk.touched_spoiled), 0);
	replay(f, &all);
	assert_int_equal(all.n, 50);
	assert_int_equal(all.seq_last, 50);
}

static void a_failed_write_moves_to_a_fresh_segment_and_loses_nothing(void **state)
{
	struct faulty *f = *state;
	struct kit_records all;
	kit_open(&f->kit);
	kit_start(&f->kit);
	put_and_wait(&f->kit, 1, 10, 0);
	wait_for_spares(&f->kit, 2);
	atomic_store(&f->disk.write_fails, 1);
	put_and_wait(&f->kit, 11, 200, 0);
	replay(f, &all);
	assert_int_equal(all.n, 200);
}

static void a_dead_disk_degrades_and_fails_at_once(void **state)
{
	struct faulty *f = *state;
	struct kit_records all;
	kit_open(&f->kit);
	kit_start(&f->kit);
	put_and_wait(&f->kit, 1, 10, 0);
	wait_for_spares(&f->kit, 2);
	atomic_store(&f->disk.sync_fails, -1);
	put_and_wait(&f->kit, 11, 20, -EIO);
	wait_for_health(&f->kit, JOURNAL_DEGRADED);
	assert_int_equal(atomic_load(&f->kit.health_r), -EIO);
	put_and_wait(&f->kit, 11, 30, -EIO);
	assert_int_equal(journal_seq(f->kit.j), 10);
	assert_int_equal(atomic_load(&f->disk.touched_spoiled), 0);

	atomic_store(&f->disk.sync_fails, 0);
	wait_for_health(&f->kit, JOURNAL_OK);
	assert_int_equal(atomic_load(&f->kit.health_calls), 2);
	put_and_wait(&f->kit, 11, 15, 0);
	assert_int_equal(journal_seq(f->kit.j), 15);
	replay(f, &all);
	assert_int_equal(all.n, 15); /* nothing of what failed, each number once */
	assert_int_equal(all.last, 15);
}

static void the_fate_of_failed_records_is_never_mixed_up(void **state)
{
	struct faulty *f = *state;
	struct kit *kit = &f->kit;
	int r;
	kit_open(kit);
	kit_start(kit);
	put_and_wait(kit, 1, 5, 0);
	wait_for_spares(kit, 2);
	atomic_store(&f->disk.sync_fails, -1);
	for (uint64_t i = 6; i <= 8; i++)
		kit_put(kit, i, 50);
	journal_ring_publish(kit->ring);
	wait_for_health(kit, JOURNAL_DEGRADED);
	atomic_store(&f->disk.sync_fails, 0);
	wait_for_health(kit, JOURNAL_OK);
	for (uint64_t i = 9; i <= 10; i++)
		kit_put(kit, i, 50);
	journal_ring_publish(kit->ring);
	while (journal_seq(kit->j) < 7)
		kit_nap();
	/* The owner looks only now: failed first, then durable. */
	assert_int_equal(journal_ring_done(kit->ring, &r), 8);
	assert_int_equal(r, -EIO);
	while (journal_ring_done(kit->ring, &r) < 10)
		assert_int_equal(r, 0);
	assert_int_equal(r, 0);
}

static void short_writes_are_finished(void **state)
{
	struct faulty *f = *state;
	struct kit_records all;
	atomic_store(&f->disk.is_short, true);
	kit_open(&f->kit);
	kit_start(&f->kit);
	put_and_wait(&f->kit, 1, 500, 0);
	replay(f, &all);
	assert_int_equal(all.n, 500);
}

static void a_full_disk_uses_up_the_spares_then_degrades_and_comes_back(void **state)
{
	struct faulty *f = *state;
	struct kit *kit = &f->kit;
	struct kit_records all = { 0 };
	kit->config.segment_bytes = 256 * 1024;
	kit_open(kit);
	kit_start(kit);
	put_and_wait(kit, 1, 1, 0);
	wait_for_spares(kit, 2);
	atomic_store(&f->disk.is_full, true);
	uint64_t number = 1;
	int r = 0;
	while (r == 0) {
		assert_true(number < 1000);
		kit_put(kit, ++number, 20000);
		r = kit_wait(kit);
	}
	assert_int_equal(r, -ENOSPC);
	assert_true(number > 25); /* three segments of 12 records */
	uint64_t good = number - 1;
	/* What is in blocks frees segments, and these take new records. */
	journal_checkpoint(kit->j, good - 2);
	wait_for_health(kit, JOURNAL_OK);
	for (uint64_t i = good + 1; i <= good + 5; i++)
		kit_put(kit, i, 20000);
	assert_int_equal(kit_wait(kit), 0);
	kit_close(kit);
	kit_open(kit);
	assert_int_equal(journal_replay(kit->j, good - 2, kit_collect, &all), 0);
	assert_int_equal(all.n, 7);
	assert_int_equal(all.seq_last, good + 5);
}

static void what_is_set_aside_is_not_for_segments(void **state)
{
	struct faulty *f = *state;
	struct kit *kit = &f->kit;
	struct journal_stats stats;
	kit->config.segment_bytes = 256 * 1024;
	kit_open(kit);
	kit_start(kit);
	put_and_wait(kit, 1, 1, 0);
	wait_for_spares(kit, 2);
	journal_hold(kit->j, true);
	uint64_t number = 1;
	int r = 0;
	while (r == 0) {
		assert_true(number < 1000);
		kit_put(kit, ++number, 20000);
		r = kit_wait(kit);
	}
	assert_int_equal(r, -ENOSPC);
	journal_stats(kit->j, &stats);
	assert_int_equal(stats.segments + stats.segments_spare, 3);
	journal_checkpoint(kit->j, number - 2); /* what nobody needs is used again all the same */
	wait_for_health(kit, JOURNAL_OK);
	kit_put(kit, number, 20000);
	assert_int_equal(kit_wait(kit), 0);
	journal_hold(kit->j, false);
	wait_for_spares(kit, 2);
}

static void a_slow_disk_makes_groups_larger_not_losses(void **state)
{
	struct faulty *f = *state;
	struct journal_stats stats;
	struct kit_records all;
	kit_open(&f->kit);
	kit_start(&f->kit);
	put_and_wait(&f->kit, 1, 1, 0);
	atomic_store(&f->disk.sync_ns, 20000000);
	put_and_wait(&f->kit, 2, 3000, 0);
	journal_stats(f->kit.j, &stats);
	assert_true(stats.commits < 100);
	assert_true(stats.sync_ns_max >= 20000000);
	atomic_store(&f->disk.sync_ns, 0);
	replay(f, &all);
	assert_int_equal(all.n, 3000);
}

static int count_types(void *ud, uint64_t seq, struct sb_bytes payload)
{
	uint32_t *n = ud;
	(void)seq;
	n[payload.p[0] & 7]++;
	return 0;
}

static void definitions_outlive_a_degraded_time(void **state)
{
	struct faulty *f = *state;
	struct kit *kit = &f->kit;
	uint32_t n[8] = { 0 };
	const uint8_t definition[4] = { 2, 1, 2, 3 };
	kit_open(kit);
	kit_start(kit);
	put_and_wait(kit, 1, 1, 0);
	wait_for_spares(kit, 2);
	atomic_store(&f->disk.write_fails, -1);
	for (int i = 0; i < 100; i++)
		assert_int_equal(journal_define(kit->j, (struct sb_bytes){ definition, 4 }), 0);
	put_and_wait(kit, 2, 2, -EIO);
	atomic_store(&f->disk.write_fails, 0);
	wait_for_health(kit, JOURNAL_OK);
	put_and_wait(kit, 2, 2, 0);
	kit_close(kit);
	kit_open(kit);
	assert_int_equal(journal_replay(kit->j, 0, count_types, n), 0);
	assert_int_equal(n[2], 100);
	assert_int_equal(n[5], 2);
}

static void a_directory_that_cannot_be_written_degrades_from_the_start(void **state)
{
	struct faulty *f = *state;
	atomic_store(&f->disk.error, EROFS);
	atomic_store(&f->disk.open_fails, -1);
	kit_open(&f->kit);
	kit_start(&f->kit);
	put_and_wait(&f->kit, 1, 1, -EROFS);
	atomic_store(&f->disk.open_fails, 0);
	wait_for_health(&f->kit, JOURNAL_OK);
	put_and_wait(&f->kit, 1, 1, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_failed_sync_moves_to_a_fresh_segment_and_loses_nothing),
		TEST(a_failed_write_moves_to_a_fresh_segment_and_loses_nothing),
		TEST(a_dead_disk_degrades_and_fails_at_once),
		TEST(the_fate_of_failed_records_is_never_mixed_up),
		TEST(short_writes_are_finished),
		TEST(a_full_disk_uses_up_the_spares_then_degrades_and_comes_back),
		TEST(what_is_set_aside_is_not_for_segments),
		TEST(a_slow_disk_makes_groups_larger_not_losses),
		TEST(definitions_outlive_a_degraded_time),
		TEST(a_directory_that_cannot_be_written_degrades_from_the_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
