#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "store-sqlite/fake.h"

#define DOCS 1 /* index of the descriptor */
#define ANY  UINT64_MAX

static struct instance in;
static char dir[200];

static int fresh(void **state)
{
	(void)state;
	fake_make_dir(dir);
	return fake_start(&in, DOCS, dir);
}

static int end(void **state)
{
	(void)state;
	fake_end(&in);
	fake_remove_dir(dir);
	return 0;
}

static void restart(void)
{
	fake_end(&in);
	assert_int_equal(fake_start(&in, DOCS, dir), 0);
}

static struct sb_doc_put put_of(const char *space, const char *key, const char *doc,
                                uint64_t if_rev)
{
	return (struct sb_doc_put){
		.space = fake_str(space),
		.key = fake_str(key),
		.doc = { (const uint8_t *)doc, strlen(doc) },
		.if_rev = if_rev,
	};
}

static int32_t put(const char *key, const char *doc, uint64_t if_rev, uint64_t *rev)
{
	struct sb_doc_put one = put_of("s", key, doc, if_rev);
	uint32_t bad = 77;

	return in.docstore->put(in.self, &one, 1, rev, &bad);
}

struct got {
	char doc[64];
	uint64_t rev;
	int n;
};

static void on_got(void *ud, int32_t r, struct sb_bytes doc, uint64_t rev)
{
	struct got *got = ud;

	assert_int_equal(r, 0);
	got->n++;
	got->rev = rev;
	(void)snprintf(got->doc, sizeof(got->doc), "%.*s", (int)doc.n, (const char *)doc.p);
}

static int32_t get(const char *key, struct got *got)
{
	*got = (struct got){ .n = 0 };
	return in.docstore->get(in.self, fake_str("s"), fake_str(key), on_got, got);
}

static void what_was_put_is_there_after_a_restart(void **state)
{
	struct got got;
	uint64_t rev = 0;

	(void)state;
	assert_int_equal(put("a", "one", 0, &rev), 0);
	assert_true(rev > 0);
	restart();
	assert_int_equal(get("a", &got), 0);
	assert_string_equal(got.doc, "one");
	assert_int_equal(got.rev, rev);
	assert_int_equal(get("b", &got), SB_E_NOT_FOUND);
	assert_int_equal(got.n, 0);
}

static void compare_and_set_is_all_or_nothing_and_names_the_culprit(void **state)
{
	struct sb_doc_put puts[3];
	uint64_t revs[3];
	uint64_t rev = 0;
	uint32_t bad = 77;
	struct got got;

	(void)state;
	assert_int_equal(put("a", "one", 0, &rev), 0);
	assert_int_equal(put("a", "two", 0, &rev), SB_E_CONFLICT);
	puts[0] = put_of("s", "b", "new", 0);
	puts[1] = put_of("s", "a", "two", rev + 1);
	puts[2] = put_of("s", "c", "new", ANY);
	assert_int_equal(in.docstore->put(in.self, puts, 3, revs, &bad), SB_E_CONFLICT);
	assert_int_equal(bad, 1);
	assert_int_equal(get("b", &got), SB_E_NOT_FOUND);
	puts[1].if_rev = rev;
	assert_int_equal(in.docstore->put(in.self, puts, 3, revs, &bad), 0);
	assert_int_equal(get("a", &got), 0);
	assert_string_equal(got.doc, "two");
	assert_int_equal(got.rev, revs[1]);
}

static void revisions_never_come_again_even_after_removal_and_restart(void **state)
{
	uint64_t first = 0;
	uint64_t removed = 1;
	uint64_t second = 0;

	(void)state;
	assert_int_equal(put("a", "one", ANY, &first), 0);
	assert_int_equal(put("a", "", first, &removed), 0);
	assert_int_equal(removed, 0);
	assert_int_equal(put("a", "", ANY, &removed), 0);
	restart();
	assert_int_equal(put("a", "two", 0, &second), 0);
	assert_true(second > first);
}

struct rows {
	char keys[256];
	int n, stop_after;
};

static int32_t on_row(void *ud, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	struct rows *rows = ud;
	size_t at = strlen(rows->keys);
	struct got got;

	assert_true(doc.n > 0 && rev > 0);
	(void)snprintf(rows->keys + at, sizeof(rows->keys) - at, "%.*s ", (int)key.n, key.p);
	assert_int_equal(get("b", &got), 0); /* asking while being answered is allowed */
	return ++rows->n == rows->stop_after ? -ECANCELED : 0;
}

