#include "series/blocks.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/own.h"
#include "host/host.h"
#include "host/instance.h"

int blocks_attach(struct blocks *b, struct host *host)
{
	b->instance = host_instance(host, "sb.store/1", 0);
	b->store = b->instance ? instance_ext(b->instance, "sb.store/1") : NULL;
	if (!b->store)
		return SB_E_NOT_FOUND;
	b->self = instance_self(b->instance);
	return 0;
}

int blocks_scan(const struct blocks *b, const struct sb_scan *scan, sb_chunk_fn fn, void *ud)
{
	struct frame f;
	if (!b->store)
		return 0;
	frame_enter(&f, b->instance, "store.scan");
	int r = b->store->scan(b->self, scan, fn, ud);
	frame_leave(&f);
	return r;
}

int blocks_stats(const struct blocks *b, struct sb_store_stats *out)
{
	struct frame f;
	*out = (struct sb_store_stats){ .size = sizeof(*out) };
	if (!b->store)
		return SB_E_NOT_FOUND;
	frame_enter(&f, b->instance, "store.stats");
	int r = b->store->stats(b->self, out);
	frame_leave(&f);
	return r;
}

int blocks_each(const struct blocks *b, sb_block_fn fn, void *ud)
{
	struct frame f;
	if (!b->store)
		return SB_E_NOT_FOUND;
	if (!SB_HAS(b->store, blocks))
		return -EOPNOTSUPP;
	frame_enter(&f, b->instance, "store.blocks");
	int r = b->store->blocks(b->self, fn, ud);
	frame_leave(&f);
	return r;
}

int blocks_read(const struct blocks *b, struct sb_str name, uint32_t from_stream, sb_chunk_fn fn,
                void *ud)
{
	struct frame f;
	if (!b->store)
		return SB_E_NOT_FOUND;
	if (!SB_HAS(b->store, read_block))
		return -EOPNOTSUPP;
	frame_enter(&f, b->instance, "store.read_block");
	int r = b->store->read_block(b->self, name, from_stream, fn, ud);
	frame_leave(&f);
	return r;
}

bool blocks_can_replace(const struct blocks *b)
{
	return b->store && SB_HAS(b->store, blocks) && SB_HAS(b->store, replace);
}

int blocks_replace(const struct blocks *b, const struct sb_block *block, sb_dropped_fn fn, void *ud)
{
	struct frame f;
	if (!blocks_can_replace(b))
		return b->store ? -EOPNOTSUPP : SB_E_NOT_FOUND;
	frame_enter(&f, b->instance, "store.replace");
	int r = b->store->replace(b->self, block, fn, ud);
	frame_leave(&f);
	return r;
}

int blocks_copy(const struct blocks *b, const struct sb_copy *copy)
{
	struct frame f;
	if (!b->store)
		return SB_E_NOT_FOUND;
	if (!SB_HAS(b->store, copy))
		return -EOPNOTSUPP;
	frame_enter(&f, b->instance, "store.copy");
	int r = b->store->copy(b->self, copy);
	frame_leave(&f);
	return r;
}

/* ---- on the store's thread: two threads share a job; who waits may give up only before it began
 */

enum job_state { JOB_WAITS, JOB_RUNS, JOB_DONE, JOB_CANCELLED };

struct job {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int refs;
	enum job_state state;
	int r;
	const struct blocks *blocks;
	void (*call)(struct job *job);
	const struct sb_block *block;
	const struct sb_drop *order;
	struct sb_str name;
	sb_dropped_fn dropped;
	void *ud;
};

static struct job *job_new(const struct blocks *b, void (*call)(struct job *job))
{
	pthread_condattr_t attr;
	struct job *job = calloc(1, sizeof(*job));
	if (!job)
		return NULL;
	pthread_mutex_init(&job->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&job->changed, &attr);
	pthread_condattr_destroy(&attr);
	job->refs = 2;
	job->blocks = b;
	job->call = call;
	return job;
}

static void job_unref(struct job *job)
{
	pthread_mutex_lock(&job->lock);
	int left = --job->refs;
	pthread_mutex_unlock(&job->lock);
	if (left)
		return;
	pthread_cond_destroy(&job->changed);
	pthread_mutex_destroy(&job->lock);
	free(job);
}

