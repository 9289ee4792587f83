/* Keeps the disk from filling up: drops blocks by age, the oldest ones at low water, and gives the
 * reserve back when the disk is nearly full. The journal makes no new segments from then on, so
 * that the reserve belongs to blocks, which free segments, and its last quarter to documents alone.
 *
 *   free space   below low water        blocks go that are older than keep_ns: class by class
 *                                       (aging.h), the oldest first
 *                below reserve / 4      the reserve is given back; likewise when a write fails
 *                reserve * 3 / 2 again  the reserve is made anew, if that is not merely what was
 *                                       given back: a reserve more than the least seen since */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "series/retention.h"

struct blocks;
struct flush;
struct reserve;
struct series_config;
struct series_space;
struct tiers;

struct keeper {
	const struct series_config *config;
	struct blocks *blocks;
	struct flush *flush;
	struct tiers *tiers; /* NULL: there are none */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool running, stop;
	_Atomic bool holds;         /* the reserve is given back */
	struct retention retention; /* with the lock */
	uint64_t least;             /* free since the reserve was given back; with the lock */
	/* the thread's */
	bool is_low, said_kept, said_unable;
	int fault;                                 /* of the last dropping, 0 */
	int64_t age_at_ns, low_at_ns, flush_at_ns; /* monotonic: not before */
	uint64_t free_before;                      /* when something was dropped last */
	_Atomic uint64_t free, total, low_blocks, low_bytes, aged_blocks, aged_bytes;
	_Atomic int state; /* enum series_space_state */
};

int keeper_init(struct keeper *k, const struct series_config *config, struct blocks *blocks,
                struct flush *flush);
void keeper_fini(struct keeper *k);
int keeper_start(struct keeper *k);
void keeper_stop(struct keeper *k);
void keeper_turn(struct keeper *k); /* what the thread does, twice a second */
/* Any thread: a write found the disk full. True: there is room now, try again. */
bool keeper_make_room(struct keeper *k, bool for_documents);
/* Blocks leave the rest of the reserve to documents. */
bool keeper_allows_block(struct keeper *k);
/* Nothing is written anew while room is short. */
bool keeper_allows_rewriting(const struct keeper *k);
/* Other times from the next look on; any thread. */
void keeper_retain(struct keeper *k, const struct retention *retention);
int64_t keeper_keeps(struct keeper *k); /* the shortest time of all classes; INT64_MAX: none */
void keeper_stats(const struct keeper *k, struct series_space *out);
