/* Series storage as the rest of the core sees it: rows go in from the journal, queries merge the
 * head with the blocks of the store plugin. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <signalbox/types.h>

#include "series/retention.h"

struct catalog;
struct docs;
struct grid;
struct host;
struct journal;
struct journal_commit;
struct reserve;
struct row;
struct series;
struct series_db;

struct series_count {
	uint32_t device_no;
	uint32_t points, late; /* late: of these */
};

struct series_config {
	struct catalog *catalog;
	struct journal *journal;
	struct docs *docs;
	struct host *host;       /* to find the "sb.store/1" instance */
	uint64_t head_max_bytes; /* flush beyond this */
	int64_t flush_every_ns;  /* flush at this age */
	int64_t tier_every_ns;   /* passes over the tiers are so far apart; 0: no thread for them */
	const char *retention_class;
	/* What fills up, keeper.h; all may be 0 or NULL. */
	void (*space)(void *ud, uint64_t *left, uint64_t *total); /* bytes; any thread */
	struct reserve *reserve;
	uint64_t low_water;         /* bytes free; below, the oldest blocks go */
	struct retention retention; /* of each class; zero: for ever */
	int64_t keep_ns;            /* what is younger stays even then */
	int64_t scrub_every_ns;     /* every block is read so often; 0: never */
	uint32_t compact_blocks;    /* so many of one flush become one; 0: no compaction */
	/* Flush thread, blocks are written: so many points of devices came with the journal records
	 * up to seq, each point once. May be NULL. */
	void (*flushed)(void *ud, const struct series_count *counts, size_t n, uint64_t seq);
	/* Main, at start: a row of the journal that is not in blocks yet. May be NULL. */
	void (*replayed)(void *ud, uint32_t device_no, const struct row *row, uint64_t seq);
	/* Flush thread, blocks are written: whatever else the journal may forget now must be on
	 * disk when this returns 0. May be NULL. */
	int (*before_checkpoint)(void *ud);
	void *ud;
};

int series_db_new(struct series_db **out, const struct series_config *config);
/* Other times from the next look on; any thread. */
void series_db_retime(struct series_db *db, int64_t flush_every_ns,
                      const struct retention *retention, int64_t keep_ns);
struct series_db *series_db_free(struct series_db *db);

/* Main, at start, after the store started: the sequence number up to which blocks hold everything.
 */
int series_db_attach(struct series_db *db, uint64_t *seq_durable);
int series_db_replay(struct series_db *db, uint64_t seq,
                     struct sb_bytes points); /* RECORD_POINTS */
int series_db_start(struct series_db *db);    /* flush thread, feed thread */
void series_db_stop(struct series_db *db);    /* flushes nothing; the journal has it */
/* Journal thread: a group is on disk; its rows become visible, then go to the feed. */
void series_db_commit(struct series_db *db, struct journal_commit *commit);
int series_db_flush(struct series_db *db); /* now, and wait; main or query thread */
/* Tiers of all days that wait, now; while no thread does it. */
int series_db_digest(struct series_db *db);
/* Values of a class before a moment are about to go: from then on tiers answer for it. Durable when
 * it returns 0. */
int series_db_raw_goes(struct series_db *db, struct sb_str class_, int64_t before_ns);

/* ---- latest values, any thread */
struct series_latest {
	int64_t ts_ns, rx_ns;
	uint8_t type, quality; /* type SB_T_NULL: none yet */
	uint16_t flags;
	union sb_value v; /* not for text */
	char text[256];   /* STR, BYTES: the first bytes */
	uint32_t text_len, text_total;
};
void series_db_latest(struct series_db *db, const struct series *s, struct series_latest *out);

void series_db_offer(struct series_db *db,
                     const struct row *row); /* only if there is none as new */

/* ---- deleting: threads that may block */
/* Values of these series in [from, to) that were written before, in effect for good when it returns
 * 0: durable, and gone from every answer. What only tiers still hold stays. SB_E_QUOTA: compaction
 * has to come after first; -ETIMEDOUT: the disk does not take it now. */
int series_db_delete(struct series_db *db, struct series *const *series, uint32_t n,
                     int64_t from_ns, int64_t to_ns);
