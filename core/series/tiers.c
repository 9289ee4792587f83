#define LOG_MODULE "tiers"
#include "series/tiers.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <signalbox/kinds.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "series/blocks.h"
#include "series/digest.h"
#include "series/keeper.h"
#include "series/learn.h"
#include "series/month.h"
#include "series/series.h"
#include "series/tiermerge.h"

#define NICE           19
#define LOOK_EVERY_NS  (1 * NS_PER_S)
#define PAUSE_FIRST_NS (1 * NS_PER_S)
#define PAUSE_MOST_NS  (60 * NS_PER_S)
#define GRACE_NS       (600 * NS_PER_S) /* a day is over so long after its end */

int tiers_init(struct tiers *t, const struct series_config *config, const struct blocks *blocks,
               const struct keeper *keeper, _Atomic uint64_t *corrupt)
{
	pthread_condattr_t attr;
	t->config = config;
	t->blocks = blocks;
	t->keeper = keeper;
	t->corrupt = corrupt;
	tierstate_init(&t->state);
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->wake, &attr);
	pthread_condattr_destroy(&attr);
	t->digest = calloc(1, sizeof(*t->digest));
	return t->digest ? 0 : -ENOMEM;
}

void tiers_fini(struct tiers *t)
{
	tiers_stop(t);
	tierstate_fini(&t->state);
	tierout_fini(&t->out);
	if (t->digest)
		digest_fini(t->digest);
	free(t->digest);
	t->digest = NULL;
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
}

int tiers_load(struct tiers *t, uint64_t seq)
{
	t->state.seq_flushed = seq;
	return tierstate_load(&t->state, t->config->docs);
}

/* ---- a pass */

static int chunk_give(void *ud, const struct digest_chunk *chunk)
{
	return tierout_add(&((struct tiers *)ud)->out, chunk);
}

/* Numbers of blocks are taken durably before they are used: no two blocks may have the same. */
static int numbers_take(struct tiers *t, uint64_t *seq)
{
	struct tierstate *s = &t->state;
	pthread_mutex_lock(&s->lock);
	/* The clock, because documents may come back from an older backup than blocks. */
	*seq = MAX(s->seq_block, (uint64_t)MAX(clock_utc() / NS_PER_US, 0));
	s->seq_block = *seq + t->out.n;
	pthread_mutex_unlock(&s->lock);
	return t->out.n ? tierstate_save(s, t->config->docs) : 0;
}

static int write_out(struct tiers *t)
{
	struct tierstate *s = &t->state;
	uint64_t seq;
	int r = t->stop ? -ECANCELED : numbers_take(t, &seq);
	if (r >= 0)
		r = tierout_write(&t->out, t->blocks, seq);
	pthread_mutex_lock(&s->lock);
	if (r >= 0)
		dirty_fini(&s->busy);
	pthread_mutex_unlock(&s->lock);
	return r;
}

/* The next days of the next stream, within one month; 0: none. */
static uint32_t take(struct tiers *t, uint32_t from, int32_t before, struct dirty_range *days)
{
	struct tierstate *s = &t->state;
	pthread_mutex_lock(&s->lock);
	uint32_t stream = dirty_take(&s->waiting, from, before, days);
	if (stream) {
		int32_t last = tier_day(month_last(month_of(tier_day_begin(days->first))));
		if (days->last > last)
			(void)dirty_add(&s->waiting, stream, last + 1, days->last);
		days->last = MIN(days->last, last);
		(void)dirty_add(&s->busy, stream, days->first, days->last);
	}
	pthread_mutex_unlock(&s->lock);
	return stream;
}

static bool is_paused(const struct tiers *t)
{
	return t->stop || t->keeper->state != SERIES_SPACE_OK;
}

static int work(struct tiers *t, int32_t before)
{
	struct dirty_range days;
	uint32_t stream = 1;
	int r = 0;
	while (r >= 0 && (stream = take(t, stream, before, &days)) > 0) {
		r = is_paused(t) ? -ECANCELED : digest_days(t->digest, stream, days);
		t->days += r >= 0 ? (uint64_t)(days.last - days.first) + 1 : 0;
		if (r >= 0 && t->out.bytes.n >= TIEROUT_BYTES)
			r = write_out(t);
	}
	return r < 0 ? r : write_out(t);
}

static void put_back(struct tiers *t)
{
	struct tierstate *s = &t->state;
	tierout_fini(&t->out);
	pthread_mutex_lock(&s->lock);
	(void)dirty_move(&s->waiting, &s->busy);
	s->changed = true;
	pthread_mutex_unlock(&s->lock);
}

static int32_t closed_now(void)
{
	return tier_day(clock_utc() - GRACE_NS);
}

static void prepare(struct tiers *t)
{
	int64_t floor = tierstate_floor(&t->state, SB_STR(""));
	*t->digest = (struct digest){
		.catalog = t->config->catalog,
		.blocks = t->blocks,
		.corrupt = t->corrupt,
		.stop = &t->stop,
		.gone_before = floor == INT64_MIN ? INT32_MIN : tier_day(floor) + 1,
		.known_before = t->state.closed_before,
		.give = chunk_give,
		.ud = t,
	};
}

