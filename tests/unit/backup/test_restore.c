#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <signalbox/error.h>

#include "backup/archive.h"
#include "backup/files.h"
#include "backup/manifest.h"
#include "backup/restore.h"
#include "backup/sum.h"
#include "backup/tar.h"
#include "base/buffer.h"
#include "base/file.h"
#include "check.h"

/* A folder with a backup `b` of three files, and the archive `b.tar` of it. */
static char top[] = "restore-XXXXXX";
static char told[4096]; /* faults, one a line */

static const struct {
	const char *name, *text;
} contents[] = {
	{ "data/registry.db", "documents" },
	{ "data/journal/seg-0000000001.log", "records" },
	{ "data/series/raw/2026-11/r0-1-2.blk", "chunks" },
};

static void write_file(const char *path, const char *text)
{
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600), 0);
}

static void fill(struct manifest *m)
{
	struct buffer text = { 0 };

	*m = (struct manifest){ .version = "1", .seq = 9 };
	assert_int_equal(mkdir("b", 0700), 0);
	for (size_t i = 0; i < 3; i++) {
		char path[128];
		char sum[SUM_TEXT];
		uint64_t bytes;
		(void)snprintf(path, sizeof(path), "b/%s", contents[i].name);
		assert_int_equal(files_make_folders("b", contents[i].name), 0);
		write_file(path, contents[i].text);
		assert_int_equal(sum_file(path, &bytes, sum), 0);
		assert_int_equal(manifest_add(m, contents[i].name, bytes, sum), 0);
	}
	manifest_sort(m);
	assert_int_equal(manifest_give(m, &text), 0);
	assert_int_equal(file_write_atomic("b/" MANIFEST_NAME, text.p, text.n, 0600), 0);
	buffer_fini(&text);
}

static int set_up(void **state)
{
	struct manifest m;

	(void)state;
	memcpy(top, "restore-XXXXXX", sizeof(top));
	if (!mkdtemp(top) || chdir(top) < 0)
		return -1;
	fill(&m);
	assert_int_equal(archive_write("b.tar", "b", &m, NULL, NULL), 0);
	manifest_fini(&m);
	told[0] = '\0';
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return chdir("..") == 0 ? files_remove(top) : -1;
}

static void on_fault(void *ud, const char *text)
{
	size_t n = strlen(told);

	(void)ud;
	(void)snprintf(told + n, sizeof(told) - n, "%s\n", text);
}

static int restore(const char *from, const char *data)
{
	struct restore r = { .from = from, .fault = on_fault };
	int e = restore_run(&r, data);

	if (e == 0)
		assert_int_equal(r.manifest.seq, 9);
	restore_fini(&r);
	return e;
}

static void assert_file(const char *path, const char *text)
{
	struct buffer b = { 0 };

	assert_int_equal(file_read_all(path, 1000, &b), 0);
	assert_int_equal(b.n, strlen(text));
	assert_memory_equal(b.p, text, b.n);
	buffer_fini(&b);
}

static void assert_all(const char *data)
{
	for (size_t i = 0; i < 3; i++) {
		char path[128];
		(void)snprintf(path, sizeof(path), "%s/%s", data, contents[i].name + 5);
		assert_file(path, contents[i].text);
	}
}

static void a_folder_and_an_archive_give_the_same(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(restore("b", "x"), 0);
	assert_all("x");
	assert_int_equal(restore("b.tar", "y/"), 0);
	assert_all("y");
	assert_int_equal(stat("x/series/raw/2026-11/r0-1-2.blk", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(stat("x", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(access("x.restoring", F_OK), -1);
	assert_string_equal(told, "");
}

static void nothing_is_overwritten(void **state)
{
	(void)state;
	assert_int_equal(mkdir("x", 0700), 0);
	assert_int_equal(restore("b", "x"), 0); /* an empty folder is nothing */
	assert_int_equal(restore("b", "x"), -EEXIST);
	assert_non_null(strstr(told, "nothing is overwritten"));
	write_file("file", "mine");
	assert_int_equal(restore("b", "file"), -EEXIST);
	assert_file("file", "mine");
}

static void what_a_killed_one_left_is_no_obstacle(void **state)
{
	(void)state;
	assert_int_equal(mkdir("x.restoring", 0700), 0);
	assert_int_equal(mkdir("x.restoring/data", 0700), 0);
	write_file("x.restoring/data/registry.db", "half");
	assert_int_equal(restore("b", "x"), 0);
	assert_all("x");
	assert_int_equal(access("x.restoring", F_OK), -1);
}

static void every_fault_is_named(void **state)
{
	(void)state;
	write_file("b/data/registry.db", "document5");
	write_file("b/data/journal/seg-0000000001.log", "record");
	assert_int_equal(unlink("b/data/series/raw/2026-11/r0-1-2.blk"), 0);
	assert_int_equal(restore("b", "x"), SB_E_CORRUPT);
	assert_non_null(strstr(told, "data/registry.db: its bytes were changed"));
	assert_non_null(strstr(told, "seg-0000000001.log: has 6 bytes instead of 7"));
	assert_non_null(strstr(told, "r0-1-2.blk: is missing"));
	assert_int_equal(access("x", F_OK), -1);
	assert_int_equal(access("x.restoring", F_OK), -1);
}

static void a_link_in_a_backup_leads_nowhere(void **state)
{
	(void)state;
	assert_int_equal(unlink("b/data/registry.db"), 0);
	assert_int_equal(symlink("/etc/hostname", "b/data/registry.db"), 0);
	assert_int_equal(restore("b", "x"), SB_E_CORRUPT);
	assert_non_null(strstr(told, "data/registry.db: is missing"));
}

static void an_archive_cannot_write_beside_the_data_directory(void **state)
{
	FILE *f = fopen("bad.tar", "we");
	struct tar_writer w = { .fd = fileno(f) };

	(void)state;
	assert_int_equal(tar_begin(&w, "data/../../evil", 4, 0), 0);
	assert_int_equal(tar_put(&w, "evil", 4), 0);
	assert_int_equal(tar_end(&w), 0);
	fclose(f);
	assert_int_equal(restore("bad.tar", "x"), SB_E_NAME);
	assert_int_equal(access("evil", F_OK), -1);
	assert_int_equal(access("../evil", F_OK), -1);
}

static void a_look_links_blocks_and_nothing_that_is_written(void **state)
{
	struct restore r = { .from = "b", .link = true, .fault = on_fault };
	struct stat st;

	(void)state;
	assert_int_equal(mkdir("look", 0700), 0);
	assert_int_equal(restore_into(&r, "look"), 0);
	restore_fini(&r);
	assert_all("look");
	assert_int_equal(stat("look/series/raw/2026-11/r0-1-2.blk", &st), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(stat("look/registry.db", &st), 0);
	assert_int_equal(st.st_nlink, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_folder_and_an_archive_give_the_same, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_overwritten, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_a_killed_one_left_is_no_obstacle, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(every_fault_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_link_in_a_backup_leads_nowhere, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(an_archive_cannot_write_beside_the_data_directory,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_look_links_blocks_and_nothing_that_is_written,
		                                set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
