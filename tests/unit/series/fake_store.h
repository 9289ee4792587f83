/* A store instance in memory, on the thread that posts to it: blocks stay as they were given. It
 * can be told to fail, and chunks can be damaged. */
#pragma once
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/kinds.h>

#include "host/frame.h"
#include "host/host.h"
#include "host/instance.h"

struct fake_chunk {
	struct sb_chunk c;
	uint64_t seq;
	size_t order;
	uint64_t block; /* its number */
	char class_[33];
	bool gone;
};

struct fake_block {
	struct sb_block_info info;
	uint64_t number;
	char class_[33], name[64];
};

struct fake_store {
	pthread_mutex_t lock;
	struct fake_chunk *at;
	size_t n, cap;
	struct fake_block list[4096];
	size_t n_list;
	uint64_t blocks, numbers;
	int64_t t_min, t_max;
	int fail_after;   /* >= 0: so many blocks work, then none */
	uint32_t scanned; /* chunks given to scans */
	bool is_1_0;      /* its table ends before drop() */
	int64_t dropped_before;
	uint32_t droppable;    /* blocks that may go, 1 MiB each */
	struct sb_drop order;  /* the last one */
	bool forgets;          /* drop() does it, and tells of none */
	void (*writing)(void); /* called once, while a block is written */
};

static struct fake_store fake_store = { .lock = PTHREAD_MUTEX_INITIALIZER, .fail_after = -1 };

struct instance {
	int unused;
};
static struct instance fake_instance;

static inline void fake_store_reset(void)
{
	for (size_t i = 0; i < fake_store.n; i++)
		free((void *)(uintptr_t)fake_store.at[i].c.data.p);
	free(fake_store.at);
	fake_store = (struct fake_store){ .lock = PTHREAD_MUTEX_INITIALIZER, .fail_after = -1 };
}

static inline void fake_chunk_push(const struct sb_chunk *c, const struct sb_block *b,
                                   uint64_t number)
{
	if (fake_store.n == fake_store.cap) {
		fake_store.cap = 2 * fake_store.cap + 64;
		fake_store.at = realloc(fake_store.at, fake_store.cap * sizeof(*fake_store.at));
	}
	struct fake_chunk *f = &fake_store.at[fake_store.n++];
	uint8_t *copy = malloc(c->data.n);
	memcpy(copy, c->data.p, c->data.n);
	*f = (struct fake_chunk){
		.c = *c, .seq = b->seq_max, .order = fake_store.n, .block = number
	};
	memcpy(f->class_, b->class_.p, b->class_.n);
	f->c.data.p = copy;
}

static inline void fake_block_count(struct fake_block *b, const struct sb_chunk *c)
{
	struct sb_block_info *i = &b->info;
	i->stream_min = i->chunks ? i->stream_min : c->stream;
	i->stream_max = c->stream;
	i->chunks++;
	i->rows += c->rows;
	i->bytes += c->data.n;
}

static inline void fake_block_begin(struct fake_block *b, const struct sb_block *spec)
{
	*b = (struct fake_block){ .number = ++fake_store.numbers };
	(void)snprintf(b->name, sizeof(b->name), "%llu.blk", (unsigned long long)b->number);
	memcpy(b->class_, spec->class_.p, spec->class_.n);
	b->info = (struct sb_block_info){ .size = sizeof(b->info),
		                          .level = spec->level,
		                          .seq_min = spec->seq_min,
		                          .seq_max = spec->seq_max,
		                          .t_min_ns = spec->t_min_ns,
		                          .t_max_ns = spec->t_max_ns };
}

static inline void fake_block_forget(size_t i)
{
	for (size_t k = 0; k < fake_store.n; k++)
		fake_store.at[k].gone |= fake_store.at[k].block == fake_store.list[i].number;
	fake_store.list[i] = fake_store.list[--fake_store.n_list];
}

static inline void fake_block_add(const struct fake_block *b)
{
	if (fake_store.n_list == sizeof(fake_store.list) / sizeof(fake_store.list[0]))
		abort();
	struct fake_block *at = &fake_store.list[fake_store.n_list++];
	*at = *b;
	at->info.class_ = sb_str_of(at->class_, strlen(at->class_));
	at->info.name = sb_str_of(at->name, strlen(at->name));
}