uint64_t series_db_deleted(struct series_db *db); /* ranges that blocks still hold values of */

/* ---- feed: every durable row, in journal order, on the process thread */
struct series_listener {
	void (*row)(void *ud, const struct row *row, uint64_t seq); /* must not block */
	void (*turn)(void *ud);                                     /* a batch of rows is over */
	void *ud;
	struct series_listener *next;
};
void series_db_listen(struct series_db *db, struct series_listener *l); /* before start */

/* ---- queries: query threads; block */
struct series_point {
	int64_t ts_ns, rx_ns;
	uint8_t type, quality;
	uint16_t flags;
	union {
		int64_t i;
		uint64_t u;
		double f;
		struct sb_bytes blob;
	} v;
};
/* What buckets tell beyond count, min, max, sum, first and last: only when it is wanted. A value
 * holds until the next one, the last one until the query's end or now; a value from before the
 * query or bucket is looked up and carried in. With SERIES_AREA or SERIES_STATES there are buckets
 * without points, too, in which a value held. */
enum {
	SERIES_INCREASE = 1,  /* of a counter, resets included */
	SERIES_AREA = 2,      /* value times time, for the mean weighted by time */
	SERIES_STATES = 4,    /* how long each value held; transitions */
	SERIES_QUANTILES = 8, /* sketch.h tells how exact */
};
#define SERIES_QUANTILES_MAX 8
struct series_state {
	struct series_point value;
	int64_t held_ns;
};
struct series_bucket {
	int64_t t_ns, last_ns; /* its ends, both included */
	int64_t span_ns;       /* the part of it that the query covers, up to now */
	uint64_t count;        /* 0: first.type is SB_T_NULL */
	double min, max, sum;  /* mean = sum / count; NaN: no numbers */
	struct series_point first, last;
	/* A number below the one before it is a reset: the counter began again at 0. step is from
	 * the last number before the bucket to its first one, increase from its first to its last:
	 * a bucket grew by their sum, and buckets together by what the counter counted. */
	double increase, step;
	double area, edge_area; /* from first to last; before and behind; value * ns */
	int64_t held_ns;        /* so long the numbers held that area and edge_area are of */
	double time_mean;       /* NaN: nothing held */
	double quantiles[SERIES_QUANTILES_MAX];
	uint64_t transitions;              /* changes of value, also against the one before */
	const struct series_state *states; /* the longest held first */
	uint32_t n_states;
	int64_t other_ns; /* held by values beyond those */
};
struct series_query {
	struct series *series;
	int64_t from_ns, to_ns;  /* [from, to) */
	int64_t bucket_ns;       /* 0: raw */
	const struct grid *grid; /* buckets of the calendar; instead of bucket_ns; NULL: none */
	uint32_t want;           /* SERIES_* of buckets */
	const double *quantiles; /* [n_quantiles], each 0..1 */
	uint32_t n_quantiles;
	uint64_t limit; /* points or buckets; 0: all */
	bool newest_first;
	/* One of them is called per result, in order of time; non-zero stops. */
	int (*point)(void *ud, const struct series_point *p);
	int (*bucket)(void *ud, const struct series_bucket *b);
	/* Asked for every chunk that is read: true ends the query with -ECANCELED. May be NULL. */
	bool (*stop)(void *ud);
	void *ud;
};
int series_db_query(struct series_db *db, const struct series_query *q);
/* Many queries over what there was at one moment, one thread at a time. What is in memory stays
 * there until it is closed: for one answer, not for ever. */
struct series_view;
int series_view_open(struct series_db *db, struct series_view **out);
struct series_view *series_view_close(struct series_view *view); /* NULL in, NULL out */
int series_view_query(struct series_view *view, const struct series_query *q);
/* Reads the blocks for these series at once, 4 MiB at most, in place of what was read before:
 * queries of them in [from, to) are answered out of it. */
void series_view_fetch(struct series_view *view, struct series *const *series, uint32_t n,
                       int64_t from_ns, int64_t to_ns, bool (*stop)(void *ud), void *ud);
/* Nothing lies outside; first > last: there is nothing. */
void series_view_bounds(const struct series_view *view, int64_t *first_ns, int64_t *last_ns);
/* Raw values before it may be gone, so that only buckets know; INT64_MIN: none are. */
int64_t series_view_raw_from(const struct series_view *view);

