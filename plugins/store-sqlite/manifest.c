#include "manifest.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/kinds.h>

#include "block.h"
#include "retain.h"

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

static void tell(const struct block *b, sb_dropped_fn fn, void *ud)
{
	const struct facts *f = &b->facts;
	const struct sb_dropped dropped = {
		.size = sizeof(dropped),
		.level = f->level,
		.class_ = sb_str_of(f->class_, strlen(f->class_)),
		.name = sb_str_of(b->path, strlen(b->path)),
		.t_min_ns = f->t_min_ns,
		.t_max_ns = f->t_max_ns,
		.rows = f->rows,
		.bytes = b->bytes,
	};

	fn(ud, &dropped);
}

int32_t manifest_drop(struct manifest *m, const struct sb_drop *drop, sb_dropped_fn fn, void *ud)
{
	const struct snapshot *old = m->now;
	struct snapshot *next;
	bool *go = calloc(old->n + 1, sizeof(*go));
	int32_t n = go ? retain_choose(old, durable_block(old), drop, go) : -ENOMEM;

	if (n <= 0) {
		free(go);
		return n;
	}
	next = snapshot_new(old->n);
	for (size_t i = 0; next && i < old->n; i++) {
		struct block *b = old->blocks[i];
		if (!go[i]) {
			next->blocks[next->n++] = block_ref(b);
			continue;
		}
		if (fn)
			tell(b, fn, ud);
		atomic_store(&b->dropped, true);
	}
	free(go);
	if (!next)
		return -ENOMEM;
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
