#include "host/lifecycle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/own.h"
#include "host/metrics.h"
#include "host/service.h"
#include "host/state.h"
#include "host/worker.h"

#define LOG_MODULE "host"

/* How long main waits for the instance's thread. */
#define LOOP_WAIT_NS     (10 * NS_PER_S)
#define THREAD_WAIT_NS   (60 * NS_PER_S)
#define DRAIN_PAUSE_NS   (10 * NS_PER_MS)
#define RESTART_DRAIN_NS (5 * NS_PER_S)

static void set_state(struct instance *in, int state)
{
	atomic_store_explicit(&in->state, state, memory_order_release);
}

static int64_t patience(const struct instance *in)
{
	return clock_mono() + (in->own_thread ? THREAD_WAIT_NS : LOOP_WAIT_NS);
}

/* The plugin's own words from fail(), or nothing. */
static void last_words(struct instance *in, char *out, size_t cap)
{
	pthread_mutex_lock(&in->lock);
	snprintf(out, cap, "%s", in->last_error);
	pthread_mutex_unlock(&in->lock);
}

static void note_failure(struct instance *in, const char *why)
{
	pthread_mutex_lock(&in->lock);
	in->health = SB_HEALTH_DOWN;
	snprintf(in->health_why, sizeof(in->health_why), "%.*s", (int)sizeof(in->health_why) - 1,
	         why);
	pthread_mutex_unlock(&in->lock);
}

static int failed(struct instance *in, int r, const char *call)
{
	char words[256];
	last_words(in, words, sizeof(words));
	set_state(in, INSTANCE_FAILED);
	note_failure(in, words[0] ? words : sb_strerror(r));
	if (r == -ETIMEDOUT) {
		in->is_stuck = true;
		return log_error(r, "%s hangs in %s", in->name, call);
	}
	return log_error(r, "%s: %s failed%s%s", in->name, call, words[0] ? ": " : "", words);
}

static int take_tables(struct instance *in)
{
	const char *const *ids = in->descriptor->provides;
	for (size_t i = 0; ids && ids[i] && i < MAX_PROVIDES; i++) {
		struct frame f;
		frame_enter(&f, in, "ext");
		in->tables[i] = in->descriptor->ops->ext(in->self, ids[i]);
		frame_leave(&f);
		if (!in->tables[i])
			return log_error(SB_E_ABI, "%s says that it provides %s, but has no table",
			                 in->name, ids[i]);
	}
	return 0;
}

static int choose_worker(struct instance *in)
{
	struct host *host = in->host;
	in->own_thread = in->descriptor->flags & SB_RUN_THREAD;
	if (in->own_thread)
		return worker_new(&in->worker, in->name, false, &host->config.streams);
	in->worker = host->workers[host->next_worker++ % host->n_workers];
	return 0;
}

int lifecycle_new(struct instance **out, struct host *host, const struct product *product,
                  const char *name)
{
	_own_(freep) struct instance *in = calloc(1, sizeof(*in));
	if (!in)
		return -ENOMEM;
	in->tag = INSTANCE_TAG;
	in->host = host;
	in->product = product;
	in->descriptor = product->descriptor;
	pthread_mutex_init(&in->lock, NULL);
	in->name = strdup(name);
	int r = in->name ? map_new(&in->fds) : -ENOMEM;
	if (r >= 0)
		r = map_new(&in->timers);
	if (r >= 0)
		r = choose_worker(in);
	if (r < 0) {
		lifecycle_free(steal(in));
		return r;
	}
	*out = steal(in);
	return 0;
}

int lifecycle_create(struct instance *in)
{
	struct frame f;
	frame_enter(&f, in, "create");
	int r = in->descriptor->ops->create(instance_handle(in), in->descriptor, &in->self);
	frame_leave(&f);
	if (r < 0) {
		in->self = NULL;
		return failed(in, r, "create");
	}
	set_state(in, INSTANCE_CREATED);
	r = take_tables(in);
	return r < 0 ? failed(in, r, "ext") : 0;
}

int lifecycle_configure(struct instance *in)
{
	int r = 0;
	if (SB_HAS(in->descriptor->ops, configure)) {
		struct frame f;
		frame_enter(&f, in, "configure");
		r = in->descriptor->ops->configure(in->self, &in->config.table);
		frame_leave(&f);
	}
	if (r < 0)
		return failed(in, r, "configure");
	if (atomic_load(&in->state) == INSTANCE_CREATED)
		set_state(in, INSTANCE_CONFIGURED);
	return r;
}

