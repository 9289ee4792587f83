#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "memstore/memstore.h"
#include "memstore/world.h"

struct memstore {
	struct world *world;
};

static struct world *worlds;

static struct world *world_of(void *self)
{
	return ((struct memstore *)self)->world;
}

static int32_t write_block(void *self, const struct sb_block *spec, sb_store_done_fn done, void *ud)
{
	struct world *w = world_of(self);
	struct set none = { 0 };
	struct block *b = NULL;
	int32_t r = world_build(w, spec, &b);

	if (r == 0 && !b->n) {
		block_unref(b);
		r = SB_E_RANGE;
	}
	if (r == 0)
		r = world_exchange(w, b, &none, NULL, NULL, NULL);
	if (done)
		done(ud, r);
	return r;
}

/* Of one month of UTC, as far as this store knows months. */
static bool is_same_month(int64_t a_ns, int64_t b_ns)
{
	time_t a = (time_t)(a_ns / 1000000000 - (a_ns % 1000000000 < 0));
	time_t b = (time_t)(b_ns / 1000000000 - (b_ns % 1000000000 < 0));
	struct tm x = { 0 };
	struct tm y = { 0 };

	(void)gmtime_r(&a, &x);
	(void)gmtime_r(&b, &y);
	return x.tm_year == y.tm_year && x.tm_mon == y.tm_mon;
}

static int32_t replace(void *self, const struct sb_block *spec, sb_dropped_fn fn, void *ud)
{
	struct world *w = world_of(self);
	struct block *b = NULL;
	int32_t r = world_build(w, spec, &b);

	if (r < 0)
		return r;
	struct set s = world_take(w);
	bool *go = calloc(s.n + 1, sizeof(*go));
	for (size_t i = 0; go && i < s.n; i++) {
		const struct sb_block_info *info = &s.blocks[i]->info;
		go[i] = info->level < spec->level && memstore_same(info->class_, spec->class_) &&
		        info->seq_min >= spec->seq_min && info->seq_max <= spec->seq_max &&
		        is_same_month(info->t_min_ns, spec->t_min_ns);
	}
	if (!b->n) {
		block_unref(b);
		b = NULL;
	}
	r = go ? world_exchange(w, b, &s, go, fn, ud) : -ENOMEM;
	free(go);
	set_give(&s);
	return r;
}

/* ---- reading */

struct hit {
	const struct sb_chunk *chunk;
	uint64_t seq;
};

static int by_place(const void *a, const void *b)
{
	const struct hit *x = a;
	const struct hit *y = b;

	if (x->chunk->stream != y->chunk->stream)
		return x->chunk->stream < y->chunk->stream ? -1 : 1;
	if (x->chunk->t_min_ns != y->chunk->t_min_ns)
		return x->chunk->t_min_ns < y->chunk->t_min_ns ? -1 : 1;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

static bool is_wanted(const struct sb_scan *q, const struct sb_chunk *c)
{
	if (c->t_min_ns >= q->to_ns || c->t_max_ns < q->from_ns)
		return false;
	for (uint32_t i = 0; i < q->n_streams; i++)
		if (q->streams[i] == c->stream)
			return true;
	return false;
}

static size_t collect(const struct set *s, const struct sb_scan *q, struct hit *hits)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct block *b = s->blocks[i];
		if (q->class_.n && !memstore_same(b->info.class_, q->class_))
			continue;
		for (size_t k = 0; k < b->n; k++)
			if (is_wanted(q, &b->chunks[k]))
				hits[n++] = (struct hit){ &b->chunks[k], b->info.seq_max };
	}
	return n;
}

static int32_t scan(void *self, const struct sb_scan *q, sb_chunk_fn fn, void *ud)
{
	struct set s = world_take(world_of(self));
	size_t most = 1;
	int32_t r = 0;

	for (size_t i = 0; i < s.n; i++)
		most += s.blocks[i]->n;
	struct hit *hits = calloc(most, sizeof(*hits));
	size_t n = hits ? collect(&s, q, hits) : 0;
	if (n > 1)
		qsort(hits, n, sizeof(*hits), by_place);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = fn(ud, hits[i].chunk, hits[i].seq);
	free(hits);
	set_give(&s);
	return r < 0 ? r : 0;
}

static int32_t stats(void *self, struct sb_store_stats *out)
{
	struct set s = world_take(world_of(self));
	const struct block *last = set_durable(&s);

	*out = (struct sb_store_stats){ .size = out->size, .blocks = s.n };
	out->seq_durable = last ? last->info.seq_max : 0;
	for (size_t i = 0; i < s.n; i++) {
		const struct sb_block_info *info = &s.blocks[i]->info;
		out->bytes += info->bytes;
		out->chunks += info->chunks;
		if (!i || info->t_min_ns < out->t_min_ns)
			out->t_min_ns = info->t_min_ns;
		if (!i || info->t_max_ns > out->t_max_ns)
			out->t_max_ns = info->t_max_ns;
	}
	set_give(&s);
	return 0;
}

