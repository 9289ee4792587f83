#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <signalbox/error.h>

#include "backup/daily.h"
#include "backup/files.h"
#include "backup/manifest.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "check.h"

static char dir[] = "daily-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	memcpy(dir, "daily-XXXXXX", sizeof(dir));
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return files_remove(dir);
}

static void make(const char *name, int64_t made_s, bool proved)
{
	struct manifest m = { .version = "1", .made_ns = made_s * NS_PER_S };
	struct buffer text = { 0 };
	char path[256];
	char file[300];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)snprintf(file, sizeof(file), "%s/" MANIFEST_NAME, path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(manifest_give(&m, &text), 0);
	assert_int_equal(file_write_atomic(file, text.p, text.n, 0600), 0);
	buffer_fini(&text);
	if (proved)
		assert_int_equal(daily_mark(path), 0);
}

static bool exists(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void names_are_times(void **state)
{
	char name[DAILY_NAME_MAX];

	(void)state;
	daily_name(name, 1795401000LL * NS_PER_S);
	assert_string_equal(name, "20261123T023000Z");
}

static void only_what_was_proved_counts(void **state)
{
	char name[DAILY_NAME_MAX];
	int64_t made = 0;

	(void)state;
	assert_int_equal(daily_newest(dir, name, &made), SB_E_NOT_FOUND);
	make("20260101T000000Z", 1000, true);
	make("20260102T000000Z", 2000, true);
	make("20260103T000000Z", 3000, false);
	make("mine", 4000, true);
	assert_int_equal(daily_newest(dir, name, &made), 0);
	assert_string_equal(name, "20260102T000000Z");
	assert_int_equal(made, 2000 * NS_PER_S);
}

static void what_is_left_over_goes_and_what_is_not_ours_stays(void **state)
{
	(void)state;
	make("20260101T000000Z", 1000, true);
	make("20260102T000000Z", 2000, false);
	make("20260103T000000Z.partial", 3000, false);
	make("20260103T000000Z.scratch", 3000, false);
	make("mine", 4000, false);
	make("mine.partial", 4000, false);
	assert_int_equal(daily_clean(dir), 3);
	assert_true(exists("20260101T000000Z"));
	assert_false(exists("20260102T000000Z"));
	assert_false(exists("20260103T000000Z.partial"));
	assert_true(exists("mine"));
	assert_true(exists("mine.partial"));
}

static void the_oldest_go(void **state)
{
	(void)state;
	for (int day = 1; day <= 5; day++) {
		char name[DAILY_NAME_MAX];
		(void)snprintf(name, sizeof(name), "2026010%dT000000Z", day);
		make(name, day, true);
	}
	make("mine", 9, true);
	assert_int_equal(daily_prune(dir, 2, "20260101T000000Z"), 2);
	assert_true(
		exists("20260101T000000Z")); /* the one that was just made, by a clock gone wrong */
	assert_false(exists("20260102T000000Z"));
	assert_false(exists("20260103T000000Z"));
	assert_true(exists("20260104T000000Z"));
	assert_true(exists("20260105T000000Z"));
	assert_true(exists("mine"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_times),
		cmocka_unit_test_setup_teardown(only_what_was_proved_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_left_over_goes_and_what_is_not_ours_stays,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_oldest_go, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
