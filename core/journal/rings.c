#include "journal/rings.h"

#include <errno.h>
#include <stdlib.h>

#include "base/own.h"
#include "base/ring.h"
#include "journal/commit.h"
#include "journal/state.h"

/* ---- producers */
int journal_ring_new(struct journal *j, size_t bytes, journal_progress_fn progress, void *ud,
                     struct journal_ring **out)
{
	struct journal_ring *ring = calloc(1, sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	int r = ring_new(&ring->ring, bytes);
	if (r < 0) {
		free(ring);
		return r;
	}
	ring->j = j;
	ring->progress = progress;
	ring->ud = ud;
	pthread_mutex_init(&ring->failures_lock, NULL);
	pthread_mutex_lock(&j->lock);
	ring->next = j->incoming;
	j->incoming = ring;
	pthread_mutex_unlock(&j->lock);
	state_wake(j);
	*out = ring;
	return 0;
}

void journal_ring_retire(struct journal_ring *ring)
{
	struct journal *j = ring->j;
	pthread_mutex_lock(&j->progress_lock);
	ring->progress = NULL;
	pthread_mutex_unlock(&j->progress_lock);
	atomic_store(&ring->retired, true);
	state_wake(j);
}

void *journal_ring_reserve(struct journal_ring *ring, size_t n)
{
	if (n > journal_record_max(ring->j))
		return NULL;
	return ring_reserve(ring->ring, n);
}

void journal_ring_commit(struct journal_ring *ring, size_t n)
{
	ring_commit(ring->ring, n);
}

void journal_ring_publish(struct journal_ring *ring)
{
	if (ring_publish(ring->ring))
		state_wake(ring->j);
}

size_t journal_ring_space(struct journal_ring *ring)
{
	return ring_space(ring->ring);
}

uint64_t journal_ring_count(const struct journal_ring *ring)
{
	return ring_committed(ring->ring);
}

uint64_t journal_ring_done(struct journal_ring *ring, int *r)
{
	uint64_t done = atomic_load_explicit(&ring->done, memory_order_acquire);
	*r = 0;
	if (atomic_load_explicit(&ring->failing, memory_order_relaxed)) {
		pthread_mutex_lock(&ring->failures_lock);
		struct state_failure *first = &ring->failures[0];
		if (ring->n_failures && first->from > ring->answered + 1) {
			done = MIN(done, first->from - 1);
		} else if (ring->n_failures) {
			done = first->upto;
			*r = first->r;
			ring->n_failures--;
			for (uint32_t i = 0; i < ring->n_failures; i++)
				ring->failures[i] = ring->failures[i + 1];
			atomic_store(&ring->failing, ring->n_failures > 0);
		}
		pthread_mutex_unlock(&ring->failures_lock);
	}
	ring->answered = MAX(done, ring->answered);
	return ring->answered;
}

/* ---- journal thread */
static void adopt(struct journal *j)
{
	pthread_mutex_lock(&j->lock);
	struct journal_ring *ring = steal(j->incoming);
	pthread_mutex_unlock(&j->lock);
	while (ring) {
		struct journal_ring *next = ring->next;
		ring->next = j->writer.rings;
		j->writer.rings = ring;
		ring = next;
	}
}

static void destroy(struct journal_ring *ring)
{
	ring_free(ring->ring);
	pthread_mutex_destroy(&ring->failures_lock);
	free(ring);
}

void rings_snapshot(struct journal *j)
{
	adopt(j);
	for (struct journal_ring *ring = j->writer.rings; ring; ring = ring->next) {
		ring->ending = atomic_load(&ring->retired);
		ring->limit = ring_limit(ring->ring);
		ring->taken = 0;
		ring->drained = false;
	}
}

/* The ring at the front goes to the back, so that a full group does not always serve the same. */
static void rotate(struct journal *j)
{
	struct journal_ring *first = j->writer.rings;
	if (!first || !first->next)
		return;
	struct journal_ring **end = &first->next;
	while (*end)
		end = &(*end)->next;
	j->writer.rings = first->next;
	first->next = NULL;
	*end = first;
}

int rings_gather(struct journal *j, struct journal_commit *commit)
{
	for (struct journal_ring *ring = j->writer.rings; ring; ring = ring->next) {
		const void *payload;
		size_t n;
		int r = 0;
		while (r == 0 && commit->n < j->group_bytes &&
		       (payload = ring_next(ring->ring, ring->limit, &n)) != NULL) {
			ring->taken++;
			r = commit_add(commit, payload, n);
		}
		ring->drained = commit->n < j->group_bytes;
		ring_release(ring->ring);
		if (r < 0)
			return r;
		if (commit->n >= j->group_bytes)
			break;
	}
	return 0;
}

static void note_failure(struct journal_ring *ring, uint64_t upto, int r)
{
	pthread_mutex_lock(&ring->failures_lock);
	struct state_failure *last = ring->n_failures ? &ring->failures[ring->n_failures - 1]
	                                              : NULL;
	if (last && (last->upto == ring->decided || ring->n_failures == STATE_FAILURES))
		last->upto =
			upto; /* never the other way: a failed record is never called durable */
	else
		ring->failures[ring->n_failures++] = (struct state_failure){ ring->decided + 1,
			                                                     upto, r };
	atomic_store(&ring->failing, true);
	pthread_mutex_unlock(&ring->failures_lock);
}

static void decide(struct journal *j, struct journal_ring *ring, int r)
{
	uint64_t upto = ring->decided + ring->taken;
	if (r < 0)
		note_failure(ring, upto, r);
	ring->decided = upto;
	ring->taken = 0;
	atomic_store_explicit(&ring->done, upto, memory_order_release);
	pthread_mutex_lock(&j->progress_lock);
	if (ring->progress)
		ring->progress(ring->ud);
	pthread_mutex_unlock(&j->progress_lock);
}

void rings_decide(struct journal *j, int r)
{
	struct journal_ring **at = &j->writer.rings;
	while (*at) {
		struct journal_ring *ring = *at;
		if (ring->taken)
			decide(j, ring, r);
		if (ring->ending && ring->drained) {
			*at = ring->next;
			destroy(ring);
			continue;
		}
		at = &ring->next;
	}
	rotate(j);
}

void rings_fail(struct journal *j, int r)
{
	for (struct journal_ring *ring = j->writer.rings; ring; ring = ring->next) {
		size_t n;
		while (ring_next(ring->ring, ring->limit, &n))
			ring->taken++;
		ring_release(ring->ring);
		ring->drained = true;
	}
	rings_decide(j, r);
}

bool rings_sleep(struct journal *j)
{
	for (struct journal_ring *ring = j->writer.rings; ring; ring = ring->next)
		if (!ring_sleep(ring->ring))
			return false;
	return true;
}

void rings_wake(struct journal *j)
{
	for (struct journal_ring *ring = j->writer.rings; ring; ring = ring->next)
		ring_wake(ring->ring);
}

void rings_drop(struct journal *j)
{
	adopt(j);
	while (j->writer.rings) {
		struct journal_ring *ring = j->writer.rings;
		j->writer.rings = ring->next;
		destroy(ring);
	}
}
