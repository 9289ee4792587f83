#include <endian.h>
#include <errno.h>

#include "base/crc32c.h"
#include "base/log.h"
#include "base/own.h"
#include "journal/inspect.h"
#include "journal/kit.h"
#include "journal/segment.h"

#define RECORDS 4000

struct seen {
	struct inspect_segment segments[16];
	size_t n;
	uint64_t records, last;
};

static int setup(void **state)
{
	struct kit *kit = calloc(1, sizeof(*kit));
	log_init(LOG_LEVEL_ERROR + 1);
	kit_init(kit);
	kit_open(kit);
	kit_start(kit);
	for (uint64_t i = 1; i <= RECORDS; i++)
		kit_put(kit, i, 1000);
	assert_int_equal(kit_wait(kit), 0);
	*state = kit;
	return 0;
}

static int teardown(void **state)
{
	struct kit *kit = *state;
	kit_fini(kit);
	free(kit);
	return 0;
}

static void on_segment(void *ud, const struct inspect_segment *s)
{
	struct seen *seen = ud;
	assert_true(seen->n < ARRAY_LEN(seen->segments));
	seen->segments[seen->n++] = *s;
}

static int on_record(void *ud, uint64_t seq, uint64_t at, struct sb_bytes payload)
{
	struct seen *seen = ud;
	uint64_t number;
	kit_check(payload, &number);
	assert_true(at >= SEGMENT_HEAD);
	assert_true(seq > seen->last);
	seen->last = seq;
	seen->records++;
	return 0;
}

static struct inspect look(struct kit *kit, struct seen *seen)
{
	*seen = (struct seen){ 0 };
	struct inspect in = {
		.dir = kit->dir, .segment = on_segment, .record = on_record, .ud = seen
	};
	assert_int_equal(inspect_run(&in), 0);
	return in;
}

static void change_byte(struct kit *kit, const char *name, uint64_t at)
{
	char path[128];
	uint8_t byte = 0;
	(void)snprintf(path, sizeof(path), "%s/%s", kit->dir, name);
	_own_(closep) int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 0x20;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
}

static void everything_is_counted_while_it_is_written_and_after(void **state)
{
	struct kit *kit = *state;
	struct seen seen;
	for (int closed = 0; closed < 2; closed++) {
		struct inspect in = look(kit, &seen);
		assert_int_equal(in.records, RECORDS);
		assert_int_equal(seen.records, RECORDS);
		assert_int_equal(in.first_seq, 1);
		assert_int_equal(in.last_seq, RECORDS);
		assert_int_equal(in.bytes, RECORDS * 1000);
		assert_int_equal(in.lost, 0);
		assert_false(in.is_damaged);
		assert_true(in.segments >= 4);
		for (size_t i = 0; i < in.segments; i++) {
			const struct inspect_segment *s = &seen.segments[i];
			assert_int_equal(s->state,
			                 i + 1 < in.segments ? INSPECT_WHOLE : INSPECT_TAIL);
			assert_int_equal(s->kinds[5], s->records);
			assert_int_equal(s->last_seq - s->first_seq + 1, s->records);
		}
		kit_close(kit);
	}
}

static void the_first_bad_record_of_a_segment_is_found(void **state)
{
	struct kit *kit = *state;
	struct seen seen;
	kit_close(kit);
	struct inspect in = look(kit, &seen);
	struct inspect_segment second = seen.segments[1];
	change_byte(kit, second.name, second.end_at / 2);
	in = look(kit, &seen);
	assert_true(in.is_damaged);
	assert_int_equal(seen.segments[1].state, INSPECT_DAMAGED);
	assert_true(seen.segments[1].end_at <= second.end_at / 2);
	assert_int_equal(in.lost, second.last_seq - seen.segments[1].last_seq);
	assert_int_equal(in.last_seq, RECORDS);
	assert_int_equal(in.records + in.lost, RECORDS);
	/* It is what replay says. */
	kit_open(kit);
	assert_int_equal(journal_replay(kit->j, 0, NULL, NULL), 0);
	assert_int_equal(journal_seq(kit->j), RECORDS);
}

static void a_damaged_header_in_front_of_good_records_costs_nothing(void **state)
{
	struct kit *kit = *state;
	struct seen seen;
	kit_close(kit);
	(void)look(kit, &seen);
	change_byte(kit, seen.segments[1].name, 18);
	struct inspect in = look(kit, &seen);
	assert_int_equal(in.records, RECORDS);
	assert_false(in.is_damaged);
}

static void looking_changes_nothing(void **state)
{
	struct kit *kit = *state;
	struct kit_records all = { 0 };
	struct seen seen;
	char path[128];
	kit_close(kit);
	(void)snprintf(path, sizeof(path), "%s/seg-0000009999.log", kit->dir);
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	(void)look(kit, &seen);
	assert_int_equal(access(path, F_OK), 0);
	kit_open(kit);
	assert_int_equal(journal_replay(kit->j, 0, kit_collect, &all), 0);
	assert_int_equal(all.n, RECORDS);
}

static void a_newer_version_is_told(void **state)
{
	struct kit *kit = *state;
	struct seen seen;
	uint8_t block[SEGMENT_HEAD];
	char path[128];
	kit_close(kit);
	struct segment_header header = { 9999, RECORDS + 1 };
	segment_header_give(block, &header);
	block[8] = 9; /* the version; the sum follows it */
	uint32_t crc = htole32(crc32c(0, block, 24));
	memcpy(block + 24, &crc, 4);
	(void)snprintf(path, sizeof(path), "%s/seg-0000009999.log", kit->dir);
	_own_(closep) int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
	struct inspect in = look(kit, &seen);
	assert_true(in.is_damaged);
	assert_int_equal(seen.segments[seen.n - 1].state, INSPECT_NEWER);
	assert_int_equal(journal_new(&kit->j, &kit->config), -EPROTONOSUPPORT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everything_is_counted_while_it_is_written_and_after),
		TEST(the_first_bad_record_of_a_segment_is_found),
		TEST(a_damaged_header_in_front_of_good_records_costs_nothing),
		TEST(looking_changes_nothing),
		TEST(a_newer_version_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
