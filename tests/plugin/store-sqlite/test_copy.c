/* Copies of blocks and documents while they are used. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "store-sqlite/blocks.h"

#define DOCS    1
#define MANY    3000
#define TO_ROOM 260

static struct instance in, other;
static struct pieces got;
static char dir[200], to[200];

static int fresh_blocks(void **state)
{
	(void)state;
	fake_make_dir(dir);
	fake_make_dir(to);
	return fake_start(&in, STORE, dir);
}

static int fresh_docs(void **state)
{
	(void)state;
	fake_make_dir(dir);
	fake_make_dir(to);
	return fake_start(&in, DOCS, dir);
}

static int end(void **state)
{
	(void)state;
	fake_end(&in);
	fake_remove_dir(dir);
	fake_remove_dir(to);
	return 0;
}

/* ---- blocks */

static void write_day(uint32_t number)
{
	const struct piece piece = { 1, T0 + number * DAY, T0 + number * DAY + SEC, number };
	const struct block_spec spec = {
		.seq_min = number * 10 + 1,
		.seq_max = number * 10 + 10,
		.t_min_ns = piece.t_min_ns,
		.t_max_ns = piece.t_max_ns,
		.last = 1,
		.pieces = &piece,
		.n = 1,
	};

	assert_int_equal(blocks_write(&in, &spec), 0);
}

struct told {
	int n, linked, kept, copied;
	uint64_t bytes, chunks;
	int32_t answer;
	int drop_at;
};

/* Whatever happens to a block once the copy began, it is in it. */
static int32_t on_copied(void *ud, const struct sb_copied *c)
{
	struct told *told = ud;
	const struct sb_drop all = { .size = sizeof(all),
		                     .before_ns = INT64_MAX,
		                     .bytes = UINT64_MAX };

	told->n++;
	told->linked += c->how == SB_COPY_LINKED;
	told->kept += c->how == SB_COPY_KEPT;
	told->copied += c->how == SB_COPY_COPIED;
	told->bytes += c->bytes;
	told->chunks += c->chunks;
	if (told->n == told->drop_at) {
		write_day(20);
		assert_true(in.store->drop(in.self, &all, NULL, NULL) > 0);
	}
	return told->answer;
}

static int32_t copy_blocks(const char *folder, const char *base, struct told *told)
{
	const struct sb_copy order = { .size = sizeof(order),
		                       .to = fake_str(folder),
		                       .base = fake_str(base),
		                       .fn = on_copied,
		                       .ud = told };

	return in.store->copy(in.self, &order);
}

static size_t chunks_of_copy(const char *folder)
{
	const uint32_t streams[] = { 1, 0 };

	assert_int_equal(fake_start(&other, STORE, folder), 0);
	assert_int_equal(blocks_scan(&other, streams, INT64_MIN, INT64_MAX, "", &got), 0);
	fake_end(&other);
	return got.n;
}

static void a_copy_has_the_blocks_of_the_moment_it_began(void **state)
{
	struct told told = { .drop_at = 1 };

	(void)state;
	for (uint32_t i = 0; i < 5; i++)
		write_day(i);
	assert_int_equal(copy_blocks(to, "", &told), 5);
	assert_int_equal(told.n, 5);
	assert_int_equal(told.linked, 5);
	assert_int_equal(told.chunks, 5);
	assert_true(told.bytes >= 5 * 16384);
	assert_int_equal(chunks_of_copy(to), 5);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(got.p[i].number, i);
}

static void on_another_disk_only_what_is_new_is_copied(void **state)
{
	char far[] = "/dev/shm/store-copy-XXXXXX";
	char first[TO_ROOM];
	char second[TO_ROOM];
	struct told told = { 0 };
	struct stat here;
	struct stat there;

	(void)state;
	assert_non_null(mkdtemp(far));
	if (stat(dir, &here) < 0 || stat(far, &there) < 0 || here.st_dev == there.st_dev) {
		fake_remove_dir(far);
		skip();
	}
	(void)snprintf(first, sizeof(first), "%s/1", far);
	(void)snprintf(second, sizeof(second), "%s/2", far);
	assert_int_equal(mkdir(first, 0700), 0);
	assert_int_equal(mkdir(second, 0700), 0);
	write_day(0);
	write_day(1);
	assert_int_equal(copy_blocks(first, "", &told), 2);
	assert_int_equal(told.copied, 2);
	write_day(2);
	told = (struct told){ 0 };
	assert_int_equal(copy_blocks(second, first, &told), 3);
	assert_int_equal(told.kept, 2);
	assert_int_equal(told.copied, 1);
	assert_int_equal(chunks_of_copy(second), 3);
	fake_remove_dir(far);
}

