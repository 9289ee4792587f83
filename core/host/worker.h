/* A thread with a loop for plugin instances: a shared reactor "io/0", or an instance's own. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/stream.h"

struct worker;

struct worker_remains { /* of a watch or timer: freed when the turn is over */
	struct worker_remains *next;
};

struct worker {
	char name[32];
	struct loop *loop;
	struct streams *streams; /* made when first asked for */
	struct streams_limits limits;
	pthread_t thread;
	bool is_running;
	bool is_shared;
	struct hook sweep;
	struct worker_remains *remains;
	struct timer sampler;
	struct streams_stats stats; /* under lock, a second old at most */
	pthread_mutex_t lock;
};

int worker_new(struct worker **out, const char *name, bool is_shared,
               const struct streams_limits *limits);
/* Ends its thread first. */
struct worker *worker_free(struct worker *w);
int worker_start(struct worker *w); /* 0 if it runs already */
void worker_stop(struct worker *w); /* joins */
/* [its thread] NULL without memory. */
struct streams *worker_streams(struct worker *w);
/* Main thread: limits.origins from soon on; the text lives as long as the worker. */
void worker_set_origins(struct worker *w, const char *origins);
/* Main thread: ends, soon, the connections that a new revocation list of tls names. */
void worker_end_revoked(struct worker *w, struct tls *tls);
/* [its thread] free() this at the end of the turn: a loop may still hold it until then. */
void worker_bury(struct worker *w, struct worker_remains *remains);
/* Any thread. */
void worker_stats(struct worker *w, struct streams_stats *out);

/* Runs fn there and waits until deadline (monotonic) at most; gives what fn returned, or
 * -ETIMEDOUT, after which fn may still run or be running. Main thread. */
int worker_call(struct worker *w, int (*fn)(void *arg), void *arg, int64_t deadline_ns);
