/* One block in place of many: in one moment, and after being killed at any system call too. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "store-sqlite/blocks.h"

#define BLOCKS 3
#define EACH   40

static struct instance in;
static struct pieces got;
static char dir[200];

/* ---- the moment of death: before the so-manieth call that changes anything on the disk */

static struct {
	long left; /* 0: never */
} death;

/* SQLite's calls come here as well. */
#define seen_by_all __attribute__((visibility("default")))

static void step(void)
{
	if (death.left && --death.left == 0)
		(void)kill(getpid(), SIGKILL);
}

seen_by_all int fsync(int fd)
{
	step();
	return (int)syscall(SYS_fsync, fd);
}

seen_by_all int unlink(const char *path)
{
	step();
	return (int)syscall(SYS_unlink, path);
}

seen_by_all int renameat2(int from_fd, const char *from, int to_fd, const char *to,
                          unsigned int flags)
{
	step();
	return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
}

seen_by_all ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	step();
	return syscall(SYS_pwrite64, fd, p, n, at);
}

/* ---- blocks */

static int fresh(void **state)
{
	(void)state;
	death.left = 0;
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

static int32_t restart(void)
{
	fake_end(&in);
	return fake_start(&in, STORE, dir);
}

static int32_t write_one(uint32_t level, uint64_t seq_min, uint64_t seq_max, int64_t t, size_t n,
                         uint32_t number)
{
	static struct piece pieces[BLOCKS * EACH];
	struct block_spec spec = { .seq_min = seq_min,
		                   .seq_max = seq_max,
		                   .t_min_ns = t,
		                   .t_max_ns = t + DAY,
		                   .level = level,
		                   .pieces = pieces,
		                   .n = n };

	for (uint32_t i = 0; i < n; i++)
		pieces[i] = (struct piece){ 1, t + i * SEC, t + i * SEC + MS, number + i };
	return blocks_write(&in, &spec);
}

/* Three blocks of one day, one after the other. */
static void write_three(void)
{
	for (uint32_t i = 0; i < BLOCKS; i++)
		assert_int_equal(write_one(0, 10 * i + 1, 10 * i + 10, T0 + i * EACH * SEC, EACH,
		                           i * EACH),
		                 0);
}

static int32_t replace_three(void)
{
	return write_one(1, 1, 30, T0, (size_t)BLOCKS * EACH, 0);
}

static int32_t scan(void)
{
	const uint32_t streams[] = { 1, 0 };
	return blocks_scan(&in, streams, INT64_MIN, INT64_MAX, "", &got);
}

/* Whatever the files are: each value once, in order. */
static void assert_all_there(void)
{
	assert_int_equal(scan(), 0);
	assert_int_equal(got.n, BLOCKS * EACH);
	for (uint32_t i = 0; i < got.n; i++)
		assert_int_equal(got.p[i].number, i);
}

static int files(const char *ending)
{
	char path[400];
	return blocks_files(dir, ending, path);
}

static void a_higher_block_replaces_what_lies_inside_it(void **state)
{
	(void)state;
	write_three();
	assert_int_equal(replace_three(), BLOCKS);
	assert_all_there();
	assert_int_equal(got.seqs[0], 30);
	assert_int_equal(files(".blk"), 1);
	assert_int_equal(restart(), 0);
	assert_all_there();
}

static void what_reaches_beyond_it_or_lies_elsewhere_stays(void **state)
{
	(void)state;
	write_three();
	assert_int_equal(write_one(0, 31, 40, T0, 1, 500), 0);
	assert_int_equal(write_one(0, 5, 10, T0 + 40 * DAY, 1, 501), 0); /* another month */
	assert_int_equal(write_one(1, 1, 20, T0, 80, 0), 2);
	assert_int_equal(files(".blk"), 4);
	assert_int_equal(write_one(1, 1, 30, T0, 120, 0), 1); /* not of its own level */
	assert_int_equal(files(".blk"), 4);
	assert_int_equal(write_one(2, 1, 30, T0, 120, 0), 2);
	assert_int_equal(restart(), 0);
	assert_int_equal(files(".blk"), 3);
	assert_int_equal(scan(), 0);
	assert_int_equal(got.n, BLOCKS * EACH + 2);
}

static int32_t count_chunk(void *ud, const struct sb_chunk *c, uint64_t seq)
{
	(void)c;
	(void)seq;
	if (++*(uint32_t *)ud == 5)
		assert_int_equal(replace_three(), BLOCKS);
	return 0;
}

static void whoever_reads_meanwhile_reads_on(void **state)
{
	const uint32_t stream = 1;
	uint32_t n = 0;
	struct sb_scan order = { .size = sizeof(order),
		                 .n_streams = 1,
		                 .streams = &stream,
		                 .from_ns = INT64_MIN,
		                 .to_ns = INT64_MAX };

	(void)state;
	write_three();
	assert_int_equal(in.store->scan(in.self, &order, count_chunk, &n), 0);
	assert_int_equal(n, BLOCKS * EACH);
	assert_int_equal(files(".blk"), 1);
}

static void a_block_without_chunks_leaves_nothing_behind(void **state)
{
	(void)state;
	write_three();
	assert_int_equal(write_one(1, 1, 20, T0, 0, 0), 2);
	assert_int_equal(files(".blk"), 1);
	assert_int_equal(files(".tmp"), 0);
	assert_int_equal(scan(), 0);
	assert_int_equal(got.n, EACH);
}

static void one_that_fails_changes_nothing(void **state)
{
	const struct piece pieces[] = { { 1, T0, T0, 1 } };
	const struct block_spec spec = { .seq_min = 1,
		                         .seq_max = 30,
		                         .t_min_ns = T0,
		                         .t_max_ns = T0,
		                         .level = 1,
		                         .fault = -ECANCELED,
		                         .pieces = pieces,
		                         .n = 1 };

	(void)state;
	write_three();
	assert_int_equal(blocks_write(&in, &spec), -ECANCELED);
	assert_all_there();
	assert_int_equal(files(".tmp"), 0);
	assert_int_equal(files(".blk"), BLOCKS);
}

/* True: it came to the end before. */
static bool die_at(long step_nr)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		death.left = step_nr;
		_exit(replace_three() == BLOCKS ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return WIFEXITED(status);
}

static void after_kill_9_at_every_step_each_value_is_there_once(void **state)
{
	bool over = false;
	long nr;

	(void)state;
	for (nr = 1; !over; nr++) {
		fake_end(&in);
		fake_remove_dir(dir);
		fake_make_dir(dir);
		assert_int_equal(fake_start(&in, STORE, dir), 0);
		write_three();
		over = die_at(nr);
		assert_int_equal(restart(), 0);
		assert_all_there();
		assert_int_equal(files(".tmp"), 0);
		assert_int_equal(files(".bad"), 0);
		assert_int_equal(files(".blk"), got.seqs[0] == 30 ? 1 : BLOCKS);
	}
	assert_true(nr > 10); /* written, synced, renamed, synced, removed three times */
}

static int32_t note(void *ud, const struct sb_block_info *info)
{
	struct sb_block_info *out = ud;
	static char name[400];

	if (info->seq_min != 11)
		return 0;
	*out = *info;
	(void)snprintf(name, sizeof(name), "%.*s", (int)info->name.n, info->name.p);
	out->name.p = name;
	return 0;
}

static int32_t add_chunk(void *ud, const struct sb_chunk *c, uint64_t seq)
{
	uint32_t number;

	memcpy(&number, c->data.p, sizeof(number));
	assert_int_equal(seq, 20);
	assert_int_equal(number, EACH + (*(uint32_t *)ud)++);
	return 0;
}

static void a_block_is_described_read_alone_and_set_aside(void **state)
{
	struct sb_block_info info = { 0 };
	uint32_t n = 0;

	(void)state;
	write_three();
	assert_int_equal(in.store->blocks(in.self, note, &info), 0);
	assert_int_equal(info.size, sizeof(info));
	assert_int_equal(info.seq_max, 20);
	assert_int_equal(info.chunks, EACH);
	assert_int_equal(info.rows, 10 * EACH);
	assert_int_equal(info.stream_max, 1);
	assert_int_equal(in.store->read_block(in.self, info.name, 0, add_chunk, &n), 0);
	assert_int_equal(n, EACH);
	assert_int_equal(in.store->read_block(in.self, info.name, 2, add_chunk, &n), 0);
	assert_int_equal(n, EACH);
	assert_int_equal(in.store->set_aside(in.self, info.name, NULL, NULL), 0);
	assert_int_equal(in.store->set_aside(in.self, info.name, NULL, NULL), SB_E_NOT_FOUND);
	assert_int_equal(in.store->read_block(in.self, info.name, 0, add_chunk, &n),
	                 SB_E_NOT_FOUND);
	if (fake_keeps_files()) {
		assert_int_equal(files(".bad"), 1);
		assert_int_equal(in.host.health, SB_HEALTH_DEGRADED);
	}
	assert_int_equal(scan(), 0);
	assert_int_equal(got.n, 2 * EACH);
}

static void exchanged_files_are_not_believed(void **state)
{
	char a[400];
	char b[400];
	char c[400];

	(void)state;
	write_three();
	assert_int_equal(blocks_files(dir, "r0-1-10.blk", a), 1);
	assert_int_equal(blocks_files(dir, "r0-11-20.blk", b), 1);
	(void)snprintf(c, sizeof(c), "%s/c", dir);
	assert_int_equal(rename(a, c), 0);
	assert_int_equal(rename(b, a), 0);
	assert_int_equal(rename(c, b), 0);
	assert_int_equal(restart(), 0);
	assert_int_equal(files(".bad"), 2);
	assert_int_equal(scan(), 0);
	assert_int_equal(got.n, EACH);
	assert_int_equal(in.host.health, SB_HEALTH_DEGRADED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_higher_block_replaces_what_lies_inside_it, fresh,
		                                end),
		cmocka_unit_test_setup_teardown(what_reaches_beyond_it_or_lies_elsewhere_stays,
		                                fresh, end),
		cmocka_unit_test_setup_teardown(whoever_reads_meanwhile_reads_on, fresh, end),
		cmocka_unit_test_setup_teardown(a_block_without_chunks_leaves_nothing_behind, fresh,
		                                end),
		cmocka_unit_test_setup_teardown(one_that_fails_changes_nothing, fresh, end),
		cmocka_unit_test_setup_teardown(a_block_is_described_read_alone_and_set_aside,
		                                fresh, end),
		cmocka_unit_test_setup_teardown(after_kill_9_at_every_step_each_value_is_there_once,
		                                fresh, end),
		cmocka_unit_test_setup_teardown(exchanged_files_are_not_believed, fresh, end),
	};

	return fake_run(tests, 2);
}