static inline int32_t fake_write_block(void *self, const struct sb_block *b, sb_store_done_fn done,
                                       void *ud)
{
	struct sb_chunk c;
	int r;
	(void)self;
	void (*writing)(void) = fake_store.writing;
	fake_store.writing = NULL;
	if (writing)
		writing();
	pthread_mutex_lock(&fake_store.lock);
	size_t before = fake_store.n;
	struct fake_block block;
	fake_block_begin(&block, b);
	uint32_t stream = 0;
	int64_t t = 0;
	while ((r = b->next(b->ud, &c)) > 0) {
		if (c.stream < stream || (c.stream == stream && c.t_min_ns <= t) ||
		    c.t_min_ns < b->t_min_ns || c.t_max_ns > b->t_max_ns)
			abort(); /* not in the order the contract asks for */
		stream = c.stream;
		t = c.t_max_ns;
		fake_chunk_push(&c, b, block.number);
		fake_block_count(&block, &c);
	}
	if (fake_store.fail_after == 0)
		r = -EIO;
	if (fake_store.fail_after > 0)
		fake_store.fail_after--;
	if (r < 0) {
		while (fake_store.n > before)
			free((void *)(uintptr_t)fake_store.at[--fake_store.n].c.data.p);
	} else {
		fake_store.t_min = fake_store.blocks && fake_store.t_min < b->t_min_ns
		                           ? fake_store.t_min
		                           : b->t_min_ns;
		fake_store.t_max = fake_store.blocks && fake_store.t_max > b->t_max_ns
		                           ? fake_store.t_max
		                           : b->t_max_ns;
		fake_store.blocks++;
		fake_block_add(&block);
	}
	pthread_mutex_unlock(&fake_store.lock);
	done(ud, r);
	return r;
}

