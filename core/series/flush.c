#define LOG_MODULE "flush"
#include "series/flush.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <signalbox/kinds.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "journal/journal.h"
#include "series/blocks.h"
#include "series/catalog.h"
#include "series/checkpoint.h"
#include "series/encoder.h"
#include "series/generation.h"
#include "series/head.h"
#include "series/keeper.h"
#include "series/refill.h"
#include "series/series.h"
#include "series/tierstate.h"
#include "series/tombs.h"

#define LOOK_EVERY_NS  (500 * NS_PER_MS)
#define PAUSE_FIRST_NS (1 * NS_PER_S)
#define PAUSE_MOST_NS  (60 * NS_PER_S)

int flush_init(struct flush *f, const struct series_config *config, struct head *head,
               struct blocks *blocks)
{
	pthread_condattr_t attr;
	f->config = config;
	f->head = head;
	f->blocks = blocks;
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->wake, &attr);
	pthread_cond_init(&f->done, NULL);
	pthread_condattr_destroy(&attr);
	return 0;
}

void flush_fini(struct flush *f)
{
	f->encoder = encoder_free(f->encoder);
	f->sealed = generation_unref(f->sealed);
	pthread_cond_destroy(&f->wake);
	pthread_cond_destroy(&f->done);
	pthread_mutex_destroy(&f->lock);
}

/* ---- one attempt */

struct noting { /* what is written, for the tiers */
	struct tierstate *tiers;
	int32_t (*next)(void *ud, struct sb_chunk *out);
	void *ud;
};

static int32_t chunk_noted(void *ud, struct sb_chunk *out)
{
	struct noting *n = ud;
	int32_t r = n->next(n->ud, out);
	if (r > 0 && tierstate_note(n->tiers, out->stream, out->t_min_ns, out->t_max_ns) < 0)
		return -ENOMEM;
	return r;
}

static int block_write(struct flush *f, const struct sb_block *block)
{
	struct noting noting = { f->tiers, block->next, block->ud };
	struct sb_block noted = *block;
	if (!keeper_allows_block(f->keeper))
		return -ENOSPC;
	noted.next = chunk_noted;
	noted.ud = &noting;
	return blocks_write(f->blocks, &noted);
}

static int blocks_write_all(struct flush *f)
{
	struct sb_block block;
	const char *class_ = f->config->retention_class;
	int r;
	if (!f->encoder) {
		r = encoder_new(&f->encoder, f->sealed, tombs_view(f->tombs));
		if (r < 0)
			return log_error(r, "cannot prepare blocks");
	}
	while ((r = encoder_block(f->encoder, &block)) > 0) {
		block.class_ = sb_str_of(class_, strlen(class_));
		r = block_write(f, &block);
		if (r == -ENOSPC && keeper_make_room(f->keeper, false))
			continue;
		if (r < 0)
			return log_error(r,
			                 "cannot write a block of the journal records %llu to %llu",
			                 (unsigned long long)block.seq_min,
			                 (unsigned long long)block.seq_max);
		encoder_done(f->encoder);
	}
	return r;
}

/* Whatever is tried again, this is told once of what is sealed. */
static int tell_flushed(struct flush *f)
{
	const struct series_config *c = f->config;
	_own_(freep) struct series_count *counts = NULL;
	size_t n = 0;
	if (!c->flushed || f->is_told)
		return 0;
	counts = calloc(catalog_streams(c->catalog), sizeof(*counts));
	if (!counts)
		return -ENOMEM;
	for (uint32_t s = generation_stream(f->sealed, 1); s;
	     s = generation_stream(f->sealed, s + 1)) {
		if (s >= catalog_streams(c->catalog))
			break;
		generation_count(f->sealed, s, &counts[n].points, &counts[n].late);
		counts[n++].device_no = catalog_stream_device(c->catalog, s);
	}
	c->flushed(c->ud, counts, n, f->sealed->seq_last);
	f->is_told = true;
	return 0;
}

/* Blocks first, then what names and numbers mean, then the word that all of it is there. */
static int checkpoint(struct flush *f)
{
	const struct series_config *c = f->config;
	uint64_t seq = f->sealed->seq_last;
	int r = tell_flushed(f);
	if (r >= 0)
		r = catalog_save(c->catalog, c->docs);
	if (r >= 0 && f->tombs)
		r = tombs_save(f->tombs, c->docs);
	if (r >= 0 && c->before_checkpoint)
		r = c->before_checkpoint(c->ud);
	if (r >= 0)
		r = checkpoint_save(c->docs, seq);
	if (r < 0)
		return log_error(r, "blocks are written, but not what belongs to them");
	uint64_t consumed = *f->consumed;
	journal_checkpoint(c->journal, MIN(seq, consumed));
	return 0;
}