static bool job_begin(struct job *job)
{
	pthread_mutex_lock(&job->lock);
	bool go = job->state == JOB_WAITS;
	if (go)
		job->state = JOB_RUNS;
	pthread_mutex_unlock(&job->lock);
	return go;
}

static void job_run(void *ud)
{
	struct job *job = ud;
	if (job_begin(job)) {
		job->call(job);
		pthread_mutex_lock(&job->lock);
		job->state = JOB_DONE;
		pthread_cond_signal(&job->changed);
		pthread_mutex_unlock(&job->lock);
	}
	job_unref(job);
}

static bool store_lives(const struct blocks *b)
{
	enum instance_state s = instance_state(b->instance);
	return s == INSTANCE_RUNNING || s == INSTANCE_DRAINING;
}

static int job_wait(struct job *job)
{
	pthread_mutex_lock(&job->lock);
	while (job->state != JOB_DONE && job->state != JOB_CANCELLED) {
		struct timespec until;
		(void)clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec++;
		(void)pthread_cond_timedwait(&job->changed, &job->lock, &until);
		if (job->state == JOB_WAITS && !store_lives(job->blocks))
			job->state = JOB_CANCELLED;
	}
	int r = job->state == JOB_DONE ? job->r : -ESHUTDOWN;
	pthread_mutex_unlock(&job->lock);
	return r;
}

/* Takes the job; what it answered. */
static int job_do(struct job *job)
{
	int r = instance_post(job->blocks->instance, job_run, job);
	if (r) { /* not taken */
		job_unref(job);
		job_unref(job);
		return r < 0 ? r : -EAGAIN;
	}
	r = job_wait(job);
	job_unref(job);
	return r;
}

/* ---- the calls */

static void written(void *ud, int32_t r)
{
	((struct job *)ud)->r = r;
}

static void call_write(struct job *job)
{
	const struct blocks *b = job->blocks;
	struct frame f;
	job->r = -EIO; /* unless done() says otherwise */
	frame_enter(&f, b->instance, "store.write_block");
	int r = b->store->write_block(b->self, job->block, written, job);
	frame_leave(&f);
	if (r < 0)
		job->r = r;
}

int blocks_write(const struct blocks *b, const struct sb_block *block)
{
	if (!b->store)
		return SB_E_NOT_FOUND;
	struct job *job = job_new(b, call_write);
	if (!job)
		return -ENOMEM;
	job->block = block;
	return job_do(job);
}

static void call_drop(struct job *job)
{
	const struct blocks *b = job->blocks;
	struct frame f;
	frame_enter(&f, b->instance, "store.drop");
	if (SB_HAS(b->store, drop))
		job->r = b->store->drop(b->self, job->order, job->dropped, job->ud);
	else
		job->r = b->store->drop_before(b->self, job->order->class_, job->order->before_ns);
	frame_leave(&f);
}

int blocks_drop(const struct blocks *b, const struct sb_drop *order, sb_dropped_fn fn, void *ud)
{
	if (!b->store)
		return SB_E_NOT_FOUND;
	bool all = order->class_.n && order->bytes == UINT64_MAX && !order->most;
	if (!SB_HAS(b->store, drop) && !(all && SB_HAS(b->store, drop_before)))
		return -EOPNOTSUPP;
	struct job *job = job_new(b, call_drop);
	if (!job)
		return -ENOMEM;
	job->order = order;
	job->dropped = fn;
	job->ud = ud;
	return job_do(job);
}

static void call_set_aside(struct job *job)
{
	const struct blocks *b = job->blocks;
	struct frame f;
	frame_enter(&f, b->instance, "store.set_aside");
	job->r = b->store->set_aside(b->self, job->name, job->dropped, job->ud);
	frame_leave(&f);
}

int blocks_set_aside(const struct blocks *b, struct sb_str name, sb_dropped_fn fn, void *ud)
{
	if (!b->store)
		return SB_E_NOT_FOUND;
	if (!SB_HAS(b->store, set_aside))
		return -EOPNOTSUPP;
	struct job *job = job_new(b, call_set_aside);
	if (!job)
		return -ENOMEM;
	job->name = name;
	job->dropped = fn;
	job->ud = ud;
	return job_do(job);
}
