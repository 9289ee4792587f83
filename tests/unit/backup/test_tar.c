#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <signalbox/error.h>

#include "backup/tar.h"
#include "check.h"

static int file;

static int set_up(void **state)
{
	(void)state;
	file = memfd_create("archive", MFD_CLOEXEC);
	return file < 0;
}

static int tear_down(void **state)
{
	(void)state;
	return close(file);
}

static void put(struct tar_writer *t, const char *name, const char *text)
{
	assert_int_equal(tar_begin(t, name, strlen(text), 1790000000), 0);
	if (*text)
		assert_int_equal(tar_put(t, text, strlen(text)), 0);
}

static const char *text_of(struct tar_reader *t)
{
	static char buf[4096];
	size_t n = 0;
	ssize_t got;

	while ((got = tar_get(t, buf + n, 7)) > 0)
		n += (size_t)got;
	assert_int_equal(got, 0);
	buf[n] = '\0';
	return buf;
}

static void what_is_written_is_read(void **state)
{
	struct tar_writer w = { .fd = file };
	struct tar_reader r = { .fd = file };
	char longer[200];
	char text[2000];

	(void)state;
	memset(longer, 'd', sizeof(longer));
	memcpy(longer, "data/", 5);
	longer[110] = '/';
	longer[199] = '\0';
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	put(&w, "data/a", "first");
	put(&w, "data/empty", "");
	put(&w, longer, text);
	assert_int_equal(tar_end(&w), 0);
	assert_int_equal(lseek(file, 0, SEEK_END) % TAR_BLOCK, 0);
	assert_int_equal(lseek(file, 0, SEEK_SET), 0);

	assert_int_equal(tar_next(&r), 1);
	assert_string_equal(r.name, "data/a");
	assert_string_equal(text_of(&r), "first");
	assert_int_equal(tar_next(&r), 1);
	assert_string_equal(r.name, "data/empty");
	assert_int_equal(r.bytes, 0);
	assert_int_equal(tar_next(&r), 1); /* nothing of the empty one was read */
	assert_string_equal(r.name, longer);
	assert_string_equal(text_of(&r), text);
	assert_int_equal(tar_next(&r), 0);
}

static void a_name_that_fits_nowhere_is_refused(void **state)
{
	struct tar_writer w = { .fd = file };
	char name[150];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(tar_begin(&w, name, 0, 0), -ENAMETOOLONG);
}

static void sizes_beyond_8_gib_go_as_pax_records(void **state)
{
	const uint64_t bytes = (8ULL << 30) + 12345;
	struct tar_writer w = { .fd = file };
	struct tar_reader r = { .fd = file };

	(void)state;
	assert_int_equal(tar_begin(&w, "data/big", bytes, 0), 0);
	assert_int_equal(lseek(file, 0, SEEK_SET), 0);
	assert_int_equal(tar_next(&r), 1);
	assert_string_equal(r.name, "data/big");
	assert_true(r.bytes == bytes);
}

static void more_than_announced_is_refused(void **state)
{
	struct tar_writer w = { .fd = file };

	(void)state;
	assert_int_equal(tar_begin(&w, "data/a", 3, 0), 0);
	assert_int_equal(tar_put(&w, "four", 4), -EFBIG);
}

/* Wherever it is cut, somebody notices. */
static void a_cut_archive_is_no_archive(void **state)
{
	struct tar_writer w = { .fd = file };
	off_t whole;

	(void)state;
	put(&w, "data/a", "first");
	put(&w, "data/b", "second");
	assert_int_equal(tar_end(&w), 0);
	whole = lseek(file, 0, SEEK_END);
	for (off_t n = whole - 2 * TAR_BLOCK; n >= 0; n -= 101) {
		struct tar_reader r = { .fd = file };
		char bytes[64];
		int answer;

		assert_int_equal(ftruncate(file, n), 0);
		assert_int_equal(lseek(file, 0, SEEK_SET), 0);
		while ((answer = tar_next(&r)) == 1) {
			ssize_t got;
			while ((got = tar_get(&r, bytes, sizeof(bytes))) > 0)
				;
			if (got < 0) {
				answer = (int)got;
				break;
			}
		}
		assert_int_equal(answer, SB_E_CORRUPT);
	}
}

/* Whatever it is, it is read to an end. */
static void noise_is_no_archive(void **state)
{
	uint32_t seed = 7;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct tar_writer w = { .fd = file };
		struct tar_reader r = { .fd = file };
		char bytes[64];
		int answer;

		assert_int_equal(ftruncate(file, 0), 0);
		assert_int_equal(lseek(file, 0, SEEK_SET), 0);
		put(&w, "data/a", "first");
		assert_int_equal(tar_end(&w), 0);
		for (int i = 0; i < 1 + round % 4; i++) {
			seed = seed * 1664525 + 1013904223;
			char byte = (char)(seed >> 24);
			assert_int_equal(pwrite(file, &byte, 1, (seed >> 8) % 600), 1);
		}
		assert_int_equal(lseek(file, 0, SEEK_SET), 0);
		while ((answer = tar_next(&r)) == 1)
			while (tar_get(&r, bytes, sizeof(bytes)) > 0)
				;
		assert_true(answer <= 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_name_that_fits_nowhere_is_refused, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(sizes_beyond_8_gib_go_as_pax_records, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(more_than_announced_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_cut_archive_is_no_archive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(noise_is_no_archive, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
