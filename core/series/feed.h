/* Every durable row, once and in order, to the latest values and to those who listen, on a thread
 * of its own: from memory while it keeps up, from the journal when it does not. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

#include "model/row.h"

struct journal;
struct journal_commit;
struct latest;
struct series_listener;

#define FEED_QUEUE 256 /* commits in memory */

struct feed {
	struct journal *journal;
	struct latest *latest;
	struct series_listener *listeners;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool running;
	_Atomic bool stop;
	struct journal_commit *queue[FEED_QUEUE]; /* a ring */
	uint32_t first, n;
	bool gap; /* commits went past the queue: the journal has them */
	_Atomic uint64_t seq_in, seq_out, dropped;
	struct row row; /* the thread's */
};

int feed_init(struct feed *f, struct journal *journal, struct latest *latest);
void feed_fini(struct feed *f);
void feed_listen(struct feed *f, struct series_listener *l); /* before start */
int feed_start(struct feed *f);
void feed_stop(struct feed *f);
void feed_commit(struct feed *f, struct journal_commit *commit); /* journal thread; never waits */
/* Main, before start: a record of the journal from before. Listeners do not hear of it, but
 * replayed(), which may be NULL. */
typedef void (*feed_replayed_fn)(void *ud, const struct row *row, uint64_t seq);
void feed_replay(struct feed *f, uint64_t seq, struct sb_bytes payload, feed_replayed_fn replayed,
                 void *ud);