static inline int fake_chunk_compare(const void *a, const void *b)
{
	const struct fake_chunk *x = a, *y = b;
	if (x->c.stream != y->c.stream)
		return x->c.stream < y->c.stream ? -1 : 1;
	if (x->c.t_min_ns != y->c.t_min_ns)
		return x->c.t_min_ns < y->c.t_min_ns ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static inline bool fake_wanted(const struct sb_scan *scan, const struct sb_chunk *c)
{
	if (c->t_max_ns < scan->from_ns || c->t_min_ns >= scan->to_ns)
		return false;
	for (uint32_t i = 0; i < scan->n_streams; i++)
		if (scan->streams[i] == c->stream)
			return true;
	return false;
}

static inline int32_t fake_scan(void *self, const struct sb_scan *scan, sb_chunk_fn fn, void *ud)
{
	(void)self;
	pthread_mutex_lock(&fake_store.lock);
	size_t n = fake_store.n;
	struct fake_chunk *copy = malloc((n + 1) * sizeof(*copy));
	if (n)
		memcpy(copy, fake_store.at, n * sizeof(*copy));
	pthread_mutex_unlock(&fake_store.lock);
	qsort(copy, n, sizeof(*copy), fake_chunk_compare);
	int r = 0;
	for (size_t i = 0; i < n && r >= 0; i++) {
		if (copy[i].gone || !fake_wanted(scan, &copy[i].c))
			continue;
		fake_store.scanned++;
		r = fn(ud, &copy[i].c, copy[i].seq);
	}
	free(copy);
	return r < 0 ? r : 0;
}

static inline int32_t fake_stats(void *self, struct sb_store_stats *out)
{
	(void)self;
	pthread_mutex_lock(&fake_store.lock);
	out->blocks = fake_store.blocks;
	out->t_min_ns = fake_store.t_min;
	out->t_max_ns = fake_store.t_max;
	pthread_mutex_unlock(&fake_store.lock);
	return 0;
}

/* Blocks of a class that end before, as a store does it. */
static inline int32_t fake_forget(const struct sb_drop *order)
{
	int32_t blocks = 0;
	pthread_mutex_lock(&fake_store.lock);
	for (size_t i = fake_store.n_list; i-- > 0;) {
		const struct fake_block *b = &fake_store.list[i];
		bool is_of = !order->class_.n ||
		             (strlen(b->class_) == order->class_.n &&
		              !memcmp(b->class_, order->class_.p, order->class_.n));
		if (!is_of || b->info.t_max_ns >= order->before_ns)
			continue;
		fake_block_forget(i);
		blocks++;
	}
	pthread_mutex_unlock(&fake_store.lock);
	return blocks;
}

static char fake_asked[256]; /* classes of drops */

static inline int32_t fake_drop(void *self, const struct sb_drop *order, sb_dropped_fn fn, void *ud)
{
	struct sb_dropped d = { .size = sizeof(d), .name = SB_STR("old.blk"), .bytes = 1 << 20 };
	uint64_t bytes = 0;
	int32_t n = 0;
	(void)self;
	fake_store.order = *order;
	size_t told = strlen(fake_asked);
	(void)snprintf(fake_asked + told, sizeof(fake_asked) - told, "%s%.*s", told ? " " : "",
	               (int)order->class_.n, order->class_.p ? order->class_.p : "");
	if (fake_store.forgets)
		return fake_forget(order);
	for (; fake_store.droppable && bytes < order->bytes; n++) {
		fake_store.droppable--;
		bytes += d.bytes;
		fn(ud, &d);
	}
	return n;
}

static inline int32_t fake_blocks(void *self, sb_block_fn fn, void *ud)
{
	int32_t r = 0;
	(void)self;
	pthread_mutex_lock(&fake_store.lock);
	for (size_t i = 0; i < fake_store.n_list && r >= 0; i++) {
		struct fake_block b = fake_store.list[i];
		b.info.class_.p = b.class_;
		b.info.name.p = b.name;
		r = fn(ud, &b.info);
	}
	pthread_mutex_unlock(&fake_store.lock);
	return r < 0 ? r : 0;
}

static inline int32_t fake_read_block(void *self, struct sb_str name, uint32_t from_stream,
                                      sb_chunk_fn fn, void *ud)
{
	uint64_t number = strtoull(name.p, NULL, 10);
	int32_t r = 0;
	(void)self;
	pthread_mutex_lock(&fake_store.lock);
	size_t n = fake_store.n;
	struct fake_chunk *copy = malloc((n + 1) * sizeof(*copy));
	if (n)
		memcpy(copy, fake_store.at, n * sizeof(*copy));
	pthread_mutex_unlock(&fake_store.lock);
	for (size_t i = 0; i < n && r >= 0; i++)
		if (!copy[i].gone && copy[i].block == number && copy[i].c.stream >= from_stream)
			r = fn(ud, &copy[i].c, copy[i].seq);
	free(copy);
	return r < 0 ? r : 0;
}

/* Calls next() without the lock: it scans. */
static inline int32_t fake_replace(void *self, const struct sb_block *spec, sb_dropped_fn fn,
                                   void *ud)
{
	struct fake_block block;
	struct sb_chunk c;
	int32_t gone = 0;
	int32_t r;
	(void)self;
	(void)fn;
	(void)ud;
	pthread_mutex_lock(&fake_store.lock);
	fake_block_begin(&block, spec);
	pthread_mutex_unlock(&fake_store.lock);
	size_t n = 0;
	struct sb_chunk *all = NULL;
	while ((r = spec->next(spec->ud, &c)) > 0) {
		uint8_t *copy = malloc(c.data.n);
		memcpy(copy, c.data.p, c.data.n);
		all = realloc(all, (n + 1) * sizeof(*all));
		all[n] = c;
		all[n++].data.p = copy;
	}
	pthread_mutex_lock(&fake_store.lock);
	for (size_t i = 0; i < n; i++) {
		if (r == 0) {
			fake_chunk_push(&all[i], spec, block.number);
			fake_block_count(&block, &all[i]);
		}
		free((void *)(uintptr_t)all[i].data.p);
	}
	free(all);
	for (size_t i = fake_store.n_list; r == 0 && i-- > 0;) {
		const struct sb_block_info *b = &fake_store.list[i].info;
		if (!strcmp(fake_store.list[i].class_, block.class_) && b->level < spec->level &&
		    b->seq_min >= spec->seq_min && b->seq_max <= spec->seq_max &&
		    b->t_min_ns <= spec->t_max_ns && b->t_max_ns >= spec->t_min_ns) {
			fake_block_forget(i);
			gone++;
		}
	}
	if (r == 0 && n)
		fake_block_add(&block);
	pthread_mutex_unlock(&fake_store.lock);
	return r < 0 ? r : gone;
}

static inline int32_t fake_drop_before(void *self, struct sb_str class_, int64_t ts_ns)
{
	(void)self;
	fake_store.dropped_before = class_.n ? ts_ns : 0;
	return 0;
}

static const struct sb_store fake_store_1_0 = { .size = offsetof(struct sb_store, drop),
	                                        .write_block = fake_write_block,
	                                        .scan = fake_scan,
	                                        .stats = fake_stats,
	                                        .drop_before = fake_drop_before };

static const struct sb_store fake_store_table = { .size = sizeof(struct sb_store),
	                                          .write_block = fake_write_block,
	                                          .scan = fake_scan,
	                                          .stats = fake_stats,
	                                          .drop = fake_drop,
	                                          .blocks = fake_blocks,
	                                          .read_block = fake_read_block,
	                                          .replace = fake_replace };

struct instance *host_instance(struct host *host, const char *kind, size_t index)
{
	(void)host;
	return strcmp(kind, "sb.store/1") == 0 && index == 0 ? &fake_instance : NULL;
}

const void *instance_ext(const struct instance *in, const char *id)
{
	(void)in;
	(void)id;
	return fake_store.is_1_0 ? &fake_store_1_0 : &fake_store_table;
}

void *instance_self(const struct instance *in)
{
	(void)in;
	return &fake_store;
}

enum instance_state instance_state(const struct instance *in)
{
	(void)in;
	return INSTANCE_RUNNING;
}

int instance_post(struct instance *in, void (*fn)(void *ud), void *ud)
{
	(void)in;
	fn(ud);
	return 0;
}

void frame_enter(struct frame *f, struct instance *in, const char *function)
{
	(void)f;
	(void)in;
	(void)function;
}

void frame_beat(void)
{
}

void frame_leave(struct frame *f)
{
	(void)f;
}
