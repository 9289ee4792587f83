#include "memstore/world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "memstore/memstore.h"

#define DAYS_MOST (49LL * 86400 * 1000000000)

void block_unref(struct block *b)
{
	if (!b || --b->refs)
		return;
	for (size_t i = 0; i < b->n; i++)
		free((void *)(uintptr_t)b->chunks[i].data.p);
	free(b->chunks);
	free(b);
}

struct set world_take(struct world *w)
{
	struct set s = { 0 };

	pthread_mutex_lock(&w->lock);
	s.blocks = calloc(w->n + 1, sizeof(struct block *));
	for (size_t i = 0; s.blocks && i < w->n; i++) {
		s.blocks[s.n++] = w->blocks[i];
		w->blocks[i]->refs++;
	}
	pthread_mutex_unlock(&w->lock);
	return s;
}

void set_give(struct set *s)
{
	for (size_t i = 0; i < s->n; i++)
		block_unref(s->blocks[i]);
	free(s->blocks);
}

/* ---- writing */

static int32_t add_chunk(struct block *b, const struct sb_block *spec, const struct sb_chunk *c)
{
	const struct sb_chunk *last = b->n ? &b->chunks[b->n - 1] : NULL;

	if (!c->stream || !c->data.n || c->t_min_ns > c->t_max_ns || c->t_min_ns < spec->t_min_ns ||
	    c->t_max_ns > spec->t_max_ns)
		return SB_E_RANGE;
	if (last && (c->stream < last->stream ||
	             (c->stream == last->stream && c->t_min_ns < last->t_min_ns)))
		return SB_E_RANGE;
	if (b->n == b->cap) {
		size_t cap = b->cap ? 2 * b->cap : 16;
		struct sb_chunk *more = realloc(b->chunks, cap * sizeof(*more));
		if (!more)
			return -ENOMEM;
		b->chunks = more;
		b->cap = cap;
	}
	uint8_t *data = malloc(c->data.n);
	if (!data)
		return -ENOMEM;
	memcpy(data, c->data.p, c->data.n);
	b->chunks[b->n] = *c;
	b->chunks[b->n++].data.p = data;
	struct sb_block_info *info = &b->info;
	if (b->n == 1) {
		info->stream_min = c->stream;
		info->t_min_ns = c->t_min_ns;
		info->t_max_ns = c->t_max_ns;
	}
	info->stream_max = c->stream;
	info->t_min_ns = c->t_min_ns < info->t_min_ns ? c->t_min_ns : info->t_min_ns;
	info->t_max_ns = c->t_max_ns > info->t_max_ns ? c->t_max_ns : info->t_max_ns;
	info->rows += c->rows;
	info->bytes += c->data.n;
	info->chunks++;
	return 0;
}

static int32_t check_spec(const struct sb_block *spec)
{
	if (!spec->class_.n || spec->class_.n > 32)
		return SB_E_NAME;
	for (size_t i = 0; i < spec->class_.n; i++) {
		char c = spec->class_.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return SB_E_NAME;
	}
	return spec->t_min_ns > spec->t_max_ns || spec->seq_min > spec->seq_max ||
	                       (uint64_t)spec->t_max_ns - (uint64_t)spec->t_min_ns > DAYS_MOST
	               ? SB_E_RANGE
	               : 0;
}

int32_t world_build(struct world *w, const struct sb_block *spec, struct block **out)
{
	struct block *b = NULL;
	struct sb_chunk chunk = { 0 };
	int32_t r = check_spec(spec);

	if (r < 0)
		return r;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->refs = 1;
	while ((r = spec->next(spec->ud, &chunk)) > 0) {
		r = add_chunk(b, spec, &chunk);
		if (r < 0)
			break;
	}
	if (r < 0) {
		block_unref(b);
		return r;
	}
	(void)snprintf(b->class_, sizeof(b->class_), "%.*s", (int)spec->class_.n, spec->class_.p);
	pthread_mutex_lock(&w->lock);
	(void)snprintf(b->name, sizeof(b->name), "%s/%llu", b->class_,
	               (unsigned long long)++w->written);
	pthread_mutex_unlock(&w->lock);
	b->info.size = sizeof(b->info);
	b->info.level = spec->level;
	b->info.class_ = sb_str_of(b->class_, strlen(b->class_));
	b->info.name = sb_str_of(b->name, strlen(b->name));
	b->info.seq_min = spec->seq_min;
	b->info.seq_max = spec->seq_max;
	b->info.last = SB_HAS(spec, last) ? spec->last : 0;
	*out = b;
	return 0;
}

