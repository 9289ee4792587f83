#define LOG_MODULE "feed"
#include "series/feed.h"

#include <time.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "base/log.h"
#include "journal/journal.h"
#include "model/record.h"
#include "series/latest.h"
#include "series/points.h"
#include "series/series.h"
#include "series/tombs.h"

#define CATCH_UP_TURN 256  /* records */
#define AGAIN_MOST    1000 /* times the journal may not know yet what it told us to be durable */

int feed_init(struct feed *f, struct journal *journal, struct latest *latest)
{
	f->journal = journal;
	f->latest = latest;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->wake, NULL);
	return 0;
}

void feed_fini(struct feed *f)
{
	for (; f->n; f->n--, f->first++)
		journal_commit_unref(f->queue[f->first % FEED_QUEUE]);
	pthread_cond_destroy(&f->wake);
	pthread_mutex_destroy(&f->lock);
}

void feed_listen(struct feed *f, struct series_listener *l)
{
	struct series_listener **at = &f->listeners;
	while (*at)
		at = &(*at)->next;
	l->next = NULL;
	*at = l;
}

void feed_commit(struct feed *f, struct journal_commit *commit)
{
	pthread_mutex_lock(&f->lock);
	if (f->n == FEED_QUEUE)
		f->gap = true;
	if (!f->gap) {
		f->queue[(f->first + f->n) % FEED_QUEUE] = journal_commit_ref(commit);
		f->n++;
	}
	f->seq_in = journal_commit_seq_last(commit);
	pthread_mutex_unlock(&f->lock);
	/* Not before: whoever wakes takes the lock. */
	pthread_cond_signal(&f->wake);
}

/* ---- the thread */

static void tomb_tell(void *ud, const struct tomb *t)
{
	struct feed *f = ud;
	latest_forget(f->latest, t->stream, t->columns, t->from_ns, t->last_ns);
}

static void rows_tell(struct feed *f, uint64_t seq, struct sb_bytes payload)
{
	struct points points;
	struct sb_bytes bytes;
	if (payload.n && payload.p[0] == RECORD_DELETE)
		(void)tombs_read(payload, tomb_tell, f);
	if (payload.n == 0 || payload.p[0] != RECORD_POINTS || points_open(&points, payload) < 0)
		return;
	while (points_next(&points, &f->row, &bytes) > 0) {
		latest_row(f->latest, &f->row);
		for (struct series_listener *l = f->listeners; l; l = l->next)
			if (l->row)
				l->row(l->ud, &f->row, seq);
	}
}

static void turn_tell(struct feed *f)
{
	for (struct series_listener *l = f->listeners; l; l = l->next)
		if (l->turn)
			l->turn(l->ud);
}

void feed_replay(struct feed *f, uint64_t seq, struct sb_bytes payload, feed_replayed_fn replayed,
                 void *ud)
{
	struct points points;
	struct sb_bytes bytes;
	if (payload.n && payload.p[0] == RECORD_POINTS && points_open(&points, payload) == 0) {
		while (points_next(&points, &f->row, &bytes) > 0) {
			latest_row(f->latest, &f->row);
			if (replayed)
				replayed(ud, &f->row, seq);
		}
	}
	if (payload.n && payload.p[0] == RECORD_DELETE)
		(void)tombs_read(payload, tomb_tell, f);
	f->seq_in = f->seq_out = seq;
}

static void commit_tell(struct feed *f, const struct journal_commit *commit)
{
	size_t at = 0;
	uint64_t seq;
	struct sb_bytes payload;
	while (journal_commit_next(commit, &at, &seq, &payload)) {
		if (seq <= f->seq_out) /* known from the journal already */
			continue;
		rows_tell(f, seq, payload);
	}
	f->seq_out = journal_commit_seq_last(commit);
	turn_tell(f);
}

static void wait_a_little(struct feed *f)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 10 * NS_PER_MS;
	until.tv_sec += until.tv_nsec / NS_PER_S;
	until.tv_nsec %= NS_PER_S;
	pthread_mutex_lock(&f->lock);
	if (!f->stop)
		(void)pthread_cond_timedwait(&f->wake, &f->lock, &until);
	pthread_mutex_unlock(&f->lock);
}

/* From the journal up to the record `until`. */
static int cursor_tell(struct feed *f, struct journal_cursor *c, uint64_t until)
{
	uint64_t seq;
	struct sb_bytes payload;
	uint32_t turn = 0;
	uint32_t again = 0;
	while (f->seq_out < until && !f->stop) {
		int r = journal_cursor_next(c, &seq, &payload);
		if (r == SB_AGAIN && ++again < AGAIN_MOST) {
			wait_a_little(f);
			continue;
		}
		if (r)
			return r;
		rows_tell(f, seq, payload);
		f->seq_out = seq;
		if (++turn % CATCH_UP_TURN == 0)
			turn_tell(f);
	}
	turn_tell(f);
	return 0;
}

static uint64_t gap_close(struct feed *f)
{
	pthread_mutex_lock(&f->lock);
	f->gap = false; /* from here on commits are queued again */
	uint64_t until = f->seq_in;
	pthread_mutex_unlock(&f->lock);
	return until;
}

/* Most of the gap is read while it still grows, the rest after the queue is open again. */
static void catch_up(struct feed *f)
{
	struct journal_cursor *c = NULL;
	uint64_t until = f->seq_in;
	int r = journal_cursor_new(f->journal, f->seq_out, &c);
	while (r == 0 && !f->stop) {
		r = cursor_tell(f, c, until);
		uint64_t now = f->seq_in;
		if (now - until < CATCH_UP_TURN)
			break;
		until = now;
	}
	until = gap_close(f);
	if (r == 0)
		r = cursor_tell(f, c, until);
	journal_cursor_free(c);
	if (r == 0 || f->stop)
		return;
	f->dropped += until - f->seq_out;
	(void)log_error(r < 0 ? r : 0, "journal records %llu to %llu were not seen by listeners",
	                (unsigned long long)f->seq_out + 1, (unsigned long long)until);
	f->seq_out = until;
}

/* The next commit, or NULL when the queue is empty and there is a gap, or at the end. */
static struct journal_commit *queue_take(struct feed *f)
{
	struct journal_commit *commit = NULL;
	pthread_mutex_lock(&f->lock);
	while (!f->n && !f->gap && !f->stop)
		pthread_cond_wait(&f->wake, &f->lock);
	if (f->n && !f->stop) {
		commit = f->queue[f->first % FEED_QUEUE];
		f->first = (f->first + 1) % FEED_QUEUE;
		f->n--;
	}
	pthread_mutex_unlock(&f->lock);
	return commit;
}

static void *run(void *ud)
{
	struct feed *f = ud;
	while (!f->stop) {
		struct journal_commit *commit = queue_take(f);
		if (commit) {
			commit_tell(f, commit);
			journal_commit_unref(commit);
		} else if (!f->stop) {
			catch_up(f);
		}
	}
	return NULL;
}

int feed_start(struct feed *f)
{
	f->stop = false;
	/* What lies before belongs to the last run, and may not be in the journal any more. */
	f->seq_in = f->seq_out = journal_seq(f->journal);
	int r = pthread_create(&f->thread, NULL, run, f);
	if (r)
		return log_error(-r, "cannot start the feed thread");
	(void)pthread_setname_np(f->thread, "process");
	f->running = true;
	return 0;
}

void feed_stop(struct feed *f)
{
	if (!f->running)
		return;
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
	(void)pthread_join(f->thread, NULL);
	f->running = false;
}