/* Few files are quicker to read than many. */
static void merge_blocks(struct tiers *t)
{
	struct tiermerge tm = { t->config->catalog, t->blocks, t->corrupt, &t->stop };
	int r = 1;
	while (r > 0 && !is_paused(t))
		r = tiermerge_run(&tm);
	if (r < 0 && r != -EOPNOTSUPP && r != -ECANCELED && r != -ESHUTDOWN)
		(void)log_warn(r, "cannot make one block of several");
}

int tiers_pass(struct tiers *t)
{
	struct tierstate *s = &t->state;
	int32_t before = MAX(closed_now(), s->closed_before);
	int64_t began = clock_mono();
	uint64_t days = t->days;
	int r = s->ready ? 0 : learn_days(s, t->blocks, t->config->catalog, &t->stop);
	pthread_mutex_lock(&s->lock);
	uint64_t seq = s->seq_flushed;
	s->changed = false;
	pthread_mutex_unlock(&s->lock);
	prepare(t);
	if (r >= 0)
		r = work(t, before);
	t->kept += t->digest->kept;
	digest_fini(t->digest);
	if (r < 0) {
		put_back(t);
		return r;
	}
	pthread_mutex_lock(&s->lock);
	s->seq_digested = seq;
	s->closed_before = before;
	pthread_mutex_unlock(&s->lock);
	t->passes++;
	if (t->days > days)
		log_debug("%llu days of streams are in tiers after %lld ms",
		          (unsigned long long)(t->days - days),
		          (long long)((clock_mono() - began) / NS_PER_MS));
	r = tierstate_save(s, t->config->docs);
	if (r >= 0)
		merge_blocks(t);
	return r;
}

/* ---- the thread */

/* And nothing of it waits in the head: else the flush of that will come. */
static bool day_is_over(const struct tiers *t)
{
	int64_t flushed = __atomic_load_n(&t->config->flush_every_ns, __ATOMIC_RELAXED);
	return tier_day(clock_utc() - 2 * GRACE_NS - MIN(flushed, TIER_DAY_NS)) >
	       t->state.closed_before;
}

int tiers_turn(struct tiers *t)
{
	struct tierstate *s = &t->state;
	int64_t now = clock_mono();
	pthread_mutex_lock(&s->lock);
	bool due = !s->ready || s->changed || day_is_over(t);
	pthread_mutex_unlock(&s->lock);
	if (!due || now < t->not_before_ns || is_paused(t))
		return 0;
	int r = tiers_pass(t);
	if (r >= 0) {
		t->pause_ns = 0;
		t->not_before_ns = now + t->config->tier_every_ns;
		return 0;
	}
	t->pause_ns = t->pause_ns ? MIN(2 * t->pause_ns, PAUSE_MOST_NS) : PAUSE_FIRST_NS;
	t->not_before_ns = clock_mono() + t->pause_ns;
	if (r == -ECANCELED || r == -ESHUTDOWN || r == -EAGAIN)
		return r;
	t->failures++;
	return log_error(r, "tiers wait: they will be tried again in %lld s",
	                 (long long)(t->pause_ns / NS_PER_S));
}

static void *run(void *ud)
{
	struct tiers *t = ud;
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	while (!t->stop) {
		struct timespec until;
		(void)tiers_turn(t);
		(void)clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += LOOK_EVERY_NS / NS_PER_S;
		pthread_mutex_lock(&t->lock);
		if (!t->stop)
			(void)pthread_cond_timedwait(&t->wake, &t->lock, &until);
		pthread_mutex_unlock(&t->lock);
	}
	return NULL;
}

int tiers_start(struct tiers *t)
{
	t->stop = false;
	int r = pthread_create(&t->thread, NULL, run, t);
	if (r)
		return log_error(-r, "cannot start the thread of the tiers");
	(void)pthread_setname_np(t->thread, "tiers");
	t->running = true;
	return 0;
}

void tiers_stop(struct tiers *t)
{
	if (!t->running)
		return;
	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	(void)pthread_join(t->thread, NULL);
	t->running = false;
}

int64_t tiers_safe(struct tiers *t)
{
	return tierstate_safe(&t->state);
}

int tiers_raise(struct tiers *t, struct sb_str class_, int64_t before_ns)
{
	if (!tierstate_raise(&t->state, class_, before_ns))
		return 0;
	return tierstate_save(&t->state, t->config->docs);
}

void tiers_stats(struct tiers *t, struct tiers_stats *out)
{
	pthread_mutex_lock(&t->state.lock);
	*out = (struct tiers_stats){ .passes = t->passes,
		                     .failures = t->failures,
		                     .days = t->days,
		                     .kept = t->kept,
		                     .waiting = t->state.waiting.waiting };
	pthread_mutex_unlock(&t->state.lock);
}