static int flush_one(struct flush *f)
{
	int64_t began = clock_mono();
	if (!f->sealed) {
		int r = head_seal(f->head, &f->sealed);
		if (r < 0)
			return log_error(r, "cannot seal the head");
		if (!f->sealed)
			return 0;
	}
	int r = blocks_write_all(f);
	if (r >= 0)
		r = checkpoint(f);
	if (r < 0)
		return r;
	log_debug("%llu rows in blocks after %lld ms", (unsigned long long)f->sealed->rows,
	          (long long)((clock_mono() - began) / NS_PER_MS));
	tierstate_flushed(f->tiers, f->sealed->seq_last);
	f->encoder = encoder_free(f->encoder);
	f->sealed = generation_unref(f->sealed);
	f->is_told = false;
	head_forget(f->head);
	f->flushes++;
	return 0;
}

/* What failed before goes first; then what came since; then what had no room. A head that is full
 * takes nothing: all it holds is written before what follows on it comes back. */
static int attempt(struct flush *f)
{
	bool left_over = f->sealed != NULL;
	uint64_t seq;
	int r = flush_one(f);
	if (r >= 0 && left_over)
		r = flush_one(f);
	while (r >= 0 && !f->stop && head_is_full(f->head, &seq)) {
		r = flush_one(f);
		if (r >= 0)
			r = refill_next(f->head, f->config->journal, f->config->head_max_bytes,
			                &f->sealed);
		if (r > 0)
			r = flush_one(f);
	}
	return r;
}

/* ---- the thread */

static bool head_is_due(struct flush *f)
{
	struct generation *g[HEAD_GENERATIONS];
	uint32_t n = head_take(f->head, g);
	const struct generation *active = g[n - 1];
	bool due = active->seq_last &&
	           (active->bytes >= f->config->head_max_bytes ||
	            clock_mono() - active->born_ns >=
	                    __atomic_load_n(&f->config->flush_every_ns, __ATOMIC_RELAXED));
	for (uint32_t i = 0; i < n; i++)
		generation_unref(g[i]);
	return due;
}

static bool is_due(struct flush *f)
{
	uint64_t seq;
	if (f->sealed || f->pause_ns)
		return clock_mono() >= f->retry_at_ns;
	return head_is_due(f) || head_is_full(f->head, &seq);
}

static void look_later(struct flush *f)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LOOK_EVERY_NS;
	until.tv_sec += until.tv_nsec / NS_PER_S;
	until.tv_nsec %= NS_PER_S;
	(void)pthread_cond_timedwait(&f->wake, &f->lock, &until);
}

static int attempt_counted(struct flush *f)
{
	int r = attempt(f);
	if (r >= 0) {
		f->pause_ns = 0;
	} else {
		f->failures++;
		f->pause_ns = f->pause_ns ? MIN(2 * f->pause_ns, PAUSE_MOST_NS) : PAUSE_FIRST_NS;
		f->retry_at_ns = clock_mono() + f->pause_ns;
	}
	return r;
}

static void *run(void *ud)
{
	struct flush *f = ud;
	if (f->first)
		f->first(f->first_ud);
	pthread_mutex_lock(&f->lock);
	while (!f->stop) {
		uint64_t asked = f->asked;
		pthread_mutex_unlock(&f->lock);
		bool go = asked != f->answered || is_due(f);
		int r = go ? attempt_counted(f) : f->answer;
		pthread_mutex_lock(&f->lock);
		f->answer = r;
		f->answered = asked;
		pthread_cond_broadcast(&f->done);
		if (!f->stop && f->asked == f->answered)
			look_later(f);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

int flush_start(struct flush *f)
{
	f->stop = false;
	int r = pthread_create(&f->thread, NULL, run, f);
	if (r)
		return log_error(-r, "cannot start the flush thread");
	(void)pthread_setname_np(f->thread, "flush");
	f->running = true;
	return 0;
}

void flush_stop(struct flush *f)
{
	if (!f->running)
		return;
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_signal(&f->wake);
	pthread_cond_broadcast(&f->done);
	pthread_mutex_unlock(&f->lock);
	(void)pthread_join(f->thread, NULL);
	f->running = false;
}

int flush_now(struct flush *f)
{
	pthread_mutex_lock(&f->lock);
	uint64_t mine = ++f->asked;
	pthread_cond_signal(&f->wake);
	while (f->answered < mine && !f->stop)
		pthread_cond_wait(&f->done, &f->lock);
	int r = f->answered < mine ? -ESHUTDOWN : f->answer;
	pthread_mutex_unlock(&f->lock);
	return r;
}