static void tell(const struct block *b, sb_dropped_fn fn, void *ud)
{
	const struct sb_dropped d = { .size = sizeof(d),
		                      .level = b->info.level,
		                      .class_ = b->info.class_,
		                      .name = b->info.name,
		                      .t_min_ns = b->info.t_min_ns,
		                      .t_max_ns = b->info.t_max_ns,
		                      .rows = b->info.rows,
		                      .bytes = b->info.bytes };

	if (fn)
		fn(ud, &d);
}

int32_t world_exchange(struct world *w, struct block *b, const struct set *s, const bool *go,
                       sb_dropped_fn fn, void *ud)
{
	int32_t gone = 0;

	pthread_mutex_lock(&w->lock);
	if (b && w->n == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 64;
		struct block **more = realloc(w->blocks, cap * sizeof(struct block *));
		if (!more) {
			pthread_mutex_unlock(&w->lock);
			block_unref(b);
			return -ENOMEM;
		}
		w->blocks = more;
		w->cap = cap;
	}
	for (size_t i = 0; i < s->n; i++) {
		if (!go[i])
			continue;
		for (size_t k = 0; k < w->n; k++)
			if (w->blocks[k] == s->blocks[i]) {
				w->blocks[k] = w->blocks[--w->n];
				block_unref(s->blocks[i]); /* the world's; ours is still there */
				gone++;
				break;
			}
		tell(s->blocks[i], fn, ud);
	}
	if (b)
		w->blocks[w->n++] = b;
	pthread_mutex_unlock(&w->lock);
	return gone;
}

const struct block *set_durable(const struct set *s)
{
	const struct block *best = NULL;

	for (size_t i = 0; i < s->n; i++)
		if (s->blocks[i]->info.last &&
		    (!best || s->blocks[i]->info.seq_max > best->info.seq_max))
			best = s->blocks[i];
	return best;
}

/* ---- retention */

static int by_end(const void *a, const void *b)
{
	const struct sb_block_info *x = &(*(struct block *const *)a)->info;
	const struct sb_block_info *y = &(*(struct block *const *)b)->info;

	if (x->t_max_ns != y->t_max_ns)
		return x->t_max_ns < y->t_max_ns ? -1 : 1;
	return (x->seq_max > y->seq_max) - (x->seq_max < y->seq_max);
}

static bool corrects(const struct sb_block_info *b, const struct sb_block_info *o)
{
	return o->seq_max < b->seq_max && o->t_min_ns <= b->t_max_ns &&
	       o->t_max_ns >= b->t_min_ns && o->stream_min <= b->stream_max &&
	       o->stream_max >= b->stream_min;
}

static bool may_go(const struct set *s, size_t i, const struct sb_drop *order)
{
	const struct block *b = s->blocks[i];

	return b != set_durable(s) && b->info.t_max_ns < order->before_ns &&
	       (!order->class_.n || memstore_same(b->info.class_, order->class_));
}

/* A block takes along all it may correct, or stays: go[] of what it takes is 2. */
static bool takes_along(const struct set *s, size_t i, const struct sb_drop *order, uint8_t *go)
{
	if (go[i])
		return true;
	if (!may_go(s, i, order))
		return false;
	go[i] = 2;
	for (size_t k = 0; k < s->n; k++)
		if (corrects(&s->blocks[i]->info, &s->blocks[k]->info) &&
		    !takes_along(s, k, order, go))
			return false;
	return true;
}

static void choose(const struct set *s, const struct sb_drop *order, bool *out, uint8_t *go)
{
	uint32_t n = 0;
	uint64_t bytes = 0;

	for (size_t i = 0; i < s->n && bytes < order->bytes; i++) {
		uint32_t more = 0;
		if (go[i])
			continue;
		bool good = takes_along(s, i, order, go);
		for (size_t k = 0; k < s->n; k++)
			more += go[k] == 2;
		good = good && (!order->most || n + more <= order->most);
		for (size_t k = 0; k < s->n; k++) {
			if (go[k] != 2)
				continue;
			go[k] = good;
			out[k] = good;
			bytes += good ? s->blocks[k]->info.bytes : 0;
		}
		n += good ? more : 0;
	}
}

int32_t set_choose(struct set *s, const struct sb_drop *order, bool *go)
{
	uint8_t *marks = calloc(s->n + 1, sizeof(*marks));

	if (!marks)
		return -ENOMEM;
	if (s->n > 1)
		qsort(s->blocks, s->n, sizeof(struct block *), by_end);
	choose(s, order, go, marks);
	free(marks);
	return 0;
}
