#include "journal/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "base/own.h"
#include "journal/commit.h"
#include "journal/group.h"
#include "journal/output.h"
#include "journal/rings.h"
#include "journal/state.h"

#define LOG_MODULE "journal"
#include "base/log.h"

#define RETRY_NS         NS_PER_S
#define IDLE_TRIM_NS     NS_PER_S
#define RATE_WINDOW      (20 * NS_PER_MS)
#define LINGER_RATE      2000.0  /* units a second from which company is worth waiting for */
#define LINGER_FULL_RATE 15000.0 /* from here on groups grow with the rate */
#define UNIT_BYTES       64u     /* a record may hold many messages; one has about so many bytes */

/* ---- sleeping */
/* Sleeps while there is nothing to do. `seen` is read first: what happens later changes it. */
static void idle(struct journal *j, int64_t max_ns, bool definitions_wait)
{
	uint32_t seen = atomic_load(&j->wakes);
	bool asleep = rings_sleep(j);
	pthread_mutex_lock(&j->lock);
	bool work = j->incoming || (!definitions_wait && j->definitions_at < j->definitions.n);
	pthread_mutex_unlock(&j->lock);
	if (asleep && !work && !atomic_load(&j->stop))
		state_sleep(j, seen, max_ns);
	rings_wake(j);
}

/* How far apart groups begin, so that a group is worth its system calls and wake-ups. */
static int64_t linger_ns(const struct journal *j)
{
	const struct journal_config *config = &j->config;

	if (config->linger_always)
		return config->linger_max_ns;
	if (j->writer.rate < LINGER_RATE)
		return 0;
	double more = j->writer.rate / LINGER_FULL_RATE;
	return (int64_t)((double)config->linger_max_ns * MIN(MAX(more, 1.0), 3.0));
}

static void linger(struct journal *j)
{
	struct state_writer *w = &j->writer;
	int64_t most = linger_ns(j);
	int64_t now = clock_mono();
	int64_t wait = MIN(w->begun_at + most - now, most);
	if (wait > 0) {
		struct timespec t = { .tv_sec = wait / NS_PER_S, .tv_nsec = wait % NS_PER_S };
		clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
		now += wait;
	}
	w->begun_at = now;
}

static void note_rate(struct state_writer *w, const struct journal_commit *commit)
{
	int64_t span = w->begun_at - w->window_at;
	w->window_units += MAX((uint64_t)commit->records, commit->bytes_payload / UNIT_BYTES);
	if (span < RATE_WINDOW)
		return;
	w->rate = (double)w->window_units * (double)NS_PER_S / (double)span;
	w->window_units = 0;
	w->window_at = w->begun_at;
}

/* ---- groups */
static void set_health(struct journal *j, int r)
{
	enum journal_health health = r < 0 ? JOURNAL_DEGRADED : JOURNAL_OK;
	j->writer.degraded = r;
	if (atomic_exchange(&j->counters.health, (int)health) == (int)health)
		return;
	if (r < 0)
		log_error(r, "journal is degraded, nothing is acknowledged");
	else
		log_info("journal is back, acknowledging again");
	if (j->config.health_changed)
		j->config.health_changed(j->config.ud, health, r);
}

/* One group. 1: done or failed; 0: there was nothing. */
static int turn(struct journal *j)
{
	struct journal_commit *commit = NULL;
	int r = group_gather(j, &commit);
	if (r == 0 && commit->records == 0) {
		rings_decide(j, 0);
		journal_commit_unref(commit);
		return 0;
	}
	if (r == 0)
		r = output_commit(j, commit);
	if (r == 0) {
		note_rate(&j->writer, commit);
		group_publish(j, commit);
	} else {
		j->writer.retry_at = clock_mono() + RETRY_NS;
		set_health(j, r);
		group_fail(j, r);
	}
	journal_commit_unref(commit);
	return 1;
}

/* Nothing is acknowledged; every second a fresh segment is tried. */
static void turn_degraded(struct journal *j)
{
	struct state_writer *w = &j->writer;
	rings_snapshot(j);
	rings_fail(j, w->degraded);
	int64_t left = w->retry_at - clock_mono();
	if (left > 0) {
		idle(j, left, true);
		return;
	}
	int r = output_renew(j);
	w->retry_at = clock_mono() + RETRY_NS;
	if (r != SB_AGAIN)
		set_health(j, r);
}

static void *run(void *arg)
{
	struct journal *j = arg;
	bool trimmed = false;
	output_resume(j);
	for (;;) {
		bool stop = atomic_load(&j->stop);
		if (j->writer.degraded) {
			turn_degraded(j);
			if (stop)
				break;
			continue;
		}
		if (!stop)
			linger(j);
		if (turn(j)) {
			trimmed = false;
			continue;
		}
		if (stop)
			break;
		if (j->writer.rate > 0 && !trimmed) {
			int64_t before = clock_mono();
			idle(j, IDLE_TRIM_NS, false);
			trimmed = clock_mono() - before >= IDLE_TRIM_NS;
			if (trimmed)
				commit_pool_trim(j->pool);
		} else {
			idle(j, -1, false);
		}
	}
	output_close(j);
	return NULL;
}

int writer_start(struct journal *j)
{
	int r = pthread_create(&j->writer.thread, NULL, run, j);
	if (r)
		return log_error(-r, "cannot start the journal thread");
	pthread_setname_np(j->writer.thread, "journal");
	j->writer.started = true;
	return 0;
}

void writer_stop(struct journal *j)
{
	if (!j->writer.started)
		return;
	atomic_store(&j->stop, true);
	state_wake(j);
	pthread_join(j->writer.thread, NULL);
	j->writer.started = false;
}
