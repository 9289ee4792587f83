#define LOG_MODULE "backup"
#include "backup/runner.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <signalbox/error.h>

#include "backup/create.h"
#include "backup/daily.h"
#include "backup/prover.h"
#include "backup/schedule.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/own.h"

#define NICE       10
#define RETRY_MOST (3600 * NS_PER_S)
#define MIB        1048576.0

struct runner {
	struct runner_config config;
	pthread_t thread;
	pthread_mutex_t lock; /* what follows */
	pthread_cond_t wake;
	bool started, stop, cancelled;
	char *directory; /* of the plan */
	char *asked;     /* to do: where to; "": as planned */
	bool is_asked;
	int64_t tried_ns; /* when one of the plan was begun last */
	struct runner_state state;
};

/* ---- state */

static bool is_ended(struct runner *runner)
{
	pthread_mutex_lock(&runner->lock);
	bool end = runner->stop || runner->cancelled;
	pthread_mutex_unlock(&runner->lock);
	return end;
}

static int on_step(void *ud, const char *what, uint64_t done, uint64_t all)
{
	struct runner *runner = ud;

	pthread_mutex_lock(&runner->lock);
	(void)snprintf(runner->state.what, sizeof(runner->state.what), "%s", what);
	runner->state.done = done;
	runner->state.all = all;
	bool end = runner->stop || runner->cancelled;
	pthread_mutex_unlock(&runner->lock);
	return end ? -ECANCELED : 0;
}

static int64_t retry_ns(const struct runner *runner)
{
	return MIN(runner->config.plan.every_ns / 4, RETRY_MOST);
}

/* Locked. */
static enum runner_health health_of(const struct runner *runner)
{
	const struct runner_state *s = &runner->state;
	int64_t every = runner->config.plan.every_ns;

	if (!*runner->directory)
		return RUNNER_OFF;
	if (*s->fault)
		return RUNNER_FAILED;
	if (s->proved_ns && clock_utc() - s->proved_ns > every + every / 2 + retry_ns(runner))
		return RUNNER_LATE;
	return RUNNER_OK;
}

void runner_state(struct runner *runner, struct runner_state *out)
{
	pthread_mutex_lock(&runner->lock);
	*out = runner->state;
	out->health = health_of(runner);
	(void)snprintf(out->directory, sizeof(out->directory), "%s", runner->directory);
	pthread_mutex_unlock(&runner->lock);
}

/* ---- one backup */

static void note(struct runner *runner, const struct create *c, int r)
{
	struct runner_state *s = &runner->state;
	const struct manifest *m = &c->manifest;

	pthread_mutex_lock(&runner->lock);
	s->bytes = m->bytes;
	s->bytes_copied = c->bytes_copied;
	s->bytes_linked = c->bytes_linked;
	s->documents = m->documents;
	s->blocks = m->blocks;
	s->records = m->records;
	s->seq = m->seq;
	(void)snprintf(s->why, sizeof(s->why), "%s", r < 0 ? c->why : "");
	pthread_mutex_unlock(&runner->lock);
}

static int make(struct runner *runner, const char *to, const char *base)
{
	const struct runner_config *config = &runner->config;
	struct create c = { .docs = config->docs,
		            .journal = config->journal,
		            .series = config->series,
		            .data = config->data,
		            .version = config->version,
		            .to = to,
		            .base = base,
		            .step = on_step,
		            .ud = runner };
	int64_t began = clock_mono();
	int r = create_run(&c);

	note(runner, &c, r);
	if (r == 0)
		log_info("backup %s: %.1f MiB, %.1f of blocks copied, %.1f linked, %lld ms", to,
		         (double)c.manifest.bytes / MIB, (double)c.bytes_copied / MIB,
		         (double)c.bytes_linked / MIB,
		         (long long)((clock_mono() - began) / NS_PER_MS));
	else
		log_error(0, "backup %s failed: %s", to, c.why);
	create_fini(&c);
	return r;
}

/* ---- those of the plan */

static bool go_on(void *ud)
{
	return !is_ended(ud);
}

