#define LOG_MODULE "storage"
#include "series/keeper.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <signalbox/kinds.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/own.h"
#include "base/reserve.h"
#include "journal/journal.h"
#include "series/aging.h"
#include "series/blocks.h"
#include "series/flush.h"
#include "series/series.h"
#include "series/tiers.h"

#define TURN_NS       (500 * NS_PER_MS)
#define AGE_FIRST_NS  (60 * NS_PER_S)
#define AGE_EVERY_NS  (600 * NS_PER_S)
#define FLUSH_EACH_NS (2 * NS_PER_S)
#define LOW_AGAIN_NS  (5 * NS_PER_S) /* what readers hold is not free at once */
#define LOW_BLOCKS    32             /* dropped in one turn */
#define MIB           1048576.0

int64_t keeper_keeps(struct keeper *k)
{
	int64_t shortest = INT64_MAX;
	pthread_mutex_lock(&k->lock);
	for (uint32_t i = 0; i < k->retention.n; i++)
		if (k->retention.at[i].keep_ns)
			shortest = MIN(shortest, k->retention.at[i].keep_ns);
	pthread_mutex_unlock(&k->lock);
	return shortest;
}

int keeper_init(struct keeper *k, const struct series_config *config, struct blocks *blocks,
                struct flush *flush)
{
	pthread_condattr_t attr;
	int64_t now = clock_mono();

	k->config = config;
	k->blocks = blocks;
	k->flush = flush;
	k->retention = config->retention;
	pthread_mutex_init(&k->lock, NULL);
	k->age_at_ns = now + MIN(keeper_keeps(k), AGE_FIRST_NS);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&k->wake, &attr);
	pthread_condattr_destroy(&attr);
	return 0;
}

void keeper_fini(struct keeper *k)
{
	pthread_cond_destroy(&k->wake);
	pthread_mutex_destroy(&k->lock);
}

static void look(struct keeper *k)
{
	uint64_t total = 0;
	uint64_t left = 0;

	if (k->config->space)
		k->config->space(k->config->ud, &left, &total);
	k->free = left;
	k->total = total;
	pthread_mutex_lock(&k->lock);
	k->least = MIN(k->least, left);
	pthread_mutex_unlock(&k->lock);
}

/* ---- the reserve */

static uint64_t reserve_wanted(const struct keeper *k)
{
	return k->config->reserve ? reserve_bytes(k->config->reserve) : 0;
}

static bool is_whole(const struct keeper *k)
{
	return reserve_held(k->config->reserve) == reserve_wanted(k);
}

/* All but `keep`. */
static bool give_back(struct keeper *k, uint64_t keep)
{
	if (!k->config->reserve || !reserve_shrink(k->config->reserve, keep))
		return false;
	journal_hold(k->config->journal, true);
	k->holds = true;
	pthread_mutex_lock(&k->lock);
	k->least = UINT64_MAX;
	pthread_mutex_unlock(&k->lock);
	(void)log_warn(0,
	               "the disk is full: %s the reserve of %.0f MiB is given back for what is on "
	               "its way; free space, or messages are not acknowledged soon",
	               keep ? "most of" : "the rest of", (double)reserve_wanted(k) / MIB);
	return true;
}

static void make_reserve(struct keeper *k)
{
	int r = reserve_make(k->config->reserve);

	if (r < 0) {
		if (!k->said_unable)
			(void)log_warn(r, "cannot make the reserve of %.0f MiB",
			               (double)reserve_wanted(k) / MIB);
		k->said_unable = true;
		return;
	}
	k->said_unable = false;
	journal_hold(k->config->journal, false);
	if (k->holds)
		log_info("there is room again: the reserve of %.0f MiB is made anew",
		         (double)reserve_wanted(k) / MIB);
	k->holds = false;
}

/* What was given back is room for whoever asked for it, not for a new reserve: something else has
 * to become free first. */