static int32_t blocks(void *self, sb_block_fn fn, void *ud)
{
	struct set s = world_take(world_of(self));
	int32_t r = 0;

	for (size_t i = 0; r >= 0 && i < s.n; i++)
		r = fn(ud, &s.blocks[i]->info);
	set_give(&s);
	return r < 0 ? r : 0;
}

static struct block *find(const struct set *s, struct sb_str name)
{
	for (size_t i = 0; i < s->n; i++)
		if (memstore_same(s->blocks[i]->info.name, name))
			return s->blocks[i];
	return NULL;
}

static int32_t read_block(void *self, struct sb_str name, uint32_t from_stream, sb_chunk_fn fn,
                          void *ud)
{
	struct set s = world_take(world_of(self));
	const struct block *b = find(&s, name);
	int32_t r = b ? 0 : SB_E_NOT_FOUND;

	for (size_t i = 0; b && r >= 0 && i < b->n; i++)
		if (b->chunks[i].stream >= from_stream)
			r = fn(ud, &b->chunks[i], b->info.seq_max);
	set_give(&s);
	return r < 0 ? r : 0;
}

static int32_t set_aside(void *self, struct sb_str name, sb_dropped_fn fn, void *ud)
{
	struct set s = world_take(world_of(self));
	bool *go = calloc(s.n + 1, sizeof(*go));
	int32_t r = SB_E_NOT_FOUND;

	for (size_t i = 0; go && i < s.n; i++) {
		go[i] = memstore_same(s.blocks[i]->info.name, name);
		r = go[i] ? 0 : r;
	}
	if (r == 0)
		r = world_exchange(world_of(self), NULL, &s, go, fn, ud);
	free(go);
	set_give(&s);
	return r < 0 ? r : 0;
}

static int32_t drop(void *self, const struct sb_drop *order, sb_dropped_fn fn, void *ud)
{
	struct set s = world_take(world_of(self));
	bool *go = calloc(s.n + 1, sizeof(*go));
	int32_t r = go ? set_choose(&s, order, go) : -ENOMEM;

	if (r == 0)
		r = world_exchange(world_of(self), NULL, &s, go, fn, ud);
	free(go);
	set_give(&s);
	return r;
}

static int32_t drop_before(void *self, struct sb_str class_, int64_t ts_ns)
{
	const struct sb_drop order = {
		.size = sizeof(order), .class_ = class_, .before_ns = ts_ns, .bytes = UINT64_MAX
	};
	int32_t n = class_.n ? drop(self, &order, NULL, NULL) : 0;

	return n < 0 ? n : 0;
}

/* ---- the instance */

static int32_t create(struct sb_host *host, const struct sb_descriptor *d, void **self)
{
	(void)host;
	(void)d;
	*self = calloc(1, sizeof(struct memstore));
	return *self ? 0 : -ENOMEM;
}

static int32_t configure(void *self, const struct sb_config *config)
{
	struct memstore *m = self;
	struct sb_str dir = { "", 0 };

	(void)config->str(config, "/dir", &dir);
	for (m->world = worlds; m->world; m->world = m->world->next)
		if (memstore_same(sb_str_of(m->world->dir, strlen(m->world->dir)), dir))
			return 0;
	m->world = calloc(1, sizeof(*m->world));
	if (!m->world)
		return -ENOMEM;
	pthread_mutex_init(&m->world->lock, NULL);
	m->world->dir = strndup(dir.p, dir.n);
	m->world->next = worlds;
	worlds = m->world;
	return m->world->dir ? 0 : -ENOMEM;
}

static int32_t start(void *self)
{
	(void)self;
	return 0;
}

static void stop(void *self)
{
	(void)self;
}

static int32_t drain(void *self, int64_t deadline_ns)
{
	(void)self;
	(void)deadline_ns;
	return 0;
}

static const void *ext(void *self, const char *id)
{
	static const struct sb_store table = {
		.size = sizeof(table),
		.write_block = write_block,
		.scan = scan,
		.stats = stats,
		.drop_before = drop_before,
		.drop = drop,
		.blocks = blocks,
		.read_block = read_block,
		.set_aside = set_aside,
		.replace = replace,
	};

	(void)self;
	return strcmp(id, "sb.store/1") == 0 ? &table : NULL;
}

const struct sb_ops memstore_blocks = {
	.size = sizeof(memstore_blocks),
	.create = create,
	.configure = configure,
	.start = start,
	.drain = drain,
	.stop = stop,
	.destroy = free,
	.ext = ext,
};
