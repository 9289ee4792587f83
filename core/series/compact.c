#define LOG_MODULE "compaction"
#include "series/compact.h"

#include <errno.h>
#include <time.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "base/idle.h"
#include "base/log.h"
#include "base/own.h"
#include "host/frame.h"
#include "series/blocks.h"
#include "series/burial.h"
#include "series/flush.h"
#include "series/keeper.h"
#include "series/plan.h"
#include "series/rewrite.h"
#include "series/series.h"
#include "series/tombs.h"

#define LOOK_NS       (250 * NS_PER_MS)
#define LOOK_MOST_NS  (600 * NS_PER_S) /* a day or a month may have ended */
#define PAUSE_NS      (60 * NS_PER_S)
#define PAUSE_MOST_NS (3600 * NS_PER_S)
#define INPUTS        40
#define RUN_BYTES     (2ULL << 30)
#define PACE_BYTES    (8U << 20) /* a second, read and written together */
#define DAY_NS        (86400 * NS_PER_S)
#define MIB           1048576.0

/* Until then, or until it stops. */
static void rest(struct compact *c, int64_t ns)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ns / NS_PER_S;
	until.tv_nsec += ns % NS_PER_S;
	until.tv_sec += until.tv_nsec / NS_PER_S;
	until.tv_nsec %= NS_PER_S;
	pthread_mutex_lock(&c->lock);
	while (!c->stop && pthread_cond_timedwait(&c->wake, &c->lock, &until) == 0)
		;
	pthread_mutex_unlock(&c->lock);
}

/* ---- one run */

static int pace(void *ud, uint64_t bytes)
{
	struct compact *c = ud;
	frame_beat();
	c->paced_bytes += bytes;
	int64_t due = c->paced_from_ns + (int64_t)(c->paced_bytes * NS_PER_S / PACE_BYTES);
	int64_t ahead = due - clock_mono();
	if (ahead > 20 * NS_PER_MS)
		rest(c, ahead);
	if (c->stop)
		return -ESHUTDOWN;
	return keeper_allows_rewriting(c->keeper) ? 0 : -ENOSPC;
}

int compact_init(struct compact *c, const struct series_config *config, const struct blocks *blocks,
                 struct keeper *keeper, const struct flush *flush)
{
	pthread_condattr_t attr;
	c->config = config;
	c->blocks = blocks;
	c->keeper = keeper;
	c->flush = flush;
	c->scrub = (struct scrub){ .blocks = blocks,
		                   .docs = config->docs,
		                   .every_ns = &config->scrub_every_ns,
		                   .pace = pace,
		                   .ud = c };
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->wake, &attr);
	pthread_condattr_destroy(&attr);
	return 0;
}

void compact_fini(struct compact *c)
{
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
}

static uint64_t hash_of(struct sb_str name)
{
	uint64_t h = 0xcbf29ce484222325;
	for (size_t i = 0; i < name.n; i++)
		h = (h ^ (uint8_t)name.p[i]) * 0x100000001b3;
	return h;
}

static bool is_barred(void *ud, struct sb_str name)
{
	const struct compact *c = ud;
	uint64_t hash = hash_of(name);
	for (uint32_t i = 0; i < MIN(c->n_barred, COMPACT_BARRED); i++)
		if (c->barred[i] == hash)
			return true;
	return false;
}

static void bar(struct compact *c, const struct plan_block *b)
{
	struct sb_str name = b->info.name;
	c->barred[c->n_barred++ % COMPACT_BARRED] = hash_of(name);
	(void)log_error(0, "block %.*s is damaged: it is left as it is, and what is not is served",
	                (int)name.n, name.p);
}

static struct plan_rules rules_of(struct compact *c)
{
	const struct series_config *config = c->config;
	int64_t keep = keeper_keeps(c->keeper);
	struct series_space space;
	struct plan_rules rules = {
		.now_ns = clock_utc(),
		.few = MAX(__atomic_load_n(&config->compact_blocks, __ATOMIC_RELAXED), 2),
		.inputs = INPUTS,
		.bytes = RUN_BYTES,
		.span_ns = keep < INT64_MAX ? MAX(keep / 10, DAY_NS) : INT64_MAX,
	};
	keeper_stats(c->keeper, &space);
	if (space.total)
		rules.bytes = MIN(rules.bytes, (space.free - MIN(space.free, space.low_water)) / 2);
	return rules;
}

static uint64_t hidden(void *ud, uint32_t stream, int64_t ts_ns, uint64_t rank)
{
	return tombs_of_block(((struct compact *)ud)->tombs, stream, ts_ns, rank);
}