static bool is_room_again(const struct keeper *k, uint64_t bytes)
{
	return k->free >= bytes + bytes / 2 && (!k->holds || k->free - k->least >= bytes);
}

static void see_to_reserve(struct keeper *k)
{
	uint64_t bytes = reserve_wanted(k);

	if (!bytes)
		return;
	if (is_whole(k)) {
		if (k->free < bytes / 4)
			(void)give_back(k, bytes / 4);
	} else if (is_room_again(k, bytes)) {
		make_reserve(k);
	} else if (!k->holds && k->free < bytes / 4) { /* too full from the start */
		(void)log_warn(0, "%.0f MiB are free: too little for a reserve of %.0f MiB",
		               (double)k->free / MIB, (double)bytes / MIB);
		journal_hold(k->config->journal, true);
		k->holds = true;
	}
	look(k);
}

bool keeper_make_room(struct keeper *k, bool for_documents)
{
	bool made = give_back(k, reserve_wanted(k) / 4) || (for_documents && give_back(k, 0));

	if (made) {
		pthread_mutex_lock(&k->lock);
		pthread_cond_signal(&k->wake);
		pthread_mutex_unlock(&k->lock);
	}
	return made;
}

bool keeper_allows_block(struct keeper *k)
{
	uint64_t bytes = reserve_wanted(k);

	if (!bytes || reserve_held(k->config->reserve))
		return true;
	look(k);
	return k->free >= bytes / 4;
}

bool keeper_allows_rewriting(const struct keeper *k)
{
	return k->state == SERIES_SPACE_OK && !k->holds;
}

/* What is in the head goes to blocks when the journal waits for segments it may not make. */
static void see_to_journal(struct keeper *k)
{
	struct journal_stats stats;

	if (!k->holds || clock_mono() < k->flush_at_ns)
		return;
	journal_stats(k->config->journal, &stats);
	if (stats.segments < 2 || stats.segments_spare >= 2)
		return;
	(void)flush_now(k->flush);
	k->flush_at_ns = clock_mono() + FLUSH_EACH_NS;
}

/* ---- dropping */

struct dropping {
	struct keeper *keeper;
	bool is_low;
	uint64_t blocks, bytes;
	int64_t t_max_ns;
};

static void dropped(void *ud, const struct sb_dropped *d)
{
	struct dropping *drop = ud;
	char from[32];
	char to[32];

	clock_show(from, sizeof(from), d->t_min_ns);
	clock_show(to, sizeof(to), d->t_max_ns);
	drop->blocks++;
	drop->bytes += d->bytes;
	drop->t_max_ns = MAX(drop->t_max_ns, d->t_max_ns);
	if (drop->is_low)
		(void)log_warn(
			0, "low water: dropped %.*s: values from %s to %s, %llu rows, %llu bytes",
			(int)d->name.n, d->name.p, from, to, (unsigned long long)d->rows,
			(unsigned long long)d->bytes);
	else
		log_debug("retention: dropped %.*s: values from %s to %s, %llu bytes",
		          (int)d->name.n, d->name.p, from, to, (unsigned long long)d->bytes);
}

/* A fault is told once. */
static int told_once(struct keeper *k, int r)
{
	if (r < 0 && r != -ESHUTDOWN && r != k->fault)
		log_error(r, "cannot drop old blocks");
	k->fault = r < 0 ? r : 0;
	return r;
}

static int look_at_classes(struct keeper *k, struct aging *a)
{
	struct retention retention;
	int64_t safe = k->tiers ? tiers_safe(k->tiers) : INT64_MAX;

	pthread_mutex_lock(&k->lock);
	retention = k->retention;
	pthread_mutex_unlock(&k->lock);
	return aging_look(a, k->blocks, &retention, k->config->retention_class, clock_utc(), safe);
}

