#include <pthread.h>

#include "journal/kit.h"
#include "journal/shelf.h"

static int setup(void **state)
{
	struct kit *kit = calloc(1, sizeof(*kit));
	kit_init(kit);
	*state = kit;
	return 0;
}

static int teardown(void **state)
{
	kit_fini(*state);
	free(*state);
	return 0;
}

static void what_was_decided_is_there_after_a_restart(void **state)
{
	struct kit *kit = *state;
	struct kit_records all = { 0 };
	kit_open(kit);
	kit_start(kit);
	for (uint64_t i = 1; i <= 1000; i++)
		kit_put(kit, i, 9 + i % 300);
	assert_int_equal(kit_wait(kit), 0);
	assert_int_equal(journal_seq(kit->j), 1000);
	kit_close(kit);

	kit_open(kit);
	assert_int_equal(journal_replay(kit->j, 0, kit_collect, &all), 0);
	assert_int_equal(all.n, 1000);
	assert_int_equal(all.first, 1);
	assert_int_equal(all.seq_last, 1000);
	kit_start(kit);
	kit_put(kit, 1001, 20);
	assert_int_equal(kit_wait(kit), 0);
	kit_close(kit);

	all = (struct kit_records){ 0 };
	kit_open(kit);
	assert_int_equal(journal_replay(kit->j, 600, kit_collect, &all), 0);
	assert_int_equal(all.n, 401);
	assert_int_equal(all.first, 601);
}

static void everything_published_is_committed_by_free(void **state)
{
	struct kit *kit = *state;
	struct kit_records all = { 0 };
	kit_open(kit);
	kit_start(kit);
	for (uint64_t i = 1; i <= 100; i++)
		kit_put(kit, i, 100);
	journal_ring_publish(kit->ring);
	kit_close(kit);
	kit_open(kit);
	assert_int_equal(journal_replay(kit->j, 0, kit_collect, &all), 0);
	assert_int_equal(all.n, 100);
}

/* Five segments of records, which nobody needs any more then. */
static void stretch(struct kit *kit, uint64_t *number)
{
	struct journal_stats stats;
	for (int i = 0; i < 600; i++) {
		kit_put(kit, ++*number, 9000);
		if (i % 20 == 19)
			assert_int_equal(kit_wait(kit), 0);
	}
	journal_checkpoint(kit->j, *number);
	for (int i = 0; i < 5000; i++) {
		journal_stats(kit->j, &stats);
		if (stats.segments == 1 && stats.segments_spare >= 2)
			return;
		kit_nap();
	}
	fail_msg("%llu segments, %llu spares", (unsigned long long)stats.segments,
	         (unsigned long long)stats.segments_spare);
}

static size_t files_of(const struct kit *kit, ino_t *inodes, size_t cap)
{
	size_t n = 0;
	DIR *dir = opendir(kit->dir);
	assert_non_null(dir);
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		if (strncmp(e->d_name, "seg-", 4) == 0) {
			assert_true(n < cap);
			inodes[n++] = e->d_ino;
		}
	closedir(dir);
	return n;
}

static void what_a_stretch_took_is_there_for_the_next(void **state)
{
	struct kit *kit = *state;
	ino_t before[64];
	ino_t after[64];
	uint64_t number = 0;
	kit_open(kit);
	kit_start(kit);
	for (int i = 0; i < 3; i++)
		stretch(kit, &number);
	size_t n = files_of(kit, before, 64);
	for (int i = 0; i < 3; i++)
		stretch(kit, &number);
	size_t now = files_of(kit, after, 64);
	assert_true(now <= n);
	for (size_t i = 0; i < now; i++) {
		bool known = false;
		for (size_t k = 0; k < n; k++)
			known |= before[k] == after[i];
		assert_true(known);
	}
	/* Room is short: only the spares that are wanted stay. */
	struct journal_stats stats;
	journal_hold(kit->j, true);
	do {
		kit_nap();
		journal_stats(kit->j, &stats);
	} while (stats.segments_spare > 2);
	assert_int_equal(stats.segments_spare, 2);
	kit_close(kit);
}

