#include "journal/group.h"

#include <string.h>

#include "base/own.h"
#include "journal/commit.h"
#include "journal/rings.h"
#include "journal/state.h"
#include "journal/window.h"

enum { DEFINITIONS_KEPT = 64 * 1024 }; /* memory of the empty list that is not given back */

/* Locked. *more: some did not fit. */
static int add_definitions(struct journal *j, struct journal_commit *commit, bool *more)
{
	const struct buffer *b = &j->definitions;
	size_t at = j->definitions_at;
	int r = 0;
	while (r == 0 && at < b->n && commit->n < j->group_bytes) {
		uint32_t n;
		memcpy(&n, b->p + at, sizeof(n));
		r = commit_add(commit, b->p + at + sizeof(n), n);
		at += sizeof(n) + n;
	}
	j->writer.definitions_taken = at - j->definitions_at;
	*more = at < b->n;
	return r;
}

int group_gather(struct journal *j, struct journal_commit **out)
{
	bool more = false;
	int r = commit_pool_take(j->pool, journal_seq(j) + 1, out);
	if (r < 0)
		return r;
	/* First the limits, then the definitions: whatever lies before the limits was published
	 * after what it depends on was defined. */
	rings_snapshot(j);
	pthread_mutex_lock(&j->lock);
	r = add_definitions(j, *out, &more);
	pthread_mutex_unlock(&j->lock);
	if (r < 0 || more)
		return r;
	return rings_gather(j, *out);
}

static void forget_definitions(struct journal *j)
{
	struct buffer *b = &j->definitions;
	if (!j->writer.definitions_taken)
		return;
	pthread_mutex_lock(&j->lock);
	j->definitions_at += j->writer.definitions_taken;
	if (j->definitions_at == b->n && b->cap > DEFINITIONS_KEPT) {
		buffer_fini(b);
		j->definitions_at = 0;
	} else if (j->definitions_at > b->n / 2) {
		b->n -= j->definitions_at;
		memmove(b->p, b->p + j->definitions_at, b->n);
		j->definitions_at = 0;
	}
	pthread_mutex_unlock(&j->lock);
	j->writer.definitions_taken = 0;
}

static void count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

void group_publish(struct journal *j, struct journal_commit *commit)
{
	forget_definitions(j);
	count(&j->counters.commits, 1);
	count(&j->counters.records, commit->records);
	count(&j->counters.bytes_payload, commit->bytes_payload);
	count(&j->counters.bytes_written, commit->n);
	atomic_store(&j->seq, journal_commit_seq_last(commit));
	window_push(j, commit);
	/* Before the acknowledgement: what a device was told is stored can be queried. */
	if (j->config.committed)
		j->config.committed(j->config.ud, commit);
	rings_decide(j, 0);
}

void group_fail(struct journal *j, int r)
{
	j->writer.definitions_taken = 0;
	rings_decide(j, r);
}