static int32_t scan(const char *space, const char *from, uint32_t limit, struct rows *rows)
{
	rows->keys[0] = 0;
	rows->n = 0;
	return in.docstore->scan(in.self, fake_str(space), fake_str(from), limit, on_row, rows);
}

static void a_scan_goes_by_bytes_from_a_key_and_stays_in_its_space(void **state)
{
	struct rows rows = { .stop_after = 0 };
	struct sb_doc_put other = put_of("s2", "b", "x", ANY);
	uint32_t bad;

	(void)state;
	assert_int_equal(put("b", "x", ANY, NULL), 0);
	assert_int_equal(put("a", "x", ANY, NULL), 0);
	assert_int_equal(put("\xff", "x", ANY, NULL), 0);
	assert_int_equal(put("Z", "x", ANY, NULL), 0);
	assert_int_equal(in.docstore->put(in.self, &other, 1, NULL, &bad), 0);
	assert_int_equal(scan("s", "", 0, &rows), 0);
	assert_string_equal(rows.keys, "Z a b \xff ");
	assert_int_equal(scan("s", "aa", 0, &rows), 0);
	assert_string_equal(rows.keys, "b \xff ");
	assert_int_equal(scan("s", "", 2, &rows), 0);
	assert_string_equal(rows.keys, "Z a ");
	rows.stop_after = 3;
	assert_int_equal(scan("s", "", 0, &rows), -ECANCELED);
	assert_int_equal(rows.n, 3);
	assert_int_equal(scan("none", "", 0, &rows), 0);
}

static void names_outside_the_rules_are_refused(void **state)
{
	char text[600];
	struct sb_doc_put bad_ones[] = {
		put_of("", "k", "x", ANY),  put_of("UPPER", "k", "x", ANY),
		put_of("s", "", "x", ANY),  put_of("s'; drop table doc;", "k", "x", ANY),
		put_of("s", "k", "x", ANY), put_of("s", "k", "x", ANY),
	};
	uint32_t bad;

	(void)state;
	memset(text, 'x', sizeof(text));
	bad_ones[4].space = sb_str_of(text, 65);
	bad_ones[5].key = sb_str_of(text, 513);
	for (size_t i = 0; i < sizeof(bad_ones) / sizeof(*bad_ones); i++)
		assert_int_equal(in.docstore->put(in.self, &bad_ones[i], 1, NULL, &bad), SB_E_NAME);
}

static void every_acknowledged_put_survives_kill_9(void **state)
{
	struct got got;
	int pipes[2];
	int acked = 0;
	int status;
	char key[16];
	pid_t pid;

	(void)state;
	fake_end(&in); /* a database is not carried through fork */
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		if (fake_start(&in, DOCS, dir) < 0)
			_exit(1);
		for (int i = 0; i < 100000; i++) {
			(void)snprintf(key, sizeof(key), "k%d", i);
			if (put(key, "value", 0, NULL) < 0 ||
			    write(pipes[1], &i, sizeof(i)) != sizeof(i))
				_exit(1);
		}
		_exit(0);
	}
	close(pipes[1]);
	for (int i; acked < 300 && read(pipes[0], &i, sizeof(i)) == sizeof(i);)
		acked = i + 1;
	assert_int_equal(kill(pid, SIGKILL), 0);
	for (int i; read(pipes[0], &i, sizeof(i)) == sizeof(i);)
		acked = i + 1;
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(acked >= 300);
	assert_int_equal(fake_start(&in, DOCS, dir), 0);
	for (int i = 0; i < acked; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(get(key, &got), 0);
	}
	assert_int_equal(put("after", "value", 0, NULL), 0);
}

