#include "host/worker.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"

#define LOG_MODULE "host"

static void sweep(struct hook *h)
{
	struct worker *w = container_of(h, struct worker, sweep);
	while (w->remains) {
		struct worker_remains *next = w->remains->next;
		free(w->remains);
		w->remains = next;
	}
}

void worker_bury(struct worker *w, struct worker_remains *remains)
{
	remains->next = w->remains;
	w->remains = remains;
}

static void sample(struct timer *t)
{
	struct worker *w = container_of(t, struct worker, sampler);
	struct streams_stats now;
	streams_stats(w->streams, &now);
	pthread_mutex_lock(&w->lock);
	w->stats = now;
	pthread_mutex_unlock(&w->lock);
}

int worker_new(struct worker **out, const char *name, bool is_shared,
               const struct streams_limits *limits)
{
	struct worker *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	pthread_mutex_init(&w->lock, NULL);
	snprintf(w->name, sizeof(w->name), "%s", name);
	w->is_shared = is_shared;
	w->limits = *limits;
	w->sweep.fn = sweep;
	w->sampler.fn = sample;
	int r = loop_new(&w->loop, name);
	if (r < 0) {
		worker_free(w);
		return r;
	}
	loop_hook(w->loop, &w->sweep);
	*out = w;
	return 0;
}

struct worker *worker_free(struct worker *w)
{
	if (!w)
		return NULL;
	worker_stop(w);
	sweep(&w->sweep);
	w->loop = loop_free(w->loop);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return NULL;
}

static void *run(void *arg)
{
	struct worker *w = arg;
	char name[16];
	snprintf(name, sizeof(name), "%.15s", w->name);
	pthread_setname_np(pthread_self(), name);
	int r = loop_run(w->loop);
	if (r < 0)
		log_error(r, "the loop of thread %s ended", w->name);
	timer_end(&w->sampler);
	w->streams = streams_free(w->streams);
	sweep(&w->sweep);
	return NULL;
}

int worker_start(struct worker *w)
{
	if (w->is_running)
		return 0;
	int r = pthread_create(&w->thread, NULL, run, w);
	if (r != 0)
		return log_error(-r, "cannot start thread %s", w->name);
	w->is_running = true;
	return 0;
}

void worker_stop(struct worker *w)
{
	if (!w->is_running)
		return;
	loop_stop(w->loop);
	pthread_join(w->thread, NULL);
	w->is_running = false;
}

struct streams *worker_streams(struct worker *w)
{
	if (w->streams)
		return w->streams;
	int r = streams_new(&w->streams, w->loop, &w->limits);
	if (r < 0) {
		log_error(r, "thread %s cannot serve connections", w->name);
		return NULL;
	}
	loop_timer(w->loop, &w->sampler, NS_PER_S, NS_PER_S);
	return w->streams;
}

/* News of the configuration, on its way to a worker. */
struct news {
	struct worker *worker;
	void (*fn)(struct worker *w, void *arg);
	void *arg;
};

static void take_news(void *ud)
{
	struct news news = *(struct news *)ud;

	free(ud);
	news.fn(news.worker, news.arg);
}

static int tell(struct worker *w, void (*fn)(struct worker *w, void *arg), void *arg)
{
	struct news *news = malloc(sizeof(*news));

	if (!news)
		return -ENOMEM;
	*news = (struct news){ w, fn, arg };
	int r = loop_post(w->loop, take_news, news);
	if (r != 0)
		free(news);
	return r;
}

static void take_origins(struct worker *w, void *arg)
{
	w->limits.origins = arg;
	if (w->streams)
		streams_set_origins(w->streams, arg);
}

void worker_set_origins(struct worker *w, const char *origins)
{
	int r = tell(w, take_origins, (void *)(uintptr_t)origins);

	if (r != 0)
		log_warn(MIN(r, 0), "http.origins stays as it was on thread %s", w->name);
}

static void end_revoked(struct worker *w, void *arg)
{
	uint32_t n = w->streams ? streams_end_revoked(w->streams, arg) : 0;

	if (n)
		log_info("connections ended because tls.client-crl names their certificates: %u",
		         n);
}

void worker_end_revoked(struct worker *w, struct tls *tls)
{
	int r = tell(w, end_revoked, tls);

	if (r != 0)
		log_warn(MIN(r, 0), "connections on thread %s outlive the new tls.client-crl",
		         w->name);
}

void worker_stats(struct worker *w, struct streams_stats *out)
{
	pthread_mutex_lock(&w->lock);
	*out = w->stats;
	pthread_mutex_unlock(&w->lock);
}

struct errand { /* owned by both sides until each is done with it */
	int (*fn)(void *arg);
	void *arg;
	int result, owners;
	bool is_done;
	pthread_mutex_t lock;
	pthread_cond_t done;
};

static void errand_drop(struct errand *e)
{
	pthread_mutex_lock(&e->lock);
	bool is_last = --e->owners == 0;
	pthread_mutex_unlock(&e->lock);
	if (!is_last)
		return;
	pthread_cond_destroy(&e->done);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

static void errand_run(void *ud)
{
	struct errand *e = ud;
	int r = e->fn(e->arg);
	pthread_mutex_lock(&e->lock);
	e->result = r;
	e->is_done = true;
	pthread_cond_signal(&e->done);
	pthread_mutex_unlock(&e->lock);
	errand_drop(e);
}

static int errand_new(struct errand **out, int (*fn)(void *arg), void *arg)
{
	struct errand *e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->fn = fn;
	e->arg = arg;
	e->owners = 2;
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&e->done, &attr);
	pthread_condattr_destroy(&attr);
	*out = e;
	return 0;
}

int worker_call(struct worker *w, int (*fn)(void *arg), void *arg, int64_t deadline_ns)
{
	struct errand *e = NULL;
	int r = errand_new(&e, fn, arg);
	if (r < 0)
		return r;
	r = loop_post(w->loop, errand_run, e);
	if (r != 0) {
		e->owners = 1;
		errand_drop(e);
		return r > 0 ? -EBUSY : r;
	}
	const struct timespec until = { .tv_sec = (time_t)(deadline_ns / NS_PER_S),
		                        .tv_nsec = (long)(deadline_ns % NS_PER_S) };
	pthread_mutex_lock(&e->lock);
	while (!e->is_done && r == 0)
		r = pthread_cond_timedwait(&e->done, &e->lock, &until);
	r = e->is_done ? e->result : -r;
	pthread_mutex_unlock(&e->lock);
	errand_drop(e);
	return r;
}
