#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/own.h"
#include "journal/copy.h"
#include "journal/kit.h"

struct pair {
	struct kit from, to;
	uint64_t sent;
	_Atomic bool stop;
};

static int setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));
	log_init(LOG_LEVEL_ERROR + 1);
	kit_init(&p->from);
	kit_init(&p->to);
	kit_open(&p->from);
	kit_start(&p->from);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;
	kit_fini(&p->from);
	kit_fini(&p->to);
	free(p);
	return 0;
}

static void put(struct pair *p, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		kit_put(&p->from, ++p->sent, 500);
	assert_int_equal(kit_wait(&p->from), 0);
}

/* What a platform finds that is started on it. */
static struct kit_records replay(struct pair *p)
{
	struct kit_records all = { 0 };
	kit_open(&p->to);
	assert_int_equal(journal_replay(p->to.j, 0, kit_collect, &all), 0);
	return all;
}

static void a_copy_has_every_record_and_can_be_written_on(void **state)
{
	struct pair *p = *state;
	put(p, 5000);
	struct journal_copy copy = { .dir = p->to.dir };
	assert_int_equal(journal_copy_run(p->from.j, &copy), 0);
	assert_int_equal(copy.records, 5000);
	assert_int_equal(copy.seq_first, 1);
	assert_int_equal(copy.seq_last, 5000);
	assert_true(copy.segments >= 3);
	struct kit_records all = replay(p);
	assert_int_equal(all.n, 5000);
	kit_start(&p->to);
	kit_put(&p->to, 5001, 100);
	assert_int_equal(kit_wait(&p->to), 0);
	kit_close(&p->to);
	all = replay(p);
	assert_int_equal(all.n, 5001);
}

static void an_empty_journal_has_an_empty_copy(void **state)
{
	struct pair *p = *state;
	struct journal_copy copy = { .dir = p->to.dir };
	assert_int_equal(journal_copy_run(p->from.j, &copy), 0);
	assert_int_equal(copy.records, 0);
	assert_int_equal(replay(p).n, 0);
}

static void *write_on(void *ud)
{
	struct pair *p = ud;
	while (!atomic_load(&p->stop)) {
		put(p, 50);
		journal_checkpoint(p->from.j, journal_seq(p->from.j));
	}
	return NULL;
}

/* Everything of before it began, although segments would be recycled all the time. */
static void what_was_durable_when_it_began_is_in_it_while_writing_goes_on(void **state)
{
	struct pair *p = *state;
	pthread_t thread;
	put(p, 3000);
	assert_int_equal(pthread_create(&thread, NULL, write_on, p), 0);
	for (int round = 0; round < 5; round++) {
		struct journal_hold *hold;
		assert_int_equal(journal_hold_new(p->from.j, 0, &hold), 0);
		uint64_t before = journal_seq(p->from.j);
		struct journal_copy copy = { .dir = p->to.dir };
		assert_int_equal(journal_copy_run(p->from.j, &copy), 0);
		journal_hold_free(hold);
		struct kit_records all = replay(p);
		assert_true(copy.seq_last >= before);
		assert_int_equal(all.seq_last, copy.seq_last);
		assert_int_equal(all.n, copy.records);
		kit_fini(&p->to);
		kit_init(&p->to);
	}
	atomic_store(&p->stop, true);
	pthread_join(thread, NULL);
}

static int stop_it(void *ud, uint64_t done, uint64_t all)
{
	assert_true(done <= all);
	(*(int *)ud)++;
	return -ECANCELED;
}

static void it_ends_when_told(void **state)
{
	struct pair *p = *state;
	int calls = 0;
	put(p, 3000);
	struct journal_copy copy = { .dir = p->to.dir, .step = stop_it, .ud = &calls };
	assert_int_equal(journal_copy_run(p->from.j, &copy), -ECANCELED);
	assert_int_equal(calls, 1);
}

static void damage_is_not_copied_silently(void **state)
{
	struct pair *p = *state;
	char path[128];
	uint8_t zeros[512] = { 0 };
	put(p, 3000);
	(void)snprintf(path, sizeof(path), "%s/seg-0000000001.log", p->from.dir);
	_own_(closep) int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, zeros, sizeof(zeros), 400000), sizeof(zeros));
	struct journal_copy copy = { .dir = p->to.dir };
	assert_int_equal(journal_copy_run(p->from.j, &copy), SB_E_CORRUPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_copy_has_every_record_and_can_be_written_on),
		TEST(an_empty_journal_has_an_empty_copy),
		TEST(what_was_durable_when_it_began_is_in_it_while_writing_goes_on),
		TEST(it_ends_when_told),
		TEST(damage_is_not_copied_silently),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