static void a_full_disk_refuses_and_forgets_nothing(void **state)
{
	struct got got;
	char *big = malloc(200001);
	int n = 0;
	int32_t r = 0;

	(void)state;
	big[200000] = 0;
	assert_int_equal(put("before", "kept", ANY, NULL), 0);
	fake_disk_room(1 << 20);
	while (r == 0 && n++ < 100) {
		memset(big, 'a' + n % 26, 200000); /* what is the same would not be written */
		r = put("big", big, ANY, NULL);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(put("small", "x", ANY, NULL), -ENOSPC);
	fake_disk_room(0);
	restart();
	assert_int_equal(get("before", &got), 0);
	assert_int_equal(put("small", "x", ANY, NULL), -ENOSPC);
	fake_disk_room(INT64_MAX);
	assert_int_equal(in.host.health, SB_HEALTH_DEGRADED);
	assert_int_equal(get("before", &got), 0);
	assert_string_equal(got.doc, "kept");
	assert_int_equal(put("after", "x", 0, NULL), 0);
	assert_int_equal(in.host.health, SB_HEALTH_OK);
	restart();
	assert_int_equal(get("before", &got), 0);
	assert_int_equal(get("after", &got), 0);
	free(big);
}

static off_t size_of(const char *suffix)
{
	char path[300];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/registry.db%s", dir, suffix);
	return stat(path, &st) == 0 ? st.st_size : -1;
}

static void commits_move_into_the_database_when_nobody_is_busy(void **state)
{
	char key[16];

	(void)state;
	for (int i = 0; i < 50; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(put(key, "value", 0, NULL), 0);
	}
	assert_true(size_of("-wal") > 0);
	fake_tick(&in, 10);
	assert_int_equal(size_of("-wal"), 0);
	assert_true(size_of("") > 0);
	fake_end(&in);
	assert_int_equal(size_of("-wal"), -1);
	assert_int_equal(fake_start(&in, DOCS, dir), 0);
}

static void nobody_else_may_open_or_read_the_database(void **state)
{
	struct instance second;
	struct stat st;
	char path[300];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/registry.db", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(put("a", "x", ANY, NULL), 0);
	assert_true(fake_start(&second, DOCS, dir) < 0);
	fake_end(&second);
}

static void patch(const char *suffix, off_t at, const void *p, size_t n)
{
	char path[300];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/registry.db%s", dir, suffix);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, n, at), (ssize_t)n);
	close(fd);
}

static void newer_foreign_and_damaged_databases_are_refused_with_a_reason(void **state)
{
	const uint8_t version[4] = { 0, 0, 0, 2 };
	char junk[8192];

	(void)state;
	assert_int_equal(put("a", "x", ANY, NULL), 0);
	fake_end(&in);
	patch("", 60, version, 4);
	assert_int_equal(fake_start(&in, DOCS, dir), SB_E_ABI);
	assert_non_null(strstr(in.host.why, "newer version"));
	fake_end(&in);

	memset(junk, 'j', sizeof(junk));
	patch("", 0, junk, sizeof(junk));
	assert_int_equal(fake_start(&in, DOCS, dir), SB_E_CORRUPT);
	assert_non_null(strstr(in.host.why, "backup"));
}

static void a_configuration_without_an_absolute_folder_is_refused(void **state)
{
	struct instance bad;

	(void)state;
	assert_int_equal(fake_start(&bad, DOCS, "relative"), SB_E_RANGE);
	assert_non_null(strstr(bad.host.why, "absolute"));
	bad.descriptor->ops->destroy(bad.self);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_put_is_there_after_a_restart, fresh, end),
		cmocka_unit_test_setup_teardown(
			compare_and_set_is_all_or_nothing_and_names_the_culprit, fresh, end),
		cmocka_unit_test_setup_teardown(
			revisions_never_come_again_even_after_removal_and_restart, fresh, end),
		cmocka_unit_test_setup_teardown(
			a_scan_goes_by_bytes_from_a_key_and_stays_in_its_space, fresh, end),
		cmocka_unit_test_setup_teardown(names_outside_the_rules_are_refused, fresh, end),
		cmocka_unit_test_setup_teardown(every_acknowledged_put_survives_kill_9, fresh, end),
		cmocka_unit_test_setup_teardown(a_full_disk_refuses_and_forgets_nothing, fresh,
		                                end),
		cmocka_unit_test_setup_teardown(commits_move_into_the_database_when_nobody_is_busy,
		                                fresh, end),
		cmocka_unit_test_setup_teardown(nobody_else_may_open_or_read_the_database, fresh,
		                                end),
		cmocka_unit_test_setup_teardown(
			newer_foreign_and_damaged_databases_are_refused_with_a_reason, fresh, end),
		cmocka_unit_test_setup_teardown(
			a_configuration_without_an_absolute_folder_is_refused, fresh, end),
	};

	return fake_run(tests, 6);
}
