#include "host/watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "host/frame.h"
#include "host/state.h"

#define LOG_MODULE "watchdog"

#define TICK_NS         (25 * NS_PER_MS)
#define LOOP_WARN_NS    (50 * NS_PER_MS)
#define LOOP_ALARM_NS   NS_PER_S
#define THREAD_ALARM_NS (30 * NS_PER_S)

enum level { QUIET, WARNED, ALARMED };

struct sight { /* what was seen of a slot */
	uint64_t turn;
	int64_t inside_ns;
	enum level level;
	struct instance *instance;
};

struct watchdog {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool ends;
	int64_t last_ns;
	struct sight sights[FRAME_SLOTS];
};

static void say(const struct frame_slot *s, struct sight *at, enum level level)
{
	const char *function = atomic_load_explicit(&s->function, memory_order_relaxed);
	log_line(level == ALARMED ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, LOG_MODULE, 0,
	         "%s blocks thread %s: inside %s for %lld ms", at->instance->name, s->thread,
	         function ? function : "a call", (long long)(at->inside_ns / NS_PER_MS));
	if (at->level == QUIET)
		atomic_fetch_add_explicit(&at->instance->stalls, 1, memory_order_relaxed);
	at->level = level;
}

static void look(const struct frame_slot *s, struct sight *at, int64_t passed_ns)
{
	uint64_t turn = atomic_load_explicit(&s->turn, memory_order_relaxed);
	struct instance *in = atomic_load_explicit(&s->instance, memory_order_acquire);
	if (!in || turn != at->turn || in != at->instance) {
		if (at->level != QUIET)
			log_info("%s came back after %lld ms", at->instance->name,
			         (long long)(at->inside_ns / NS_PER_MS));
		*at = (struct sight){ .turn = turn, .instance = in };
		return;
	}
	at->inside_ns += passed_ns;
	int64_t alarm = in->own_thread ? THREAD_ALARM_NS : LOOP_ALARM_NS;
	if (at->level < ALARMED && at->inside_ns >= alarm)
		say(s, at, ALARMED);
	else if (at->level < WARNED && !in->own_thread && at->inside_ns >= LOOP_WARN_NS)
		say(s, at, WARNED);
}

static void tick(struct watchdog *w)
{
	const struct frame_slot *slots = frame_slots();
	int64_t now = clock_mono();
	/* A machine that slept, or gave us no time, must not look like a stalled plugin. */
	int64_t passed = MIN(now - w->last_ns, 2 * TICK_NS);
	w->last_ns = now;
	for (size_t i = 0; i < FRAME_SLOTS; i++)
		look(&slots[i], &w->sights[i], passed);
}

static void *run(void *arg)
{
	struct watchdog *w = arg;
	pthread_setname_np(pthread_self(), "watchdog");
	pthread_mutex_lock(&w->lock);
	while (!w->ends) {
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += TICK_NS;
		if (until.tv_nsec >= NS_PER_S) {
			until.tv_nsec -= NS_PER_S;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&w->wake, &w->lock, &until);
		tick(w);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int watchdog_new(struct watchdog **out)
{
	struct watchdog *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&w->lock, NULL);
	w->last_ns = clock_mono();
	int r = pthread_create(&w->thread, NULL, run, w);
	if (r != 0) {
		free(w);
		return log_error(-r, "cannot start the watchdog");
	}
	*out = w;
	return 0;
}

struct watchdog *watchdog_free(struct watchdog *w)
{
	if (!w)
		return NULL;
	pthread_mutex_lock(&w->lock);
	w->ends = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return NULL;
}