/* 1: there may be more to do. */
static int run_one(struct compact *c, const struct plan_run *run)
{
	int64_t began = clock_mono();
	struct rewrite rw = {
		.blocks = c->blocks, .run = run, .pace = pace, .hidden = hidden, .ud = c
	};
	c->tombs = tombs_view(c->blocks->tombs);
	c->paced_from_ns = began;
	c->paced_bytes = 0;
	c->works = true;
	int r = rewrite_run(&rw);
	c->works = false;
	c->tombs = tombs_view_drop(c->tombs);
	if (r < 0 && rw.bad) { /* what lies before and behind it is seen to */
		c->failures++;
		bar(c, rw.bad);
		return 1;
	}
	if (r < 0)
		return r;
	c->runs++;
	c->blocks_in += run->n;
	c->rows_in += rw.rows_in;
	c->rows_out += rw.rows_out;
	c->bytes_in += run->bytes;
	c->bytes_out += rw.bytes_out;
	log_info("%zu blocks of class %.*s, %.2f MiB, became one of %.2f MiB in %lld ms", run->n,
	         (int)run->first->info.class_.n, run->first->info.class_.p,
	         (double)run->bytes / MIB, (double)rw.bytes_out / MIB,
	         (long long)((clock_mono() - began) / NS_PER_MS));
	return 1;
}

int compact_turn(struct compact *c)
{
	struct plan plan = { 0 };
	struct plan_run run;
	struct plan_rules rules = rules_of(c);
	int r = plan_fill(&plan, c->blocks, is_barred, c);
	if (r >= 0)
		r = plan_choose(&plan, &rules, &run) ? run_one(c, &run) : 0;
	if (r == 0) {
		r = burial_turn(&(struct burial){ .config = c->config,
		                                  .blocks = c->blocks,
		                                  .plan = &plan,
		                                  .pace = pace,
		                                  .ud = c },
		                &run);
		r = r == BURIAL_RUN ? run_one(c, &run) : r;
	}
	plan_fini(&plan);
	return r;
}

/* ---- the thread */

static bool is_due(struct compact *c)
{
	int64_t now = clock_mono();
	uint64_t flushes = c->flush->flushes;
	if (!__atomic_load_n(&c->config->compact_blocks, __ATOMIC_RELAXED) ||
	    !keeper_allows_rewriting(c->keeper) || !blocks_can_replace(c->blocks))
		return false;
	if (now < c->look_at_ns && (c->pause_ns || flushes == c->flushes))
		return false;
	c->flushes = flushes;
	return true;
}

static void attempt(struct compact *c)
{
	int r = compact_turn(c);
	int64_t now = clock_mono();
	if (r < 0 && r != -ESHUTDOWN) {
		c->failures++;
		c->pause_ns = c->pause_ns ? MIN(2 * c->pause_ns, PAUSE_MOST_NS) : PAUSE_NS;
		c->look_at_ns = now + c->pause_ns;
		(void)log_warn(r, "blocks could not be compacted: again in %lld s",
		               (long long)(c->pause_ns / NS_PER_S));
		return;
	}
	c->pause_ns = 0;
	c->look_at_ns = r > 0 ? now : now + LOOK_MOST_NS;
}

static void look_at_one(struct compact *c)
{
	if (!keeper_allows_rewriting(c->keeper) || clock_mono() < c->scrub_at_ns)
		return;
	c->paced_from_ns = clock_mono();
	c->paced_bytes = 0;
	int r = scrub_turn(&c->scrub);
	if (r <= 0)
		c->scrub_at_ns = clock_mono() + PAUSE_NS;
	if (r < 0 && r != -ESHUTDOWN && r != -ENOSPC)
		(void)log_warn(r, "blocks could not be looked through: again in %lld s",
		               (long long)(PAUSE_NS / NS_PER_S));
}

static void *run(void *ud)
{
	struct compact *c = ud;
	idle_enter();
	while (!c->stop) {
		if (is_due(c))
			attempt(c);
		else
			look_at_one(c);
		rest(c, LOOK_NS);
	}
	return NULL;
}

int compact_start(struct compact *c)
{
	c->stop = false;
	int r = pthread_create(&c->thread, NULL, run, c);
	if (r)
		return log_error(-r, "cannot start the compaction thread");
	(void)pthread_setname_np(c->thread, "compaction");
	c->running = true;
	return 0;
}

void compact_stop(struct compact *c)
{
	if (!c->running)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	(void)pthread_join(c->thread, NULL);
	c->running = false;
}

void compact_stats(const struct compact *c, struct series_compaction *out)
{
	*out = (struct series_compaction){
		.runs = c->runs,
		.failures = c->failures,
		.blocks_in = c->blocks_in,
		.rows_in = c->rows_in,
		.rows_out = c->rows_out,
		.bytes_in = c->bytes_in,
		.bytes_out = c->bytes_out,
		.works = c->works,
		.scrub_blocks = c->scrub.blocks_read,
		.scrub_bytes = c->scrub.bytes_read,
		.scrub_rounds = c->scrub.rounds,
	};
}