/* Rows come faster than they are flushed: who can wait should. Any thread. */
bool series_db_is_crowded(struct series_db *db);

struct series_stats {
	uint64_t head_bytes, head_rows, rows_total, points_total, flushes, flush_failures,
		corrupt_chunks;
	uint64_t feed_lag, feed_dropped;
	/* The store failed so long that memory is full: these are safe in the journal, but not
	 * seen. */
	uint64_t records_unseen;
};
void series_db_stats(struct series_db *db, struct series_stats *out);

enum series_space_state {
	SERIES_SPACE_OK,
	SERIES_SPACE_LOW,     /* the oldest blocks are dropped; nothing is rewritten meanwhile */
	SERIES_SPACE_KEPT,    /* the same, but what is left is to be kept */
	SERIES_SPACE_RESERVE, /* nearly full: there is no reserve any more */
};
struct series_space {
	enum series_space_state state;
	uint64_t free, total, low_water, reserve, reserve_held; /* bytes */
	uint64_t low_blocks, low_bytes;                         /* dropped at low water */
	uint64_t aged_blocks, aged_bytes;                       /* dropped by age */
};
void series_db_space(const struct series_db *db, struct series_space *out); /* any thread */
struct series_compaction {                                                  /* since the start */
	uint64_t runs, failures;
	uint64_t blocks_in; /* became one each run */
	uint64_t rows_in, rows_out, bytes_in, bytes_out;
	bool works;                                       /* right now */
	uint64_t scrub_blocks, scrub_bytes, scrub_rounds; /* looked through */
};
void series_db_compaction(const struct series_db *db, struct series_compaction *out);
void series_db_compact_at(struct series_db *db, uint32_t blocks); /* as compact_blocks */
/* ---- damage: where values may be missing */
struct series_gap {
	uint32_t device_no;         /* 0: of several */
	int64_t t_min_ns, t_max_ns; /* both included */
};
struct series_damage {
	uint64_t chunks, blocks, set_aside; /* blocks: that cannot be read to their end */
	uint32_t n_gaps;                    /* at most as many as there is room for */
};
/* Gaps in [from, to): of chunks found since the start, and of blocks. Threads that may block. */
void series_db_damage(struct series_db *db, int64_t from_ns, int64_t to_ns, struct series_gap *gaps,
                      uint32_t room, struct series_damage *out);
/* Any thread that found the disk full while it wrote a document: true if there is room now. */
bool series_db_make_room(struct series_db *db);

/* ---- what blocks take up; threads that may block */
struct series_usage {
	struct series_usage_class {
		char name[33]; /* of a retention class or tier */
		uint64_t blocks, bytes, rows;
		int64_t t_min_ns, t_max_ns;
	} classes[32];
	uint32_t n;
	uint64_t bytes, bytes_recent; /* recent: of times since since_ns */
};
/* -EOPNOTSUPP: the store is of 1.0. */
int series_db_usage(struct series_db *db, int64_t since_ns, struct series_usage *out);
/* Reads every chunk there is: it takes as long as reading the disk. device_no 0: nobody's any more.
 * Negative stops. */
struct series_usage_reader {
	int (*chunk)(void *ud, uint32_t device_no, uint64_t bytes);
	void *ud;
};
int series_db_usage_devices(struct series_db *db, const struct series_usage_reader *reader);

/* ---- copies; threads that may block */
struct sb_copy;
int series_db_copy(struct series_db *db, const struct sb_copy *copy); /* of all blocks, kinds.h */
/* Reads every value there is in every block. */
struct series_check {
	uint64_t blocks, chunks, bytes; /* of the store */
	uint64_t read, bad;             /* chunks */
	/* One that is damaged. */
	void (*damaged)(void *ud, uint32_t stream, int64_t t_ns, const char *what);
	/* A block that cannot be read to its end. */
	void (*broken)(void *ud, const char *name, const char *what);
	int (*step)(void *ud, uint64_t done, uint64_t all); /* negative ends it */
	void *ud;
};
/* Of the store, and nothing read. */
int series_db_sums(struct series_db *db, struct series_check *check);
int series_db_check(struct series_db *db, struct series_check *check);
