/* A commit: the records of one group, in memory exactly as they lie on disk. Built by the journal
 * thread, immutable afterwards, counted by reference. Its memory comes from a pool that lives until
 * the last commit is given back. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/journal.h"

#define COMMIT_BLOCK 4096u /* a commit ends at a multiple of it */
#define COMMIT_HEAD  16u   /* len u32, crc u32, seq u64 in front of each payload */

struct commit_pool {
	_Atomic uint32_t refs; /* the journal's and one per commit in use */
	pthread_mutex_t lock;
	struct journal_commit *kept;
	uint32_t n_kept;
};

struct journal_commit {
	_Atomic uint32_t refs;
	uint32_t records;
	struct commit_pool *pool;
	struct journal_commit *next; /* in the pool or in the window */
	uint64_t seq_first;
	uint64_t bytes_payload;
	uint8_t *p;
	size_t n, cap;
};

int commit_pool_new(struct commit_pool **out);
struct commit_pool *commit_pool_free(struct commit_pool *pool);
void commit_pool_trim(struct commit_pool *pool); /* gives unused memory back */
/* An empty commit whose first record will be seq_first; -ENOMEM. */
int commit_pool_take(struct commit_pool *pool, uint64_t seq_first, struct journal_commit **out);

/* Adds a record; -ENOMEM leaves the commit as it was. */
int commit_add(struct journal_commit *commit, const void *payload, size_t n);
/* Fills in checksums for a segment of this generation and pads to COMMIT_BLOCK. May be repeated
 * with another generation. */
int commit_seal(struct journal_commit *commit, uint32_t generation);
