/* Many small blocks become few large ones, when nobody else needs the machine: those of one flush
 * after their day or when there are many, those of a day after their month. A thread of its own, of
 * the lowest priority, that does a little at a time. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

#include "series/scrub.h"

struct blocks;
struct flush;
struct keeper;
struct plan_run;
struct series_compaction;
struct series_config;
struct tombs_view;

#define COMPACT_BARRED 64

struct compact {
	const struct series_config *config;
	const struct blocks *blocks;
	struct keeper *keeper;
	const struct flush *flush;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool running;
	_Atomic bool stop;
	/* the thread's */
	struct scrub scrub;
	uint64_t flushes; /* as many there were at the last look */
	int64_t scrub_at_ns;
	int64_t look_at_ns, pause_ns; /* monotonic; pause_ns: after a failure */
	int64_t paced_from_ns;        /* since then paced_bytes went by */
	uint64_t paced_bytes;
	struct tombs_view *tombs;        /* while blocks are written anew */
	uint64_t barred[COMPACT_BARRED]; /* hashes of names; damaged */
	uint32_t n_barred;
	_Atomic uint64_t runs, failures, blocks_in, rows_in, rows_out, bytes_in, bytes_out;
	_Atomic bool works;
};

int compact_init(struct compact *c, const struct series_config *config, const struct blocks *blocks,
                 struct keeper *keeper, const struct flush *flush);
void compact_fini(struct compact *c);
int compact_start(struct compact *c);
void compact_stop(struct compact *c);
/* One run, if there is one: 1, 0, or a fault. What the thread does; tests too. */
int compact_turn(struct compact *c);
void compact_stats(const struct compact *c, struct series_compaction *out);