static int prove(struct runner *runner, const char *to)
{
	struct prover p = { .program = runner->config.program,
		            .sets = runner->config.sets,
		            .go_on = go_on,
		            .ud = runner };

	(void)on_step(runner, "proof", 0, 0);
	int r = prover_run(&p, to);

	if (r == 0)
		return 0;
	pthread_mutex_lock(&runner->lock);
	(void)snprintf(runner->state.why, sizeof(runner->state.why),
	               "backup %.300s is not good: %.180s", to,
	               r == -ECANCELED ? "the proof was ended" : p.why);
	pthread_mutex_unlock(&runner->lock);
	return log_error(r, "backup %s cannot be proved: %s", to, p.why);
}

static int make_planned(struct runner *runner, char *newest)
{
	_own_(freep) char *dir = NULL;
	_own_(freep) char *to = NULL;
	_own_(freep) char *base = NULL;
	char name[DAILY_NAME_MAX];
	char before[DAILY_NAME_MAX] = "";
	int64_t made = 0;

	pthread_mutex_lock(&runner->lock);
	dir = strdup(runner->directory);
	uint32_t keep = runner->config.plan.keep;
	pthread_mutex_unlock(&runner->lock);
	daily_name(name, clock_utc());
	if (!dir || asprintf(&to, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	int r = file_make_dir(dir, 0700);

	if (r < 0) {
		pthread_mutex_lock(&runner->lock);
		(void)snprintf(runner->state.why, sizeof(runner->state.why),
		               "cannot make backup.directory %.300s: %s", dir, sb_strerror(r));
		pthread_mutex_unlock(&runner->lock);
		return log_error(r, "cannot make backup.directory %s", dir);
	}
	(void)daily_clean(dir);
	if (daily_newest(dir, before, &made) == 0 && asprintf(&base, "%s/%s", dir, before) < 0)
		return -ENOMEM;
	r = make(runner, to, base);
	if (r == 0)
		r = prove(runner, to);
	if (r == 0)
		r = daily_mark(to);
	if (r == 0) {
		(void)snprintf(newest, DAILY_NAME_MAX, "%s", name);
		(void)daily_prune(dir, keep, name);
	}
	return r;
}

static int run_planned(struct runner *runner)
{
	struct runner_state *s = &runner->state;
	char newest[DAILY_NAME_MAX] = "";
	int64_t began = clock_utc();
	int r = make_planned(runner, newest);

	pthread_mutex_lock(&runner->lock);
	if (r == 0) {
		s->made++;
		s->proved_ns = began;
		s->fault[0] = '\0';
		(void)snprintf(s->newest, sizeof(s->newest), "%s", newest);
	} else if (!runner->stop) {
		s->failures++;
		(void)snprintf(s->fault, sizeof(s->fault), "%s", *s->why ? s->why : sb_strerror(r));
	}
	pthread_mutex_unlock(&runner->lock);
	return r;
}

static void find_newest(struct runner *runner)
{
	char name[DAILY_NAME_MAX] = "";
	int64_t made = 0;

	if (!*runner->directory || daily_newest(runner->directory, name, &made) < 0)
		return;
	runner->state.proved_ns = made;
	(void)snprintf(runner->state.newest, sizeof(runner->state.newest), "%s", name);
}

/* Locked. Is one of the plan to be begun? */
static bool is_due(struct runner *runner)
{
	const struct runner_plan *plan = &runner->config.plan;
	struct runner_state *s = &runner->state;
	int64_t now = clock_utc();

	if (!*runner->directory)
		return false;
	int64_t due = schedule_due(now, plan->at_s, plan->every_ns);

	s->next_ns = s->proved_ns ? due + plan->every_ns : now;
	if (s->proved_ns >= due || s->proved_ns > now)
		return false;
	s->next_ns = runner->tried_ns ? runner->tried_ns + retry_ns(runner) : now;
	return now >= s->next_ns || runner->tried_ns > now;
}

/* ---- the thread */

static void wait_a_second(struct runner *runner)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	(void)pthread_cond_timedwait(&runner->wake, &runner->lock, &until);
}

/* Locked, but not while it works. */
static void run_one(struct runner *runner, char *to)
{
	struct runner_state *s = &runner->state;
	int64_t began = clock_mono();
	bool planned = !*to;

	if (!s->is_running) { /* nobody asked */
		s->id++;
		s->is_running = true;
	}
	s->what[0] = s->why[0] = '\0';
	s->done = s->all = 0;
	(void)snprintf(s->to, sizeof(s->to), "%s", planned ? runner->directory : to);
	if (planned)
		runner->tried_ns = clock_utc();
	pthread_mutex_unlock(&runner->lock);
	int r = planned ? run_planned(runner) : make(runner, to, NULL);
	pthread_mutex_lock(&runner->lock);
	s->r = r;
	s->took_ns = clock_mono() - began;
	s->is_running = false;
	runner->cancelled = false;
}

static void *run(void *ud)
{
	struct runner *runner = ud;

	/* Of this thread alone. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	pthread_mutex_lock(&runner->lock);
	find_newest(runner);
	while (!runner->stop) {
		if (runner->is_asked) {
			_own_(freep) char *to = steal(runner->asked);
			runner->is_asked = false;
			run_one(runner, to);
		} else if (is_due(runner)) {
			char none[1] = "";
			run_one(runner, none);
		} else {
			wait_a_second(runner);
		}
	}
	pthread_mutex_unlock(&runner->lock);
	return NULL;
}

int runner_begin(struct runner *runner, const char *to, uint64_t *id)
{
	_own_(freep) char *copy = strdup(to ? to : "");
	int r = 0;

	if (!copy)
		return -ENOMEM;
	pthread_mutex_lock(&runner->lock);
	if (!runner->started || runner->stop)
		r = -ESHUTDOWN;
	else if (runner->state.is_running)
		r = -EBUSY;
	else if (!to && !*runner->directory)
		r = -EINVAL;
	if (r == 0) {
		runner->asked = steal(copy);
		runner->is_asked = true;
		runner->state.is_running = true;
		*id = ++runner->state.id;
		pthread_cond_signal(&runner->wake);
	}
	pthread_mutex_unlock(&runner->lock);
	return r;
}

void runner_cancel(struct runner *runner, uint64_t id)
{
	pthread_mutex_lock(&runner->lock);
	runner->cancelled = runner->state.is_running && runner->state.id == id;
	pthread_mutex_unlock(&runner->lock);
}

void runner_change(struct runner *runner, const struct runner_plan *plan)
{
	char *directory = strdup(plan->directory);

	pthread_mutex_lock(&runner->lock);
	runner->config.plan = *plan;
	if (directory && strcmp(directory, runner->directory) != 0) {
		free(runner->directory);
		runner->directory = steal(directory);
		runner->tried_ns = 0;
		runner->state.proved_ns = 0;
		runner->state.newest[0] = runner->state.fault[0] = '\0';
		find_newest(runner);
	}
	pthread_cond_signal(&runner->wake);
	pthread_mutex_unlock(&runner->lock);
	free(directory);
}

/* ---- life */

int runner_new(struct runner **out, const struct runner_config *config)
{
	pthread_condattr_t attr;
	struct runner *runner = calloc(1, sizeof(*runner));

	if (!runner)
		return -ENOMEM;
	runner->config = *config;
	pthread_mutex_init(&runner->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&runner->wake, &attr);
	pthread_condattr_destroy(&attr);
	runner->directory = strdup(config->plan.directory);
	if (!runner->directory) {
		runner_free(runner);
		return -ENOMEM;
	}
	*out = runner;
	return 0;
}

struct runner *runner_free(struct runner *runner)
{
	if (!runner)
		return NULL;
	runner_stop(runner);
	pthread_cond_destroy(&runner->wake);
	pthread_mutex_destroy(&runner->lock);
	free(runner->directory);
	free(runner->asked);
	free(runner);
	return NULL;
}

int runner_start(struct runner *runner)
{
	int r = create_clean(runner->config.data);

	if (r < 0)
		(void)log_warn(r, "cannot remove what an unfinished backup left in %s",
		               runner->config.data);
	r = pthread_create(&runner->thread, NULL, run, runner);
	if (r)
		return log_error(-r, "cannot start the thread that makes backups");
	(void)pthread_setname_np(runner->thread, "backup");
	pthread_mutex_lock(&runner->lock);
	runner->started = true;
	pthread_mutex_unlock(&runner->lock);
	return 0;
}

void runner_stop(struct runner *runner)
{
	if (!runner || !runner->started)
		return;
	pthread_mutex_lock(&runner->lock);
	runner->stop = true;
	pthread_cond_signal(&runner->wake);
	pthread_mutex_unlock(&runner->lock);
	(void)pthread_join(runner->thread, NULL);
	runner->started = false;
}
