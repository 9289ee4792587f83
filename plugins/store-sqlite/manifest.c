#include "manifest.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/kinds.h>

#include "block.h"
#include "retain.h"

struct manifest {
	pthread_mutex_t writer; /* whoever makes the next snapshot */
	pthread_mutex_t lock;   /* now */
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
	pthread_mutex_init(&m->writer, NULL);
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
	pthread_mutex_destroy(&m->writer);
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
	const struct snapshot *old;
	struct snapshot *next;

	pthread_mutex_lock(&m->writer);
	old = m->now;
	next = snapshot_new(old->n + n);
	for (size_t i = 0; next && i < old->n; i++)
		next->blocks[next->n++] = block_ref(old->blocks[i]);
	for (size_t i = 0; next && i < n; i++)
		next->blocks[next->n++] = blocks[i];
	if (next) {
		qsort(next->blocks, next->n, sizeof(struct block *), by_time);
		replace(m, next);
	}
	pthread_mutex_unlock(&m->writer);
	return next ? 0 : -ENOMEM;
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

/* The next snapshot is what is there now without those that go, and with one more, which may be
 * NULL and is taken. With the writer's lock. */
static int32_t change(struct manifest *m, const bool *go, struct block *more, sb_dropped_fn fn,
                      void *ud)
{
	const struct snapshot *old = m->now;
	struct snapshot *next = snapshot_new(old->n + 1);
	int32_t gone = 0;

	if (!next)
		return -ENOMEM;
	for (size_t i = 0; i < old->n; i++) {
		struct block *b = old->blocks[i];
		if (!go[i]) {
			next->blocks[next->n++] = block_ref(b);
			continue;
		}
		if (fn)
			tell(b, fn, ud);
		atomic_store(&b->dropped, true);
		gone++;
	}
	if (more) {
		next->blocks[next->n++] = more;
		qsort(next->blocks, next->n, sizeof(struct block *), by_time);
	}
	replace(m, next);
	return gone;
}

int32_t manifest_drop(struct manifest *m, const struct sb_drop *drop, sb_dropped_fn fn, void *ud)
{
	int32_t n = -ENOMEM;
	bool *go;

	pthread_mutex_lock(&m->writer);
	go = calloc(m->now->n + 1, sizeof(*go));
	if (go)
		n = retain_choose(m->now, durable_block(m->now), drop, go);
	if (n > 0)
		n = change(m, go, NULL, fn, ud);
	pthread_mutex_unlock(&m->writer);
	free(go);
	return n;
}

static int32_t replace_by(struct manifest *m, const struct block *like, struct block *more,
                          sb_dropped_fn fn, void *ud)
{
	int32_t n = -ENOMEM;
	bool *go;

	pthread_mutex_lock(&m->writer);
	go = calloc(m->now->n + 1, sizeof(*go));
	for (size_t i = 0; go && i < m->now->n; i++)
		go[i] = block_replaces(like, m->now->blocks[i]);
	if (go)
		n = change(m, go, more, fn, ud);
	pthread_mutex_unlock(&m->writer);
	free(go);
	return n;
}

int32_t manifest_replace(struct manifest *m, struct block *block, sb_dropped_fn fn, void *ud)
{
	return replace_by(m, block, block, fn, ud);
}

int32_t manifest_remove_like(struct manifest *m, const struct block *block, sb_dropped_fn fn,
                             void *ud)
{
	return replace_by(m, block, NULL, fn, ud);
}

struct block *manifest_find(struct manifest *m, struct sb_str name)
{
	struct snapshot *s = manifest_snapshot(m);
	struct block *found = NULL;

	for (size_t i = 0; i < s->n && !found; i++) {
		struct block *b = s->blocks[i];
		if (strlen(b->path) == name.n && memcmp(b->path, name.p, name.n) == 0)
			found = block_ref(b);
	}
	snapshot_unref(s);
	return found;
}

/* The name is another one before the block goes, so that letting go of it removes nothing. */
int32_t manifest_set_aside(struct manifest *m, struct block *block, sb_dropped_fn fn, void *ud)
{
	int32_t n = SB_E_NOT_FOUND;
	bool *go;

	pthread_mutex_lock(&m->writer);
	go = calloc(m->now->n + 1, sizeof(*go));
	for (size_t i = 0; go && i < m->now->n; i++) {
		go[i] = m->now->blocks[i] == block;
		n = go[i] ? 0 : n;
	}
	if (!go)
		n = -ENOMEM;
	if (n == 0)
		n = block_set_aside(block->path);
	if (n == 0) {
		atomic_store(&block->aside, true);
		n = change(m, go, NULL, fn, ud);
	}
	pthread_mutex_unlock(&m->writer);
	free(go);
	return n < 0 ? n : 0;
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