static void segments_follow_each_other_and_are_recycled(void **state)
{
	struct kit *kit = *state;
	struct kit_records all = { 0 };
	struct journal_stats stats;
	kit_open(kit);
	kit_start(kit);
	uint64_t number = 0;
	for (int round = 0; round < 30; round++) {
		for (int i = 0; i < 40; i++)
			kit_put(kit, ++number, 9000);
		assert_int_equal(kit_wait(kit), 0);
		if (round > 1)
			journal_checkpoint(kit->j, number - 50);
	}
	for (int i = 0; i < 1000; i++) {
		journal_stats(kit->j, &stats);
		if (stats.segments <= 2)
			break;
		kit_nap();
	}
	assert_true(stats.segments <= 2);
	assert_true(stats.segments_spare <= kit->config.spare_segments + SHELF_SPARES_MAX);
	assert_int_equal(stats.records, number);
	kit_close(kit);

	kit_open(kit);
	assert_int_equal(journal_replay(kit->j, number - 50, kit_collect, &all), 0);
	assert_int_equal(all.n, 50);
	assert_int_equal(all.last, number);
	assert_int_equal(all.seq_last, number);
}

/* The newest segment that holds records, cut off at the last page its records cross: all that gets
 * to the file when a process is killed in the middle of write(). */
static void tear_last_group(struct kit *kit)
{
	uint8_t *p = malloc(kit->config.segment_bytes);
	char path[128];
	size_t end = kit->config.segment_bytes;
	(void)snprintf(path, sizeof(path), "%s/seg-0000000001.log", kit->dir);
	int fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, p, end, 0), end);
	while (end && p[end - 1] == 0)
		end--;
	size_t cut = (end - 1) / 4096 * 4096;
	memset(p + cut, 0, kit->config.segment_bytes - cut);
	assert_int_equal(pwrite(fd, p, kit->config.segment_bytes, 0), kit->config.segment_bytes);
	close(fd);
	free(p);
}

static void a_record_torn_by_a_kill_hides_none_that_come_later(void **state)
{
	struct kit *kit = *state;
	struct kit_records all = { 0 };
	kit_open(kit);
	kit_start(kit);
	for (uint64_t i = 1; i <= 20; i++)
		kit_put(kit, i, 1000);
	assert_int_equal(kit_wait(kit), 0);
	kit_close(kit);
	tear_last_group(kit);
	for (int run = 0; run < 2; run++) {
		all = (struct kit_records){ 0 };
		kit_open(kit);
		assert_int_equal(journal_replay(kit->j, 0, kit_collect, &all), 0);
		assert_in_range(all.n, 10 + run, 19 + run);
		assert_int_equal(journal_seq(kit->j), all.n);
		kit_start(kit);
		kit_put(kit, all.n + 1, 1000);
		assert_int_equal(kit_wait(kit), 0);
		kit_close(kit);
		uint64_t had = all.n;
		all = (struct kit_records){ 0 };
		kit_open(kit);
		assert_int_equal(journal_replay(kit->j, 0, kit_collect, &all), 0);
		assert_int_equal(all.n, had + 1);
		kit_close(kit);
	}
}

static void numbers_go_on_when_the_directory_was_lost(void **state)
{
	struct kit *kit = *state;
	kit_open(kit);
	assert_int_equal(journal_replay(kit->j, 5000, kit_collect, NULL), 0);
	kit_start(kit);
	kit_put(kit, 1, 20);
	assert_int_equal(kit_wait(kit), 0);
	assert_int_equal(journal_seq(kit->j), 5001);
	kit_close(kit);
	struct kit_records all = { 0 };
	kit_open(kit);
	assert_int_equal(journal_replay(kit->j, 0, kit_collect, &all), 0);
	assert_int_equal(all.seq_first, 5001);
}

struct definer {
	struct kit *kit;
	struct journal_ring *ring;
	uint32_t base;
};

static void *define_and_refer(void *arg)
{
	struct definer *d = arg;
	for (uint32_t i = 0; i < 400; i++) {
		uint32_t id = d->base + i;
		uint8_t definition[5] = { 2 };
		memcpy(definition + 1, &id, 4);
		assert_int_equal(journal_define(d->kit->j, (struct sb_bytes){ definition, 5 }), 0);
		uint8_t *p;
		while (!(p = journal_ring_reserve(d->ring, 5))) {
			journal_ring_publish(d->ring);
			kit_nap();
		}
		p[0] = 1;
		memcpy(p + 1, &id, 4);
		journal_ring_commit(d->ring, 5);
		journal_ring_publish(d->ring);
		if (i % 50 == 0)
			kit_nap();
	}
	return NULL;
}

