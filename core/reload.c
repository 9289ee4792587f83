#define LOG_MODULE "config"
#include "reload.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "api/api.h"
#include "app.h"
#include "args.h"
#include "attempt.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/own.h"
#include "base/wire.h"
#include "inforce.h"
#include "notify.h"

struct reload {
	struct app *app;
	const struct args *args;
	struct inforce *inforce;
	atomic_bool open;
	pthread_mutex_t lock; /* of what others read, and of requests */
	pthread_cond_t done;
	struct api_config_state state;
};

int reload_new(struct reload **out, struct app *app, const struct args *args)
{
	struct reload *rl = calloc(1, sizeof(*rl));

	if (!rl)
		return -ENOMEM;
	pthread_mutex_init(&rl->lock, NULL);
	pthread_cond_init(&rl->done, NULL);
	rl->app = app;
	rl->args = args;
	int r = inforce_new(&rl->inforce, app->conf);
	if (r < 0)
		reload_free(rl);
	else
		*out = rl;
	return r;
}

struct reload *reload_free(struct reload *rl)
{
	if (!rl)
		return NULL;
	inforce_free(rl->inforce);
	pthread_cond_destroy(&rl->done);
	pthread_mutex_destroy(&rl->lock);
	free(rl);
	return NULL;
}

void reload_open(struct reload *rl)
{
	rl->open = true;
}

/* ---- main thread */

static void note(struct reload *rl, const struct attempt *a, int r)
{
	struct api_config_state *s = &rl->state;

	pthread_mutex_lock(&rl->lock);
	s->at_ns = clock_utc();
	if (r < 0) {
		s->failures++;
		(void)snprintf(s->error, sizeof(s->error), "%s",
		               a->n_errors ? a->errors[0] : sb_strerror(r));
	} else {
		s->reloads++;
		s->error[0] = '\0';
		changes_waiting(&a->changes, s->waiting, sizeof(s->waiting));
	}
	pthread_mutex_unlock(&rl->lock);
}

static void tell(struct reload *rl, const struct attempt *a, int r)
{
	size_t waiting = changes_count(&a->changes, true);
	char status[640];

	if (r < 0) {
		log_error(0, "the configuration was not reloaded: the one before stays in force");
		(void)snprintf(status, sizeof(status), "configuration NOT reloaded: %s",
		               rl->state.error);
	} else {
		changes_log(&a->changes);
		(void)snprintf(status, sizeof(status),
		               "configuration reloaded: %zu changes in force, %zu wait for the "
		               "next start",
		               changes_count(&a->changes, false), waiting);
		log_info("%s", status);
	}
	notify_status(status);
}

static void give(const struct attempt *a, bool dry_run, int r, struct wire *w)
{
	wire_map(w);
	wire_key(w, "applied");
	wire_bool(w, r >= 0 && !dry_run);
	wire_key(w, "dry_run");
	wire_bool(w, dry_run);
	wire_key(w, "changes");
	changes_give(&a->changes, w);
	wire_key(w, "errors");
	wire_array(w);
	for (size_t i = 0; i < a->n_errors; i++)
		wire_text(w, a->errors[i]);
	wire_array_end(w);
	wire_map_end(w);
}

static void run(struct reload *rl, bool dry_run, struct wire *out)
{
	_own_(attempt_fini) struct attempt a = { .app = rl->app, .inforce = rl->inforce };

	if (!dry_run)
		notify_reloading();
	attempt_listen(&a);
	int r = attempt_prepare(&a, rl->args);
	if (r >= 0 && !dry_run)
		r = attempt_apply(&a);
	log_listen(NULL, NULL);
	if (r < 0)
		changes_fini(&a.changes);
	if (!dry_run) {
		note(rl, &a, r);
		tell(rl, &a, r);
		notify_ready();
	}
	if (out)
		give(&a, dry_run, r, out);
}

void reload_signalled(struct reload *rl)
{
	log_info("SIGHUP: reading the configuration again");
	run(rl, false, NULL);
}

/* ---- other threads */

struct request {
	struct reload *reload;
	void (*fn)(struct request *rq);
	bool dry_run, is_done;
	struct wire *out;
};

static void on_reload(struct request *rq)
{
	run(rq->reload, rq->dry_run, rq->out);
}

static void on_config(struct request *rq)
{
	struct reload *rl = rq->reload;

	inforce_give(rl->inforce, rl->app->conf, rl->app->host, rq->out);
}

static void on_request(void *ud)
{
	struct request *rq = ud;
	struct reload *rl = rq->reload;

	rq->fn(rq);
	pthread_mutex_lock(&rl->lock);
	rq->is_done = true;
	pthread_cond_broadcast(&rl->done);
	pthread_mutex_unlock(&rl->lock);
}

/* What a loop that ran took on it also runs, so that the wait has an end. */
static int ask(struct request *rq)
{
	struct reload *rl = rq->reload;
	int r = rl->open ? loop_post(rl->app->loop, on_request, rq) : -ESHUTDOWN;

	if (r != 0)
		return -ESHUTDOWN;
	pthread_mutex_lock(&rl->lock);
	while (!rq->is_done)
		pthread_cond_wait(&rl->done, &rl->lock);
	pthread_mutex_unlock(&rl->lock);
	return 0;
}

static int platform_reload(void *ud, bool dry_run, struct wire *out)
{
	return ask(
		&(struct request){ .reload = ud, .fn = on_reload, .dry_run = dry_run, .out = out });
}

static int platform_config(void *ud, struct wire *out)
{
	return ask(&(struct request){ .reload = ud, .fn = on_config, .out = out });
}

static void platform_state(void *ud, struct api_config_state *out)
{
	struct reload *rl = ud;

	pthread_mutex_lock(&rl->lock);
	*out = rl->state;
	pthread_mutex_unlock(&rl->lock);
}

const struct api_platform reload_platform = {
	.reload = platform_reload,
	.config = platform_config,
	.config_state = platform_state,
};
