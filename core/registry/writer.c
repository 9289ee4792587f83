#define LOG_MODULE "registry"
#include "registry/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <signalbox/kinds.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "host/docs.h"
#include "registry/change.h"
#include "registry/counts.h"
#include "registry/device.h"
#include "registry/inner.h"
#include "registry/notes.h"
#include "registry/record.h"

#define CHANGES_WAITING_MAX 4096
#define CHANGES_AT_ONCE     64
#define DEVICES_AT_ONCE     256
#define RETRY_NS            (5 * NS_PER_S)
#define TIDY_NS             (10 * NS_PER_S) /* counters and notes, between saves */
#define TIDY_NOTES          64

struct writer {
	struct registry *reg;
	int64_t tidy_ns; /* not before; monotonic */
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t wake, saved;
	/* under lock */
	struct change *first, *last;
	uint32_t waiting;
	struct device *dirty;
	int64_t retry_ns; /* the last write of dirty devices failed: not before this time; 0: at
	                     once */
	uint64_t save_asked, save_done;
	int save_r;
	bool stop;
};

/* ---- changes: each with its audit entry, all of a round in one commit */

struct round {
	struct change *changes[CHANGES_AT_ONCE];
	struct sb_doc_put puts[CHANGES_AT_ONCE * CHANGE_PUTS];
	uint32_t n, n_puts;
};

static int put(struct writer *w, const struct sb_doc_put *puts, uint32_t n)
{
	if (!n || !w->reg->config.docs)
		return 0;
	return docs_put_wait(w->reg->config.docs, puts, n);
}

static bool is_in(const struct round *round, const struct device *dev)
{
	for (uint32_t i = 0; i < round->n; i++) {
		if (round->changes[i]->dev == dev)
			return true;
	}
	return false;
}

/* A second change of one device builds on the first: it waits for the next round. Under lock. */
static struct change *take_change(struct writer *w, const struct round *round)
{
	struct change *change = w->first;

	if (!change || round->n == CHANGES_AT_ONCE || is_in(round, change->dev))
		return NULL;
	w->first = change->next;
	w->waiting--;
	return change;
}