static int drop_class(struct keeper *k, struct dropping *drop, const struct aging_class *c,
                      struct sb_drop order)
{
	order.class_ = sb_str_of(c->name, strlen(c->name));
	return blocks_drop(k->blocks, &order, dropped, drop);
}

/* From then on tiers answer for it; known before it goes. */
static int goes(struct keeper *k, const struct aging_class *c, int64_t before_ns)
{
	if (!k->tiers || before_ns == INT64_MIN)
		return 0;
	return tiers_raise(k->tiers, sb_str_of(c->name, strlen(c->name)), before_ns);
}

static int age_classes(struct keeper *k, struct dropping *drop)
{
	struct aging a;
	int r = look_at_classes(k, &a);
	int n = 0;

	for (uint32_t i = 0; (r >= 0 || r == -EOPNOTSUPP) && i < a.n; i++) {
		const struct aging_class *c = &a.at[i];
		if (!c->due)
			continue;
		r = goes(k, c, c->due_ns);
		if (r >= 0)
			r = drop_class(k, drop, c,
			               (struct sb_drop){ .size = sizeof(struct sb_drop),
			                                 .before_ns = c->due_ns,
			                                 .bytes = UINT64_MAX });
		n += r > 0 ? r : 0;
	}
	return r < 0 && r != -EOPNOTSUPP ? r : n;
}

static void see_to_age(struct keeper *k)
{
	int64_t age = keeper_keeps(k);
	struct dropping drop = { .keeper = k };
	int64_t now = clock_mono();

	if (age == INT64_MAX || now < k->age_at_ns)
		return;
	k->age_at_ns = now + MIN(MAX(age, NS_PER_S), AGE_EVERY_NS);
	if (told_once(k, age_classes(k, &drop)) <= 0)
		return;
	k->aged_blocks += drop.blocks;
	k->aged_bytes += drop.bytes;
	log_info("retention: %llu blocks, %.1f MiB, were older than storage.retention",
	         (unsigned long long)drop.blocks, (double)drop.bytes / MIB);
}

/* Class by class, until enough is free. A store of 1.0 drops the oldest of all. */
static int drop_low(struct keeper *k, struct dropping *drop, struct sb_drop order)
{
	struct aging a;
	uint64_t wanted = order.bytes;
	int r = look_at_classes(k, &a);
	int n = 0;

	if (r == -EOPNOTSUPP)
		return told_once(k, blocks_drop(k->blocks, &order, dropped, drop));
	for (uint32_t i = 0; r >= 0 && i < a.n && drop->bytes < wanted && n < LOW_BLOCKS; i++) {
		order.bytes = wanted - drop->bytes;
		order.most = (uint32_t)(LOW_BLOCKS - n);
		drop->t_max_ns = INT64_MIN;
		r = drop_class(k, drop, &a.at[i], order);
		n += r > 0 ? r : 0;
		if (r > 0 && drop->t_max_ns < INT64_MAX)
			r = goes(k, &a.at[i], drop->t_max_ns + 1);
	}
	return told_once(k, r < 0 ? r : n);
}

static void say_kept(struct keeper *k)
{
	if (k->said_kept)
		return;
	k->said_kept = true;
	(void)log_warn(0,
	               "low water: %.1f MiB of %.1f are free, and nothing more may be dropped: all "
	               "that is left is younger than storage.keep; free space, or messages are not "
	               "acknowledged when it is used up",
	               (double)k->free / MIB, (double)k->total / MIB);
}

/* A reserve that was given back is missing too. */
static uint64_t low_water(const struct keeper *k)
{
	return k->config->low_water + (k->holds ? 2 * reserve_wanted(k) : 0);
}