void lifecycle_quarantine(struct instance *in, const char *why)
{
	set_state(in, INSTANCE_QUARANTINED);
	note_failure(in, why);
}

/* ---- on the instance's thread */

static void tell_stopped(struct instance *in)
{
	const struct host *host = in->host;
	for (size_t i = host->n_observers; i-- > 0;)
		if (host->observers[i].stopped)
			host->observers[i].stopped(host->observers[i].ud, in);
}

static int tell_starting(struct instance *in)
{
	const struct host *host = in->host;
	for (size_t i = 0; i < host->n_observers; i++) {
		const struct host_observer *o = &host->observers[i];
		int r = o->starting ? o->starting(o->ud, in) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int start_here(void *arg)
{
	struct instance *in = arg;
	int r = tell_starting(in);
	if (r >= 0 && SB_HAS(in->descriptor->ops, start)) {
		struct frame f;
		frame_enter(&f, in, "start");
		r = in->descriptor->ops->start(in->self);
		frame_leave(&f);
	}
	int expected = INSTANCE_CONFIGURED;
	if (r >= 0 && atomic_compare_exchange_strong(&in->state, &expected, INSTANCE_RUNNING))
		return 0;
	service_stream_end(in);
	service_loop_end(in);
	tell_stopped(in);
	atomic_fetch_add(&in->life, 1);
	return r;
}

struct drain_turn {
	struct instance *instance;
	int64_t deadline_ns;
};

static int drain_here(void *arg)
{
	struct drain_turn turn = *(struct drain_turn *)arg;
	free(arg);
	set_state(turn.instance, INSTANCE_DRAINING);
	if (!SB_HAS(turn.instance->descriptor->ops, drain))
		return 0;
	struct frame f;
	frame_enter(&f, turn.instance, "drain");
	int r = turn.instance->descriptor->ops->drain(turn.instance->self, turn.deadline_ns);
	frame_leave(&f);
	return r;
}

static int stop_here(void *arg)
{
	struct instance *in = arg;
	service_stream_end(in);
	if (SB_HAS(in->descriptor->ops, stop)) {
		struct frame f;
		frame_enter(&f, in, "stop");
		in->descriptor->ops->stop(in->self);
		frame_leave(&f);
	}
	set_state(in, INSTANCE_STOPPED);
	atomic_fetch_add(&in->life, 1);
	service_loop_end(in);
	tell_stopped(in);
	return 0;
}

struct reconfigure_turn {
	struct instance *instance;
	const struct config *config;
};

static int reconfigure_here(void *arg)
{
	struct reconfigure_turn turn = *(struct reconfigure_turn *)arg;
	struct frame f;
	free(arg);
	frame_enter(&f, turn.instance, "reconfigure");
	int r = turn.instance->descriptor->ops->reconfigure(turn.instance->self,
	                                                    &turn.config->table);
	frame_leave(&f);
	return r;
}

/* ---- main thread again */

int lifecycle_start(struct instance *in)
{
	if (atomic_load(&in->state) != INSTANCE_CONFIGURED &&
	    atomic_load(&in->state) != INSTANCE_STOPPED)
		return 0;
	set_state(in, INSTANCE_CONFIGURED);
	int r = worker_start(in->worker);
	if (r >= 0)
		r = worker_call(in->worker, start_here, in, patience(in));
	if (r < 0)
		return failed(in, r, "start");
	in->started_nr = ++in->host->n_started;
	log_debug("%s runs on %s", in->name, in->worker->name);
	return 0;
}

/* SB_PENDING: not finished yet, the loop turns on and the plugin is asked again. */
static int drain(struct instance *in, int64_t deadline_ns)
{
	for (;;) {
		struct drain_turn *turn = malloc(sizeof(*turn));
		if (!turn)
			return -ENOMEM;
		*turn = (struct drain_turn){ in, deadline_ns };
		int r = worker_call(in->worker, drain_here, turn,
		                    MAX(deadline_ns, clock_mono()) + NS_PER_S);
		if (r != SB_PENDING)
			return r;
		if (clock_mono() >= deadline_ns)
			return -ETIME;
		const struct timespec pause = { .tv_nsec = DRAIN_PAUSE_NS };
		nanosleep(&pause, NULL);
	}
}

void lifecycle_stop(struct instance *in, int64_t deadline_ns)
{
	if (atomic_load(&in->state) != INSTANCE_RUNNING)
		return;
	int r = drain(in, deadline_ns);
	if (r == -ETIMEDOUT) {
		failed(in, r, "drain");
		return;
	}
	if (r < 0)
		log_warn(r, "%s did not finish everything before its stop", in->name);
	r = worker_call(in->worker, stop_here, in, MAX(deadline_ns, clock_mono()) + LOOP_WAIT_NS);
	if (r < 0)
		failed(in, r, "stop");
	else
		log_debug("%s stopped", in->name);
}

bool lifecycle_is_alone(const struct sb_descriptor *descriptor)
{
	const char *const *ids = descriptor->provides;
	for (size_t i = 0; ids && ids[i] && i < MAX_PROVIDES; i++)
		if (strcmp(ids[i], "sb.source/1") != 0)
			return false;
	return true;
}

int lifecycle_end(struct instance *in)
{
	lifecycle_stop(in, clock_mono() + RESTART_DRAIN_NS);
	if (in->is_stuck)
		return -EBUSY;
	lifecycle_destroy(in);
	return 0;
}

int lifecycle_begin(struct instance *in)
{
	pthread_mutex_lock(&in->lock);
	in->health = SB_HEALTH_OK;
	in->health_why[0] = in->last_error[0] = '\0';
	pthread_mutex_unlock(&in->lock);
	atomic_store(&in->wants_restart, false);
	int r = lifecycle_create(in);
	if (r >= 0)
		r = lifecycle_configure(in);
	return r < 0 ? r : lifecycle_start(in);
}

int lifecycle_restart(struct instance *in)
{
	if (!lifecycle_is_alone(in->descriptor) || in->is_stuck)
		return -EBUSY;
	int r = lifecycle_end(in);
	return r < 0 ? r : lifecycle_begin(in);
}

int lifecycle_reconfigure(struct instance *in, const struct config *config)
{
	if (atomic_load(&in->state) != INSTANCE_RUNNING ||
	    !SB_HAS(in->descriptor->ops, reconfigure))
		return SB_RESTART;
	struct reconfigure_turn *turn = malloc(sizeof(*turn));
	if (!turn)
		return -ENOMEM;
	*turn = (struct reconfigure_turn){ in, config };
	int r = worker_call(in->worker, reconfigure_here, turn, patience(in));
	return r == -ETIMEDOUT ? failed(in, r, "reconfigure") : r;
}

int lifecycle_try(struct instance *in, struct config *config)
{
	if (!in->trial) {
		struct instance *trial = calloc(1, sizeof(*trial));
		if (!trial)
			return -ENOMEM;
		trial->tag = INSTANCE_TAG;
		trial->host = in->host;
		trial->product = in->product;
		trial->descriptor = in->descriptor;
		trial->worker = in->worker;
		pthread_mutex_init(&trial->lock, NULL);
		trial->name = strdup(in->name);
		in->trial = trial;
		if (!trial->name)
			return -ENOMEM;
	}
	struct instance *trial = in->trial;
	set_state(trial, INSTANCE_CREATED);
	trial->last_error[0] = '\0';
	config_swap(&trial->config, config);
	int r = lifecycle_create(trial);
	if (r >= 0)
		r = lifecycle_configure(trial);
	lifecycle_destroy(trial);
	metrics_forget(in->host->metrics, trial);
	config_swap(&trial->config, config);
	return MIN(r, 0);
}

void lifecycle_destroy(struct instance *in)
{
	if (!in->self || in->is_stuck)
		return;
	struct frame f;
	frame_enter(&f, in, "destroy");
	in->descriptor->ops->destroy(in->self);
	frame_leave(&f);
	in->self = NULL;
}

struct instance *lifecycle_free(struct instance *in)
{
	if (!in || in->is_stuck)
		return NULL;
	if (in->own_thread)
		worker_free(in->worker);
	lifecycle_free(in->trial);
	map_free(in->fds);
	map_free(in->timers);
	free(in->name);
	config_fini(&in->config);
	free(in->config_text);
	pthread_mutex_destroy(&in->lock);
	free(in);
	return NULL;
}
