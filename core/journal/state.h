/* The journal's insides, shared by its files. Who may touch what stands with each group of members.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "journal/journal.h"
#include "journal/shelf.h"

struct commit_pool;
struct ring;

#define STATE_FAILURES 8

/* Records from..upto (counted from 1) of a ring that will never be on disk. */
struct state_failure {
	uint64_t from, upto;
	int r;
};

struct journal_ring {
	struct journal *j;
	struct ring *ring;
	journal_progress_fn progress; /* under j->progress_lock */
	void *ud;
	_Atomic bool retired;

	/* Journal thread. */
	struct journal_ring *next;
	uint64_t limit; /* read up to here in this group */
	uint64_t taken; /* records in this group */
	uint64_t decided;
	bool ending;  /* was retired before `limit` was read */
	bool drained; /* read up to `limit` */

	/* Answers. */
	_Atomic uint64_t done;
	_Atomic bool failing; /* failures are waiting to be read */
	pthread_mutex_t failures_lock;
	struct state_failure failures[STATE_FAILURES];
	uint32_t n_failures;
	uint64_t answered; /* owner */
};

struct journal_cursor;

struct state_writer { /* journal thread */
	pthread_t thread;
	bool started;
	int fd; /* of the segment being written, -1: none */
	uint32_t generation;
	uint64_t at, size;
	struct journal_ring *rings;
	int degraded; /* why, or 0 */
	int64_t retry_at;
	int64_t begun_at, window_at; /* of the last group; of the rate's window */
	uint64_t window_units;
	double rate; /* units a second */
	size_t definitions_taken;
};

struct state_counters {
	_Atomic uint64_t commits, records, bytes_payload, bytes_written, sync_failures;
	_Atomic int64_t sync_ns_last, sync_ns_max;
	_Atomic int health;
};

struct journal {
	struct journal_config config;
	const struct disk *disk;
	int dir_fd;
	uint64_t group_bytes; /* when a group is full */
	struct shelf shelf;
	struct commit_pool *pool;
	_Atomic uint64_t seq, checkpoint;
	struct state_counters counters;
	_Atomic uint32_t wakes; /* futex of the journal thread */
	_Atomic bool asleep;    /* on it */
	_Atomic bool stop;
	pthread_mutex_t progress_lock; /* held while progress functions run */

	/* Set by replay, read by the journal thread at start. */
	bool replayed;
	uint32_t tail_generation; /* 0: none to go on with */
	uint64_t tail_at;         /* behind its last record, or in front of a torn one */

	pthread_mutex_t lock; /* what follows */
	struct journal_ring *incoming;
	struct buffer definitions; /* u32 length, bytes; repeated */
	size_t definitions_at;     /* before it: on disk */
	struct journal_cursor *cursors;
	struct journal_hold *holds;
	struct journal_commit *window,
		**window_end; /* the newest commits, while there are cursors */
	size_t window_bytes;

	struct state_writer writer;
};

void state_wake(struct journal *j); /* the journal thread has something to do; any thread */
/* Journal thread. Sleeps unless `wakes` has moved on from `seen`; max_ns -1: for ever. */
void state_sleep(struct journal *j, uint32_t seen, int64_t max_ns);
