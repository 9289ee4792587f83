/* Keeps the tiers: after a flush, and when a day is over, on a thread of low priority, the days
 * that changed are worked again from raw values. Whatever ends in between is done again; nothing
 * counts twice, because rows of tiers are never added to. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "series/tierout.h"
#include "series/tierstate.h"

struct blocks;
struct digest;
struct keeper;
struct series_config;

struct tiers_stats {
	uint64_t passes, failures, days; /* days: of a stream, worked */
	uint64_t kept;    /* periods late values could not revise, because raw values are gone */
	uint64_t waiting; /* streams that have days to be worked, the present one included */
};

struct tiers {
	const struct series_config *config;
	const struct blocks *blocks;
	const struct keeper *keeper;
	_Atomic uint64_t *corrupt;
	struct tierstate state;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool running;
	_Atomic bool stop;
	/* the thread's */
	struct digest *digest;
	struct tierout out;
	int64_t not_before_ns, pause_ns; /* monotonic */
	_Atomic uint64_t passes, failures, days, kept;
};

int tiers_init(struct tiers *t, const struct series_config *config, const struct blocks *blocks,
               const struct keeper *keeper, _Atomic uint64_t *corrupt);
void tiers_fini(struct tiers *t);
/* Main, at start: with the journal record up to which everything is in blocks. */
int tiers_load(struct tiers *t, uint64_t seq);
int tiers_start(struct tiers *t);
void tiers_stop(struct tiers *t);
/* What the thread does, once a second: a pass if one is due. In tests, instead of the thread. */
int tiers_turn(struct tiers *t);
int tiers_pass(struct tiers *t); /* now; 0, or the fault that ended it */
/* Raw values from here on are in no tier yet; INT64_MIN: nobody knows. Any thread. */
int64_t tiers_safe(struct tiers *t);
/* Values of a class before a moment are about to go; durable when it returns 0. Any thread that may
 * block. */
int tiers_raise(struct tiers *t, struct sb_str class_, int64_t before_ns);
void tiers_stats(struct tiers *t, struct tiers_stats *out);
