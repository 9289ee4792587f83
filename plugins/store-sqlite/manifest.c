#include "manifest.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "block.h"

struct manifest {
	pthread_mutex_t lock;
	struct snapshot *now;
};

static struct snapshot *snapshot_new(size_t room)
{
	struct snapshot *s = calloc(1, sizeof(*s) + room * sizeof(struct block *));

	if (s)
		s->refs = 1;
	return s;
}

struct snapshot *snapshot_unref(struct snapshot *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	for (size_t i = 0; i < s->n; i++)
		block_unref(s->blocks[i]);
	free(s);
	return NULL;
}

int32_t manifest_new(struct manifest **out)
{
	struct manifest *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	pthread_mutex_init(&m->lock, NULL);
	m->now = snapshot_new(0);
	if (!m->now) {
		manifest_free(m);
		return -ENOMEM;
	}
	*out = m;
	return 0;
}

struct manifest *manifest_free(struct manifest *m)
{
	if (!m)
		return NULL;
	snapshot_unref(m->now);
	pthread_mutex_destroy(&m->lock);
	free(m);
	return NULL;
}

struct snapshot *manifest_snapshot(struct manifest *m)
{
	struct snapshot *s;

	pthread_mutex_lock(&m->lock);
	s = m->now;
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	pthread_mutex_unlock(&m->lock);
	return s;
}

static void replace(struct manifest *m, struct snapshot *next)
{
	struct snapshot *old;

	pthread_mutex_lock(&m->lock);
	old = m->now;
	m->now = next;
	pthread_mutex_unlock(&m->lock);
	snapshot_unref(old);
}

static int by_time(const void *a, const void *b)
{
	const struct block *const *x = a;
	const struct block *const *y = b;

	if ((*x)->facts.t_min_ns != (*y)->facts.t_min_ns)
		return (*x)->facts.t_min_ns < (*y)->facts.t_min_ns ? -1 : 1;
	if ((*x)->facts.seq_max != (*y)->facts.seq_max)
		return (*x)->facts.seq_max < (*y)->facts.seq_max ? -1 : 1;
	return 0;
}

int32_t manifest_add(struct manifest *m, struct block *const *blocks, size_t n)
{
	const struct snapshot *old = m->now;
	struct snapshot *next = snapshot_new(old->n + n);

	if (!next)
		return -ENOMEM;
	for (size_t i = 0; i < old->n; i++)
		next->blocks[next->n++] = block_ref(old->blocks[i]);
	for (size_t i = 0; i < n; i++)
		next->blocks[next->n++] = blocks[i];
	qsort(next->blocks, next->n, sizeof(struct block *), by_time);
	replace(m, next);
	return 0;
}

/* ---- retention */

static const struct block *durable_block(const struct snapshot *s)
{
	const struct block *best = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct block *b = s->blocks[i];
		if (b->facts.last && (!best || b->facts.seq_max > best->facts.seq_max))
			best = b;
	}
	return best;
}

int32_t manifest_drop(struct manifest *m, struct sb_str class_, int64_t ts_ns)
{
	const struct snapshot *old = m->now;
	const struct block *keep = durable_block(old);
	struct snapshot *next = snapshot_new(old->n);
	int32_t n = 0;

	if (!next)
		return -ENOMEM;
	for (size_t i = 0; i < old->n; i++) {
		struct block *b = old->blocks[i];
		if (b != keep && b->facts.t_max_ns < ts_ns && strlen(b->facts.class_) == class_.n &&
		    memcmp(b->facts.class_, class_.p, class_.n) == 0) {
			atomic_store(&b->dropped, true);
			n++;
			continue;
		}
		next->blocks[next->n++] = block_ref(b);
	}
	replace(m, next);
	return n;
}

void manifest_sums(struct manifest *m, struct manifest_sums *out)
{
	struct snapshot *s = manifest_snapshot(m);
	const struct block *durable = durable_block(s);

	*out = (struct manifest_sums){ .blocks = s->n };
	out->seq_durable = durable ? durable->facts.seq_max : 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct block *b = s->blocks[i];
		out->bytes += b->bytes;
		out->chunks += b->facts.chunks;
		out->damaged += atomic_load(&b->damaged);
		if (!i || b->facts.t_min_ns < out->t_min_ns)
			out->t_min_ns = b->facts.t_min_ns;
		if (!i || b->facts.t_max_ns > out->t_max_ns)
			out->t_max_ns = b->facts.t_max_ns;
	}
	snapshot_unref(s);
}
