/* journal-replay DIR SEGMENTS: fills a journal with rows of 4 decimals, as so many segments of 16
 * MiB hold, then reads it back: points a second of the journal alone (every checksum), with every
 * row decoded, and into the head of the series, which is what a start does. JSON, one line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log.h"
#include "journal/journal.h"
#include "model/record.h"
#include "model/row.h"
#include "series/head.h"
#include "series/points.h"

#define SEGMENT    (16u << 20)
#define ROWS       64 /* of one record: what a turn of a loop brings */
#define FIELDS     4
#define STREAMS    10000
#define BASE_NS    1790000000000000000LL
#define RING_BYTES (4u << 20)

struct bench {
	struct journal *j;
	uint64_t points;
	struct head head;
};

static double now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "journal-replay: %s: %d\n", what, r);
	exit(1);
}

static void progress(void *ud)
{
	(void)ud;
}

static void open_journal(struct bench *b, const char *dir)
{
	must(journal_new(&b->j, &(struct journal_config){ .dir = dir,
	                                                  .segment_bytes = SEGMENT,
	                                                  .linger_max_ns = 1000000,
	                                                  .spare_segments = 2 }),
	     "journal_new");
}

/* ---- filling */

static void give_rows(struct buffer *out, uint64_t number)
{
	struct row row = { .n = FIELDS };
	int64_t base = BASE_NS + (int64_t)number * 10000000;

	buffer_reset(out);
	buffer_give_u8(out, RECORD_POINTS);
	buffer_give_u64(out, (uint64_t)base);
	for (uint32_t i = 0; i < ROWS; i++) {
		row.stream = 1 + (uint32_t)((number * ROWS + i) % STREAMS);
		row.ts_ns = base + (int64_t)i * 100000 + (int64_t)(number % 7) * 1000;
		row.rx_ns = row.ts_ns + 1000000;
		for (uint8_t f = 0; f < FIELDS; f++)
			row.values[f] = (struct row_value){
				.column = f,
				.type = SB_T_F64,
				.v.f = (double)((number * 31 + i * 7 + f * 1000) % 5000) / 10,
			};
		row_give(out, base, &row);
	}
}

static void put(struct journal_ring *ring, const struct buffer *record)
{
	void *p;

	while (!(p = journal_ring_reserve(ring, record->n))) {
		int r;
		journal_ring_publish(ring);
		(void)journal_ring_done(ring, &r);
		(void)usleep(200);
	}
	memcpy(p, record->p, record->n);
	journal_ring_commit(ring, record->n);
}

static void fill(const char *dir, uint64_t segments)
{
	struct bench b = { 0 };
	struct journal_ring *ring = NULL;
	struct buffer record = { 0 };
	struct journal_stats stats = { 0 };

	open_journal(&b, dir);
	must(journal_start(b.j), "journal_start");
	must(journal_ring_new(b.j, RING_BYTES, progress, NULL, &ring), "ring");
	for (uint64_t n = 0; stats.segments < segments; n++) {
		give_rows(&record, n);
		put(ring, &record);
		if (n % 256 == 0) {
			journal_ring_publish(ring);
			journal_stats(b.j, &stats);
		}
	}
	journal_ring_retire(ring);
	journal_free(b.j);
	buffer_fini(&record);
}

/* ---- reading */

static int decode(void *ud, uint64_t seq, struct sb_bytes payload)
{
	struct bench *b = ud;
	struct points points;
	struct row row;
	struct sb_bytes bytes;

	(void)seq;
	must(points_open(&points, payload), "a record");
	while (points_next(&points, &row, &bytes) == 1)
		b->points += row.n;
	return 0;
}

static int into_head(void *ud, uint64_t seq, struct sb_bytes payload)
{
	struct bench *b = ud;

	head_begin(&b->head);
	head_record(&b->head, seq, payload);
	head_end(&b->head);
	return 0;
}

static double read_back(struct bench *b, const char *dir, journal_record_fn fn)
{
	double begin = now();

	open_journal(b, dir);
	must(journal_replay(b->j, 0, fn, b), "journal_replay");
	double took = now() - begin;

	journal_free(b->j);
	return took;
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };

	if (argc != 3) {
		(void)fprintf(stderr, "usage: journal-replay DIR SEGMENTS\n");
		return 2;
	}
	log_init(LOG_LEVEL_WARN);
	fill(argv[1], strtoull(argv[2], NULL, 10));
	double decoded = read_back(&b, argv[1], decode);
	double alone = read_back(&b, argv[1], NULL);

	must(head_init(&b.head, 8ULL << 30), "head_init");
	double head = read_back(&b, argv[1], into_head);

	head_fini(&b.head);
	(void)printf(
		"{\"points\":%llu,\"read\":%.0f,\"rows\":%.0f,\"head\":%.0f,\"seconds\":%.3f}\n",
		(unsigned long long)b.points, (double)b.points / alone, (double)b.points / decoded,
		(double)b.points / head, head);
	return 0;
}
