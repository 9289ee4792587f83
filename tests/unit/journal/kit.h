/* What every test of the journal needs: a directory of its own, a journal in it, a producer. */
#pragma once
#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <signalbox/error.h>

#include "check.h"
#include "journal/journal.h"

struct kit {
	char dir[64];
	struct journal_config config;
	struct journal *j;
	struct journal_ring *ring;
	_Atomic uint32_t commits;
	_Atomic int health_calls, health_r;
};

static inline void kit_committed(void *ud, struct journal_commit *commit)
{
	struct kit *kit = ud;
	(void)commit;
	atomic_fetch_add(&kit->commits, 1);
}

static inline void kit_health(void *ud, enum journal_health health, int r)
{
	struct kit *kit = ud;
	(void)health;
	atomic_fetch_add(&kit->health_calls, 1);
	atomic_store(&kit->health_r, r);
}

static inline void kit_progress(void *ud)
{
	(void)ud;
}

static inline void kit_init(struct kit *kit)
{
	*kit = (struct kit){ .dir = "/tmp/sb-journal-XXXXXX" };
	assert_non_null(mkdtemp(kit->dir));
	kit->config = (struct journal_config){
		.dir = kit->dir,
		.segment_bytes = 1024 * 1024,
		.linger_max_ns = 1000000,
		.spare_segments = 2,
		.committed = kit_committed,
		.health_changed = kit_health,
		.ud = kit,
	};
}

static inline void kit_open(struct kit *kit)
{
	assert_int_equal(journal_new(&kit->j, &kit->config), 0);
}

static inline void kit_start(struct kit *kit)
{
	assert_int_equal(journal_start(kit->j), 0);
	assert_int_equal(journal_ring_new(kit->j, 64 * 1024, kit_progress, kit, &kit->ring), 0);
}

static inline void kit_close(struct kit *kit)
{
	if (kit->ring)
		journal_ring_retire(kit->ring);
	kit->ring = NULL;
	kit->j = journal_free(kit->j);
}

static inline void kit_fini(struct kit *kit)
{
	kit_close(kit);
	DIR *dir = opendir(kit->dir);
	for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir))
		unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(kit->dir);
}

static inline void kit_nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
}

/* A record whose content follows from its number; n bytes, 9 at least. */
static inline void kit_fill(uint8_t *p, size_t n, uint64_t number)
{
	p[0] = 5;
	memcpy(p + 1, &number, 8);
	for (size_t i = 9; i < n; i++)
		p[i] = (uint8_t)(number * 31 + i);
}

static inline void kit_check(struct sb_bytes payload, uint64_t *number)
{
	assert_true(payload.n >= 9);
	assert_int_equal(payload.p[0], 5);
	memcpy(number, payload.p + 1, 8);
	for (size_t i = 9; i < payload.n; i++)
		assert_int_equal(payload.p[i], (uint8_t)(*number * 31 + i));
}

static inline void kit_put(struct kit *kit, uint64_t number, size_t n)
{
	void *p = journal_ring_reserve(kit->ring, n);
	while (!p) {
		journal_ring_publish(kit->ring);
		kit_nap();
		p = journal_ring_reserve(kit->ring, n);
	}
	kit_fill(p, n, number);
	journal_ring_commit(kit->ring, n);
}

/* Waits until everything put so far is decided; the first failure, or 0. */
static inline int kit_wait(struct kit *kit)
{
	uint64_t want = journal_ring_count(kit->ring), done = 0;
	int failure = 0;
	journal_ring_publish(kit->ring);
	for (;;) {
		int r;
		uint64_t before = done;
		done = journal_ring_done(kit->ring, &r);
		if (r < 0)
			failure = r;
		if (done >= want)
			return failure;
		if (done == before)
			kit_nap();
	}
}

struct kit_records {
	uint64_t n, first, last; /* numbers inside the records */
	uint64_t seq_first, seq_last;
};

/* Records of consecutive sequence and number. */
static inline int kit_collect(void *ud, uint64_t seq, struct sb_bytes payload)
{
	struct kit_records *all = ud;
	uint64_t number;
	kit_check(payload, &number);
	if (all->n) {
		assert_int_equal(seq, all->seq_last + 1);
		assert_int_equal(number, all->last + 1);
	} else {
		all->first = number;
		all->seq_first = seq;
	}
	all->n++;
	all->last = number;
	all->seq_last = seq;
	return 0;
}