static int refers_to_defined(void *ud, uint64_t seq, struct sb_bytes payload)
{
	uint8_t *defined = ud;
	uint32_t id;
	(void)seq;
	memcpy(&id, payload.p + 1, 4);
	assert_true(id < 2000);
	if (payload.p[0] == 2)
		defined[id] = 1;
	else
		assert_true(defined[id]);
	return 0;
}

static void definitions_stand_before_what_refers_to_them(void **state)
{
	struct kit *kit = *state;
	struct definer definers[2];
	pthread_t threads[2];
	kit_open(kit);
	kit_start(kit);
	for (uint32_t t = 0; t < 2; t++) {
		definers[t] = (struct definer){ .kit = kit, .base = t * 1000 };
		assert_int_equal(journal_ring_new(kit->j, 4096, kit_progress, kit,
		                                  &definers[t].ring),
		                 0);
		pthread_create(&threads[t], NULL, define_and_refer, &definers[t]);
	}
	for (uint32_t t = 0; t < 2; t++) {
		pthread_join(threads[t], NULL);
		journal_ring_retire(definers[t].ring);
	}
	kit_close(kit);
	uint8_t *defined = calloc(1, 2000);
	kit_open(kit);
	assert_int_equal(journal_replay(kit->j, 0, refers_to_defined, defined), 0);
	assert_int_equal(journal_seq(kit->j), 1600);
	free(defined);
}

static void a_record_beyond_the_limit_is_refused(void **state)
{
	struct kit *kit = *state;
	kit_open(kit);
	kit_start(kit);
	assert_null(journal_ring_reserve(kit->ring, JOURNAL_RECORD_MAX + 1));
	assert_null(journal_ring_reserve(kit->ring, 300 * 1024));
}

static void under_load_groups_wait_for_company(void **state)
{
	struct kit *kit = *state;
	struct journal_stats stats;
	kit->config.linger_max_ns = 5000000;
	kit_open(kit);
	kit_start(kit);
	struct timespec begin, now;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	uint64_t number = 0;
	do {
		for (int i = 0; i < 20; i++)
			kit_put(kit, ++number, 30);
		journal_ring_publish(kit->ring);
		kit_nap();
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 <
	         500);
	assert_int_equal(kit_wait(kit), 0);
	journal_stats(kit->j, &stats);
	assert_int_equal(stats.records, number);
	assert_true(stats.commits < 200); /* 500 ms / 5 ms, and a start without waiting */
}

struct seen {
	uint64_t n;
	struct journal_commit *kept;
};

static void look_at_commit(void *ud, struct journal_commit *commit)
{
	struct seen *seen = ud;
	size_t at = 0;
	uint64_t seq, number;
	struct sb_bytes payload;
	while (journal_commit_next(commit, &at, &seq, &payload)) {
		kit_check(payload, &number);
		assert_int_equal(number, ++seen->n);
		assert_int_equal(seq, number);
	}
	assert_int_equal(seq, journal_commit_seq_last(commit));
	if (!seen->kept)
		seen->kept = journal_commit_ref(commit);
}

static void commits_hold_the_records_in_order(void **state)
{
	struct kit *kit = *state;
	struct seen seen = { 0 };
	kit->config.committed = look_at_commit;
	kit->config.health_changed = NULL;
	kit->config.ud = &seen;
	kit_open(kit);
	kit_start(kit);
	for (uint64_t i = 1; i <= 5000; i++)
		kit_put(kit, i, 9 + i % 64);
	assert_int_equal(kit_wait(kit), 0);
	assert_int_equal(seen.n, 5000);
	kit_close(kit);
	/* A commit outlives its journal. */
	assert_int_equal(journal_commit_seq_first(seen.kept), 1);
	journal_commit_unref(seen.kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_decided_is_there_after_a_restart, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(everything_published_is_committed_by_free, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(what_a_stretch_took_is_there_for_the_next, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(segments_follow_each_other_and_are_recycled, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(a_record_torn_by_a_kill_hides_none_that_come_later,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(numbers_go_on_when_the_directory_was_lost, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(definitions_stand_before_what_refers_to_them, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(a_record_beyond_the_limit_is_refused, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(under_load_groups_wait_for_company, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(commits_hold_the_records_in_order, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
