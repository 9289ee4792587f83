#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/log.h"
#include "journal/kit.h"

enum { RUNS = 50 };

struct shared { /* what the child tells before it dies */
	_Atomic uint64_t acked, published;
	_Atomic bool ready, broken;
};

/* Goes on writing until it is killed; numbers follow on, every decided one is told. */
static void child(struct kit *kit, struct shared *sh)
{
	struct kit_records all = { 0 };
	uint64_t acked = atomic_load(&sh->acked);
	uint64_t after = acked > 100 ? acked - 100 : 0;
	int r;
	if (journal_new(&kit->j, &kit->config) < 0 ||
	    journal_replay(kit->j, after, kit_collect, &all) < 0 || journal_start(kit->j) < 0 ||
	    journal_ring_new(kit->j, 64 * 1024, kit_progress, kit, &kit->ring) < 0) {
		atomic_store(&sh->broken, true);
		_exit(1);
	}
	uint64_t base = journal_seq(kit->j), number = base;
	atomic_store(&sh->acked, number);
	atomic_store(&sh->ready, true);
	for (;;) {
		/* Counted before they can be seen: what is recovered was published. */
		uint64_t n = 1 + number % 7;
		atomic_store(&sh->published, number + n);
		for (uint64_t i = 0; i < n; i++) {
			number++;
			kit_put(kit, number, 20 + number * 37 % 3000);
		}
		journal_ring_publish(kit->ring);
		if (number % 3 == 0)
			kit_wait(kit);
		atomic_store(&sh->acked, base + journal_ring_done(kit->ring, &r));
		if (number > 200)
			journal_checkpoint(kit->j, number - 200);
	}
}

static uint64_t one_run(struct kit *kit, struct shared *sh, int run)
{
	struct kit_records all = { 0 };
	atomic_store(&sh->ready, false);
	pid_t pid = fork();
	if (pid == 0)
		child(kit, sh);
	/* A slow machine gets as far as a fast one, only later. */
	uint64_t base = atomic_load(&sh->acked);
	while ((!atomic_load(&sh->ready) ||
	        atomic_load(&sh->acked) < base + (uint64_t)run * 13 % 60) &&
	       !atomic_load(&sh->broken))
		kit_nap();
	assert_false(atomic_load(&sh->broken));
	nanosleep(&(struct timespec){ .tv_nsec = (1 + run * 7 % 40) * 1000000 }, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);

	uint64_t acked = atomic_load(&sh->acked), published = atomic_load(&sh->published);
	uint64_t after = acked > 100 ? acked - 100 : 0;
	kit_open(kit);
	assert_int_equal(journal_replay(kit->j, after, kit_collect, &all), 0);
	uint64_t recovered = journal_seq(kit->j);
	kit_close(kit);
	assert_true(recovered >= acked);
	assert_true(recovered <= published || recovered == acked);
	if (all.n) {
		assert_int_equal(all.first, after + 1);
		assert_int_equal(all.last, recovered);
		assert_int_equal(all.seq_last, recovered);
	} else {
		assert_int_equal(recovered, 0);
	}
	return recovered;
}

static void a_killed_process_loses_nothing_it_acknowledged(void **state)
{
	struct kit kit;
	(void)state;
	kit_init(&kit);
	kit.config.segment_bytes = 128 * 1024; /* recycled many times over */
	struct shared *sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
	                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t recovered = 0;
	for (int run = 0; run < RUNS; run++) {
		uint64_t before = recovered;
		recovered = one_run(&kit, sh, run);
		assert_true(recovered >= before);
	}
	assert_true(recovered > 1000);
	munmap(sh, sizeof(*sh));
	kit_fini(&kit);
}

int main(void)
{
	log_init(LOG_LEVEL_ERROR);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_killed_process_loses_nothing_it_acknowledged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
