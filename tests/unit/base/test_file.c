#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "check.h"

static char dir[] = "files-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	unlink("new");
	unlink("lock");
	rmdir("a/b/c");
	rmdir("a/b");
	rmdir("a");
	return chdir("..") == 0 ? rmdir(dir) : -1;
}

static void folders_are_made_with_their_parents(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(file_make_dir("a/b/c", 0700), 0);
	assert_int_equal(file_make_dir("a/b/c", 0700), 0);
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(file_write_atomic("new", "x", 1, 0600), 0);
	assert_int_equal(file_make_dir("new", 0700), -ENOTDIR);
	assert_int_equal(file_make_dir("new/b", 0700), -ENOTDIR);
}

static void a_file_is_written_whole_or_not_at_all(void **state)
{
	struct buffer b = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(file_write_atomic("new", "first", 5, 0600), 0);
	assert_int_equal(file_write_atomic("new", "second text", 11, 0600), 0);
	assert_int_equal(file_read_all("new", 11, &b), 0);
	assert_int_equal(b.n, 11);
	assert_memory_equal(b.p, "second text", 11);
	assert_int_equal(stat("new", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(file_write_atomic("nowhere/new", "x", 1, 0600), -ENOENT);
	assert_int_equal(file_sync_dir("."), 0);
	assert_int_equal(file_sync_dir("nowhere"), -ENOENT);
	buffer_fini(&b);
}

static void a_file_that_is_too_large_is_not_read(void **state)
{
	struct buffer b = { 0 };
	static char block[200000];

	(void)state;
	assert_int_equal(file_write_atomic("new", block, sizeof(block), 0600), 0);
	assert_int_equal(file_read_all("new", sizeof(block) - 1, &b), -EFBIG);
	buffer_reset(&b);
	assert_int_equal(file_read_all("new", sizeof(block), &b), 0);
	assert_int_equal(b.n, sizeof(block));
	assert_int_equal(file_read_all("nowhere", 1, &b), -ENOENT);
	buffer_fini(&b);
}

static void a_lock_names_its_holder(void **state)
{
	int first = -1;
	int second = -1;
	pid_t pid = 0;

	(void)state;
	assert_int_equal(file_lock("lock", &first, &pid), 0);
	assert_int_equal(pid, getpid());
	pid = 0;
	assert_int_equal(file_lock("lock", &second, &pid), -EWOULDBLOCK);
	assert_int_equal(pid, getpid());
	assert_int_equal(second, -1);
	close(first);
	assert_int_equal(file_lock("lock", &second, &pid), 0);
	close(second);
}

static void free_space_is_known(void **state)
{
	(void)state;
	uint64_t left = 0;
	uint64_t total = 0;
	file_space(".", &left, &total);
	assert_true(left > 0 && left <= total);
	file_space("nowhere", &left, &total);
	assert_int_equal(left + total, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folders_are_made_with_their_parents),
		cmocka_unit_test(a_file_is_written_whole_or_not_at_all),
		cmocka_unit_test(a_file_that_is_too_large_is_not_read),
		cmocka_unit_test(a_lock_names_its_holder),
		cmocka_unit_test(free_space_is_known),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