/* A little more than is missing, so that it does not begin again with the next flush. */
static void see_to_low_water(struct keeper *k)
{
	uint64_t low = low_water(k);
	uint64_t enough = low + k->config->low_water / 8;
	struct dropping drop = { .keeper = k, .is_low = true };
	int64_t now = clock_mono();

	if (k->free >= (k->is_low ? enough : low)) {
		k->is_low = k->said_kept = false;
		return;
	}
	if (!k->is_low)
		(void)log_warn(0, "low water: %.1f MiB of %.1f are free, storage.low-water is %.1f",
		               (double)k->free / MIB, (double)k->total / MIB,
		               (double)k->config->low_water / MIB);
	k->is_low = true;
	if (now < k->low_at_ns && k->free <= k->free_before)
		return;
	k->free_before = k->free;
	k->low_at_ns = now + LOW_AGAIN_NS;
	int64_t keep = __atomic_load_n(&k->config->keep_ns, __ATOMIC_RELAXED);
	int r = drop_low(k, &drop,
	                 (struct sb_drop){ .size = sizeof(struct sb_drop),
	                                   .most = LOW_BLOCKS,
	                                   .before_ns = clock_utc() - keep,
	                                   .bytes = enough - k->free });
	if (r == 0)
		say_kept(k);
	k->low_blocks += drop.blocks;
	k->low_bytes += drop.bytes;
	look(k);
}

static void tell_state(struct keeper *k)
{
	uint64_t bytes = reserve_wanted(k);
	enum series_space_state state = SERIES_SPACE_OK;

	if (bytes && !is_whole(k))
		state = SERIES_SPACE_RESERVE;
	else if (k->is_low)
		state = k->said_kept ? SERIES_SPACE_KEPT : SERIES_SPACE_LOW;
	k->state = (int)state;
}

void keeper_turn(struct keeper *k)
{
	look(k);
	if (!k->total) /* nobody knows */
		return;
	see_to_reserve(k);
	see_to_age(k);
	see_to_low_water(k);
	tell_state(k);
	see_to_journal(k);
}

/* ---- the thread */

static void wait_a_turn(struct keeper *k)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TURN_NS;
	until.tv_sec += until.tv_nsec / NS_PER_S;
	until.tv_nsec %= NS_PER_S;
	pthread_mutex_lock(&k->lock);
	if (!k->stop)
		(void)pthread_cond_timedwait(&k->wake, &k->lock, &until);
	pthread_mutex_unlock(&k->lock);
}

static bool is_over(struct keeper *k)
{
	pthread_mutex_lock(&k->lock);
	bool over = k->stop;
	pthread_mutex_unlock(&k->lock);
	return over;
}

static void *run(void *ud)
{
	struct keeper *k = ud;

	while (!is_over(k)) {
		keeper_turn(k);
		wait_a_turn(k);
	}
	return NULL;
}

int keeper_start(struct keeper *k)
{
	k->stop = false;
	int r = pthread_create(&k->thread, NULL, run, k);
	if (r)
		return log_error(-r, "cannot start the thread that looks after the disk");
	(void)pthread_setname_np(k->thread, "keeper");
	k->running = true;
	return 0;
}

void keeper_stop(struct keeper *k)
{
	if (!k->running)
		return;
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_signal(&k->wake);
	pthread_mutex_unlock(&k->lock);
	(void)pthread_join(k->thread, NULL);
	k->running = false;
}

void keeper_retain(struct keeper *k, const struct retention *retention)
{
	pthread_mutex_lock(&k->lock);
	k->retention = *retention;
	pthread_mutex_unlock(&k->lock);
}

void keeper_stats(const struct keeper *k, struct series_space *out)
{
	*out = (struct series_space){
		.state = (enum series_space_state)k->state,
		.free = k->free,
		.total = k->total,
		.low_water = k->config->low_water,
		.reserve = reserve_wanted(k),
		.reserve_held = k->config->reserve ? reserve_held(k->config->reserve) : 0,
		.low_blocks = k->low_blocks,
		.low_bytes = k->low_bytes,
		.aged_blocks = k->aged_blocks,
		.aged_bytes = k->aged_bytes,
	};
}