static void write_changes(struct writer *w)
{
	struct round round = { .n = 0 };
	struct change *change;
	int r;

	while ((change = take_change(w, &round))) {
		pthread_mutex_unlock(&w->lock);
		r = change_prepare(change);
		if (r < 0) {
			change_finish(change, r);
		} else {
			round.n_puts += change_puts(change, round.puts + round.n_puts);
			round.changes[round.n++] = change;
		}
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	r = put(w, round.puts, round.n_puts);
	if (r < 0)
		log_error(r, "cannot store %u changes of devices", round.n);
	for (uint32_t i = 0; i < round.n; i++)
		change_finish(round.changes[i], r);
	pthread_mutex_lock(&w->lock);
}

/* ---- write-behind */

static void push_dirty(struct writer *w, struct device *dev)
{
	dev->dirty = true;
	dev->next_dirty = w->dirty;
	w->dirty = dev;
}

struct documents {
	struct device *devices[DEVICES_AT_ONCE];
	struct buffer bytes;
	size_t begin[DEVICES_AT_ONCE];
	struct sb_doc_put puts[DEVICES_AT_ONCE];
	uint32_t n;
};

static int encode(struct registry *reg, struct documents *docs)
{
	registry_lock(reg);
	for (uint32_t i = 0; i < docs->n; i++) {
		struct record rec = record_of(docs->devices[i]);
		docs->begin[i] = docs->bytes.n;
		record_give(&docs->bytes, &rec);
	}
	registry_unlock(reg);
	if (docs->bytes.bad)
		return -ENOMEM;
	for (uint32_t i = 0; i < docs->n; i++) {
		size_t end = i + 1 < docs->n ? docs->begin[i + 1] : docs->bytes.n;
		docs->puts[i] = (struct sb_doc_put){
			.space = SB_STR("device"),
			.key = device_id(docs->devices[i]),
			.doc = { docs->bytes.p + docs->begin[i], end - docs->begin[i] },
			.if_rev = UINT64_MAX,
		};
	}
	return 0;
}

/* Under lock, which is free while writing. */
static int write_dirty(struct writer *w)
{
	_own_(freep) struct documents *docs = calloc(1, sizeof(*docs));
	int r;

	if (!docs)
		return -ENOMEM;
	while (w->dirty && docs->n < DEVICES_AT_ONCE) {
		struct device *dev = w->dirty;
		w->dirty = dev->next_dirty;
		dev->dirty = false;
		docs->devices[docs->n++] = dev;
	}
	pthread_mutex_unlock(&w->lock);
	r = encode(w->reg, docs);
	if (r == 0)
		r = put(w, docs->puts, docs->n);
	if (r < 0)
		log_error(r, "cannot store %u devices, they stay queued", docs->n);
	buffer_fini(&docs->bytes);
	pthread_mutex_lock(&w->lock);
	for (uint32_t i = 0; r < 0 && i < docs->n; i++) {
		if (!docs->devices[i]->dirty)
			push_dirty(w, docs->devices[i]);
	}
	w->retry_ns = r < 0 ? clock_mono() + RETRY_NS : 0;
	return r;
}

static void save(struct writer *w)
{
	uint64_t asked = w->save_asked;
	int r = 0;

	while (r == 0 && w->dirty)
		r = write_dirty(w);
	pthread_mutex_unlock(&w->lock);
	if (r == 0)
		r = counts_save(w->reg->counts, false);
	if (r == 0)
		r = notes_save(w->reg, 0);
	pthread_mutex_lock(&w->lock);
	w->save_r = r;
	w->save_done = asked;
	pthread_cond_broadcast(&w->saved);
}

/* Of the clock the condition waits by, which a test does not set. */
static int64_t tidy_next(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec + TIDY_NS;
}

/* What the journal cannot tell after a crash. Under lock, which is free while writing. */
static void tidy(struct writer *w)
{
	w->tidy_ns = tidy_next();
	if (!w->reg->is_loaded)
		return;
	pthread_mutex_unlock(&w->lock);
	if (counts_save(w->reg->counts, true) == 0)
		(void)notes_save(w->reg, TIDY_NOTES);
	pthread_mutex_lock(&w->lock);
}

/* ---- the thread */

static void rest(struct writer *w)
{
	bool retry = w->dirty && w->retry_ns < w->tidy_ns;
	int64_t at = retry ? w->retry_ns : w->tidy_ns;
	struct timespec until = { at / NS_PER_S, at % NS_PER_S };

	if (pthread_cond_timedwait(&w->wake, &w->lock, &until) != ETIMEDOUT)
		return;
	if (retry)
		w->retry_ns = 0;
	else
		tidy(w);
}

static void *run(void *ud)
{
	struct writer *w = ud;

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		if (w->first)
			write_changes(w);
		else if (w->save_asked > w->save_done)
			save(w);
		else if (w->dirty && !w->retry_ns)
			(void)write_dirty(w);
		else
			rest(w);
	}
	pthread_cond_broadcast(&w->saved);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int writer_new(struct writer **out, struct registry *reg)
{
	struct writer *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;
	int r;

	if (!w)
		return -ENOMEM;
	w->reg = reg;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_cond_init(&w->saved, &attr);
	pthread_condattr_destroy(&attr);
	w->tidy_ns = tidy_next();
	r = -pthread_create(&w->thread, NULL, run, w);
	w->started = r == 0;
	if (r < 0) {
		writer_free(w);
		return log_error(r, "cannot start the registry's writer");
	}
	pthread_setname_np(w->thread, "registry");
	*out = w;
	return 0;
}

struct writer *writer_free(struct writer *w)
{
	if (!w)
		return NULL;
	if (w->started) {
		pthread_mutex_lock(&w->lock);
		w->stop = true;
		pthread_cond_broadcast(&w->wake);
		pthread_mutex_unlock(&w->lock);
		pthread_join(w->thread, NULL);
	}
	while (w->first) {
		struct change *change = w->first;
		w->first = change->next;
		change_finish(change, -ESHUTDOWN);
	}
	pthread_cond_destroy(&w->wake);
	pthread_cond_destroy(&w->saved);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return NULL;
}

/* ---- asking */

int writer_change(struct writer *w, struct change *change)
{
	int r = 0;

	pthread_mutex_lock(&w->lock);
	if (w->stop) {
		r = -ESHUTDOWN;
	} else if (w->waiting >= CHANGES_WAITING_MAX) {
		r = SB_E_OVERLOAD;
	} else {
		w->waiting++;
		change->next = NULL;
		if (!w->first)
			w->first = change;
		else
			w->last->next = change;
		w->last = change;
		pthread_cond_signal(&w->wake);
	}
	pthread_mutex_unlock(&w->lock);
	return r;
}

void writer_dirty(struct writer *w, struct device *dev)
{
	pthread_mutex_lock(&w->lock);
	if (!dev->dirty)
		push_dirty(w, dev);
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

int writer_save(struct writer *w)
{
	uint64_t asked;
	int r;

	pthread_mutex_lock(&w->lock);
	asked = ++w->save_asked;
	pthread_cond_signal(&w->wake);
	while (w->save_done < asked && !w->stop)
		pthread_cond_wait(&w->saved, &w->lock);
	r = w->save_done < asked ? -ESHUTDOWN : w->save_r;
	pthread_mutex_unlock(&w->lock);
	return r;
}