static void a_copy_ends_when_told_and_says_why_it_cannot(void **state)
{
	struct told told = { .answer = -ECANCELED };

	(void)state;
	write_day(0);
	write_day(1);
	assert_int_equal(copy_blocks(to, "", &told), -ECANCELED);
	assert_int_equal(told.n, 1);
	told = (struct told){ 0 };
	assert_int_equal(copy_blocks("/proc/nowhere", "", &told), -ENOENT);
	assert_non_null(strstr(in.host.why, "/proc/nowhere"));
}

/* ---- documents */

static void put(const char *key, int value)
{
	char text[600];
	struct sb_doc_put one = { .space = SB_STR("space"),
		                  .key = fake_str(key),
		                  .if_rev = UINT64_MAX };

	memset(text, 'x', sizeof(text));
	one.doc.p = (const uint8_t *)text;
	one.doc.n = sizeof(text);
	(void)snprintf(text, sizeof(text), "%d", value);
	assert_int_equal(in.docstore->put(in.self, &one, 1, NULL, NULL), 0);
}

static void put_many(void)
{
	static struct sb_doc_put puts[MANY];
	static char keys[MANY][16];
	static char text[600] = "1";

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), "%05d", i);
		puts[i] = (struct sb_doc_put){ .space = SB_STR("space"),
			                       .key = fake_str(keys[i]),
			                       .doc = { (const uint8_t *)text, sizeof(text) },
			                       .if_rev = UINT64_MAX };
	}
	assert_int_equal(in.docstore->put(in.self, puts, MANY, NULL, NULL), 0);
}

static void note_value(void *ud, int32_t r, struct sb_bytes doc, uint64_t rev)
{
	assert_int_equal(r, 0);
	assert_true(rev > 0);
	*(int *)ud = (int)strtol((const char *)doc.p, NULL, 10);
}

static int value_in_copy(const char *key)
{
	int value = -1;
	int32_t r = other.docstore->get(other.self, SB_STR("space"), fake_str(key), note_value,
	                                &value);

	return r == 0 ? value : r;
}

static void documents_of_one_moment_are_copied_while_they_change(void **state)
{
	struct sb_doc_copy order = { .size = sizeof(order), .to = fake_str(to) };
	uint64_t documents = 0;
	int steps = 0;
	int32_t r;

	(void)state;
	put_many();
	while ((r = in.docstore->copy(in.self, &order)) == 1) {
		assert_true(order.pages_done <= order.pages_all);
		put("00001", 2 + steps); /* copied already */
		put("02999", 2 + steps); /* not yet */
		put("new", 2 + steps);
		steps++;
	}
	assert_int_equal(r, 0);
	assert_true(order.documents == MANY || (steps > 0 && order.documents == MANY + 1));
	assert_true(order.bytes > 0);
	put("after", 1);
	assert_int_equal(fake_start(&other, DOCS, to), 0);
	assert_int_equal(other.docstore->check(other.self, &documents), 0);
	assert_int_equal(documents, order.documents);
	assert_int_equal(value_in_copy("00000"), 1);
	if (steps) {
		assert_int_equal(value_in_copy("00001"), 1 + steps);
		assert_int_equal(value_in_copy("02999"), 1 + steps);
		assert_int_equal(value_in_copy("new"), 1 + steps);
	}
	assert_int_equal(value_in_copy("after"), SB_E_NOT_FOUND);
	fake_end(&other);
}

static void a_copy_that_is_given_up_leaves_nothing(void **state)
{
	struct sb_doc_copy order = { .size = sizeof(order), .to = fake_str(to) };
	struct sb_doc_copy give_up = { .size = sizeof(give_up) };
	char path[TO_ROOM];

	(void)state;
	put_many();
	(void)snprintf(path, sizeof(path), "%s/registry.db", to);
	if (in.docstore->copy(in.self, &order) == 1) {
		assert_int_equal(access(path, F_OK), 0);
		assert_int_equal(in.docstore->copy(in.self, &give_up), 0);
		assert_int_equal(access(path, F_OK), -1);
	}
	order.to = fake_str("/proc/nowhere");
	assert_int_equal(in.docstore->copy(in.self, &order), -ENOENT);
	/* What is there is not overwritten. */
	order.to = fake_str(dir);
	assert_int_equal(in.docstore->copy(in.self, &order), -EEXIST);
	assert_int_equal(in.docstore->get(in.self, SB_STR("space"), SB_STR("00001"), note_value,
	                                  &(int){ 0 }),
	                 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_copy_has_the_blocks_of_the_moment_it_began,
		                                fresh_blocks, end),
		cmocka_unit_test_setup_teardown(on_another_disk_only_what_is_new_is_copied,
		                                fresh_blocks, end),
		cmocka_unit_test_setup_teardown(a_copy_ends_when_told_and_says_why_it_cannot,
		                                fresh_blocks, end),
		cmocka_unit_test_setup_teardown(
			documents_of_one_moment_are_copied_while_they_change, fresh_docs, end),
		cmocka_unit_test_setup_teardown(a_copy_that_is_given_up_leaves_nothing, fresh_docs,
		                                end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
