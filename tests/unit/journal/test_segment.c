#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "check.h"
#include "journal/commit.h"
#include "journal/memory_disk.h"
#include "journal/segment.h"

enum { FILE_BYTES = 128 * 1024, FLIPS = 2000 };

/* Commits of a few records from `seq` on; returns where they end. */
static size_t write_commits(uint8_t *file, uint32_t generation, uint64_t seq, size_t end,
                            uint32_t seed)
{
	struct commit_pool *pool;
	size_t at = SEGMENT_HEAD;
	uint8_t payload[5000];
	segment_header_give(file, &(struct segment_header){ generation, seq });
	assert_int_equal(commit_pool_new(&pool), 0);
	while (at < end) {
		struct journal_commit *commit;
		assert_int_equal(commit_pool_take(pool, seq, &commit), 0);
		uint32_t records = 1 + seed % 4;
		for (uint32_t i = 0; i < records; i++) {
			seed = seed * 1664525 + 1013904223;
			size_t n = 1 + (seed >> 8) % 4900;
			for (size_t k = 0; k < n; k++)
				payload[k] = (uint8_t)(seq + i + k);
			assert_int_equal(commit_add(commit, payload, n), 0);
		}
		assert_int_equal(commit_seal(commit, generation), 0);
		assert_int_equal(commit->n % COMMIT_BLOCK, 0);
		if (at + commit->n > FILE_BYTES)
			end = 0;
		else
			memcpy(file + at, commit->p, commit->n);
		if (end) {
			at += commit->n;
			seq += records;
		}
		journal_commit_unref(commit);
		if (!end)
			break;
	}
	commit_pool_free(pool);
	return at;
}

/* How many records can be read; each must be what was written. */
static uint64_t read_all(const uint8_t *file, uint64_t first)
{
	struct memory_disk disk = memory_disk_of(file, FILE_BYTES);
	struct segment_header header;
	struct segment_reader reader;
	struct sb_bytes payload;
	uint64_t seq, n = 0;
	if (segment_header_take(file, &header) != 0)
		return 0;
	assert_int_equal(header.first_seq, first);
	segment_reader_init(&reader, &disk.ops, 0, FILE_BYTES, &header);
	while (segment_reader_next(&reader, &seq, &payload) == 1) {
		assert_int_equal(seq, first + n);
		for (size_t k = 0; k < payload.n; k++)
			assert_int_equal(payload.p[k], (uint8_t)(seq + k));
		n++;
	}
	segment_reader_fini(&reader);
	return n;
}

static void stale_records_behind_the_end_are_never_read(void **state)
{
	uint8_t *file = calloc(1, FILE_BYTES);
	(void)state;
	for (uint32_t generation = 1; generation < 200; generation++) {
		/* The last use filled the file with the very numbers that would come next. */
		uint64_t before = read_all(file, 1);
		write_commits(file, generation, 1, generation % 5 ? 30000 : FILE_BYTES, generation);
		uint64_t n = read_all(file, 1);
		assert_true(n > 2);
		if (generation > 1 && generation % 5 == 1)
			assert_true(n < before);
	}
	free(file);
}

static void a_flipped_bit_ends_the_segment_and_nothing_behind_it_is_read(void **state)
{
	uint8_t *file = calloc(1, FILE_BYTES);
	uint32_t seed = 7;
	(void)state;
	write_commits(file, 1, 1, FILE_BYTES, 3);
	size_t end = write_commits(file, 2, 1, 80000, 99);
	uint64_t whole = read_all(file, 1), short_ones = 0;
	for (int i = 0; i < FLIPS; i++) {
		seed = seed * 1664525 + 1013904223;
		size_t bit = (seed >> 3) % (end * 8);
		file[bit / 8] = (uint8_t)(file[bit / 8] ^ 1 << bit % 8);
		uint64_t n = read_all(file, 1);
		assert_true(n <= whole);
		short_ones += n < whole;
		file[bit / 8] = (uint8_t)(file[bit / 8] ^ 1 << bit % 8);
	}
	assert_true(short_ones > FLIPS / 2); /* the others hit padding or the header's zeros */
	assert_int_equal(read_all(file, 1), whole);
	free(file);
}

static void a_newer_version_is_refused(void **state)
{
	uint8_t block[SEGMENT_HEAD];
	struct segment_header header = { 3, 17 };
	(void)state;
	segment_header_give(block, &header);
	assert_int_equal(segment_header_take(block, &header), 0);
	assert_int_equal(header.generation, 3);
	assert_int_equal(header.first_seq, 17);
	block[8]++;
	assert_int_equal(segment_header_take(block, &header), SB_E_NOT_FOUND);
}

static void names_are_taken_exactly(void **state)
{
	char name[SEGMENT_NAME_MAX];
	uint32_t generation;
	(void)state;
	segment_name(name, 4294967295u);
	assert_true(segment_name_take(name, &generation));
	assert_int_equal(generation, 4294967295u);
	assert_false(segment_name_take("seg-0000000000.log", &generation));
	assert_false(segment_name_take("seg-1.log", &generation));
	assert_false(segment_name_take("seg-99999999999.log", &generation));
	assert_false(segment_name_take("seg-0000000001.log.bak", &generation));
	assert_false(segment_name_take("new.tmp", &generation));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stale_records_behind_the_end_are_never_read),
		cmocka_unit_test(a_flipped_bit_ends_the_segment_and_nothing_behind_it_is_read),
		cmocka_unit_test(a_newer_version_is_refused),
		cmocka_unit_test(names_are_taken_exactly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
