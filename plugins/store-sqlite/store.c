#include "store.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "block.h"
#include "build.h"
#include "copyout.h"
#include "manifest.h"
#include "merge.h"
#include "plug.h"
#include "pool.h"
#include "sql.h"

#define TICK_NS 10000000000LL
#define IDLE_NS 30000000000LL

struct store {
	struct plug plug;
	struct manifest *manifest;
	struct pool *pool;
	sb_timer timer;
	uint32_t set_aside;      /* files found damaged */
	_Atomic int32_t trouble; /* the last write's fault, 0: it worked */
};

static const struct sb_core *core_of;

void store_init(const struct sb_core *core)
{
	core_of = core;
}

static void destroy(void *self)
{
	struct store *store = self;

	pool_free(store->pool);
	manifest_free(store->manifest);
	plug_fini(&store->plug);
	free(store);
}

static int32_t create(struct sb_host *host, const struct sb_descriptor *descriptor, void **self)
{
	struct store *store = calloc(1, sizeof(*store));
	int32_t r;

	(void)descriptor;
	if (!store)
		return -ENOMEM;
	r = plug_init(&store->plug, core_of, host);
	if (r < 0) {
		free(store);
		return r;
	}
	*self = store;
	return 0;
}

static int32_t configure(void *self, const struct sb_config *config)
{
	struct store *store = self;
	return plug_configure(&store->plug, config);
}

/* ---- health: what is wrong now, the worst first */

static void tell_health(const struct store *store)
{
	struct manifest_sums sums;
	int32_t trouble = store->trouble;

	manifest_sums(store->manifest, &sums);
	if (trouble < 0)
		plug_health(&store->plug, SB_HEALTH_DOWN, "blocks cannot be written: %s",
		            sb_strerror(trouble));
	else if (sums.damaged)
		plug_health(&store->plug, SB_HEALTH_DEGRADED,
		            "%llu blocks are damaged: restore them from a backup",
		            (unsigned long long)sums.damaged);
	else if (store->set_aside)
		plug_health(&store->plug, SB_HEALTH_DEGRADED,
		            "%u damaged or foreign files were set aside as .bad in %s",
		            store->set_aside, store->plug.dir);
	else
		plug_health(&store->plug, SB_HEALTH_OK, "%llu blocks",
		            (unsigned long long)sums.blocks);
}

static void on_tick(void *ud)
{
	struct store *store = ud;
	/* Their pages were many and small: tell the allocator that they are not needed any more. */
	if (pool_trim(store->pool, store->plug.core->now_ns(SB_CLOCK_MONOTONIC) - IDLE_NS))
		(void)malloc_trim(0);
}

static int32_t start(void *self)
{
	struct store *store = self;
	struct manifest_sums sums;
	int32_t r;

	if (mkdir(store->plug.dir, 0700) < 0 && errno != EEXIST)
		return plug_fail(&store->plug, -errno, "cannot make %s: %s", store->plug.dir,
		                 strerror(errno));
	r = manifest_new(&store->manifest);
	if (r == 0)
		r = pool_new(&store->pool);
	if (r == 0)
		r = manifest_load(store->manifest, &store->plug, &store->set_aside);
	if (r == SB_E_ABI)
		return r;
	if (r < 0)
		return plug_fail(&store->plug, r, "cannot read the blocks in %s: %s",
		                 store->plug.dir, sb_strerror(r));
	manifest_sums(store->manifest, &sums);
	plug_say(&store->plug, SB_LOG_INFO, "%llu blocks, %llu bytes",
	         (unsigned long long)sums.blocks, (unsigned long long)sums.bytes);
	tell_health(store);
	return store->plug.loop->timer(store->plug.host, TICK_NS, TICK_NS, on_tick, store,
	                               &store->timer);
}

static int32_t drain(void *self, int64_t deadline_ns)
{
	(void)self;
	(void)deadline_ns;
	return 0;
}

/* Blocks and connections stay until destroy: a query may still be reading. */
static void stop(void *self)
{
	struct store *store = self;

	if (store->timer)
		store->plug.loop->timer_cancel(store->plug.host, store->timer);
	store->timer = 0;
}

/* ---- "sb.store/1" */

/* The block and what it replaces, in one moment. How many those were, or a fault. */
static int32_t put_block(struct store *store, const struct sb_block *spec, sb_dropped_fn fn,
                         void *ud)
{
	struct block *block = NULL;
	int32_t r = build_block(store->plug.dir, spec, &block);
	int32_t n;

	if (r < 0)
		return r;
	if (r > 0) {
		n = manifest_remove_like(store->manifest, block, fn, ud);
		block_unref(block);
	} else {
		n = manifest_replace(store->manifest, block, fn, ud);
		if (n < 0) {
			atomic_store(&block->dropped, true);
			block_unref(block);
		}
	}
	/* Connections that idle would keep the files. */
	if (n > 0)
		(void)pool_trim(store->pool, INT64_MAX);
	return n;
}

static int32_t write_block(void *self, const struct sb_block *spec, sb_store_done_fn done, void *ud)
{
	struct store *store = self;
	int32_t r = put_block(store, spec, NULL, NULL);

	r = r > 0 ? 0 : r;
	if (r != store->trouble) {
		store->trouble = r;
		tell_health(store);
	}
	if (r < 0)
		(void)plug_fail(&store->plug, r, "cannot write a block: %s", sb_strerror(r));
	if (done)
		done(ud, r);
	return r;
}

static int32_t replace(void *self, const struct sb_block *spec, sb_dropped_fn fn, void *ud)
{
	return spec->level ? put_block(self, spec, fn, ud) : SB_E_RANGE;
}

static int32_t scan(void *self, const struct sb_scan *q, sb_chunk_fn fn, void *ud)
{
	struct store *store = self;
	struct snapshot *snapshot = manifest_snapshot(store->manifest);
	struct merge merge = {
		.plug = &store->plug,
		.pool = store->pool,
		.snapshot = snapshot,
		.scan = q,
		.fn = fn,
		.ud = ud,
	};
	int32_t r = merge_run(&merge);

	snapshot_unref(snapshot);
	if (merge.damaged)
		tell_health(store);
	return r;
}

static int32_t stats(void *self, struct sb_store_stats *out)
{
	struct store *store = self;
	struct manifest_sums sums;

	manifest_sums(store->manifest, &sums);
	out->blocks = sums.blocks;
	out->bytes = sums.bytes;
	out->chunks = sums.chunks;
	out->seq_durable = sums.seq_durable;
	out->t_min_ns = sums.t_min_ns;
	out->t_max_ns = sums.t_max_ns;
	return 0;
}

static int32_t drop(void *self, const struct sb_drop *order, sb_dropped_fn fn, void *ud)
{
	struct store *store = self;
	int32_t n = manifest_drop(store->manifest, order, fn, ud);

	/* Connections that idle would keep the files. */
	if (n > 0)
		(void)pool_trim(store->pool, INT64_MAX);
	return n;
}

static int32_t drop_before(void *self, struct sb_str class_, int64_t ts_ns)
{
	struct store *store = self;
	const struct sb_drop order = {
		.size = sizeof(order),
		.class_ = class_,
		.before_ns = ts_ns,
		.bytes = UINT64_MAX,
	};
	int32_t n = class_.n ? drop(self, &order, NULL, NULL) : 0;

	if (n > 0)
		plug_say(&store->plug, SB_LOG_INFO, "retention: %d blocks of class %.*s dropped", n,
		         (int)class_.n, class_.p);
	return n < 0 ? n : 0;
}

static int32_t blocks(void *self, sb_block_fn fn, void *ud)
{
	struct store *store = self;
	struct snapshot *s = manifest_snapshot(store->manifest);
	int32_t r = 0;

	for (size_t i = 0; i < s->n && r >= 0; i++) {
		struct sb_block_info info = { .size = sizeof(info) };
		block_tell(s->blocks[i], &info);
		r = fn(ud, &info);
	}
	snapshot_unref(s);
	return r < 0 ? r : 0;
}

static int32_t read_block(void *self, struct sb_str name, uint32_t from_stream, sb_chunk_fn fn,
                          void *ud)
{
	struct store *store = self;
	struct block *block = manifest_find(store->manifest, name);
	bool was_damaged;
	int32_t r;

	if (!block)
		return SB_E_NOT_FOUND;
	was_damaged = atomic_load(&block->damaged);
	r = merge_block(store->pool, &store->plug, block, from_stream, fn, ud);
	if (!was_damaged && atomic_load(&block->damaged))
		tell_health(store);
	block_unref(block);
	return r;
}

static int32_t set_aside(void *self, struct sb_str name, sb_dropped_fn fn, void *ud)
{
	struct store *store = self;
	struct block *block = manifest_find(store->manifest, name);
	int32_t r;

	if (!block)
		return SB_E_NOT_FOUND;
	r = manifest_set_aside(store->manifest, block, fn, ud);
	if (r == 0) {
		plug_say(&store->plug, SB_LOG_ERROR, "block %s is set aside as .bad", block->path);
		store->set_aside++;
		(void)pool_trim(store->pool, INT64_MAX);
		tell_health(store);
	}
	block_unref(block);
	return r;
}

static int32_t copy(void *self, const struct sb_copy *order)
{
	struct store *store = self;
	struct snapshot *snapshot = manifest_snapshot(store->manifest);
	int32_t r = copyout_run(&store->plug, snapshot, order);

	snapshot_unref(snapshot);
	return r;
}

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
	.copy = copy,
};

static const void *ext(void *self, const char *id)
{
	(void)self;
	return strcmp(id, "sb.store/1") == 0 ? &table : NULL;
}

const struct sb_ops store_ops = {
	.size = sizeof(store_ops),
	.create = create,
	.configure = configure,
	.start = start,
	.drain = drain,
	.stop = stop,
	.destroy = destroy,
	.ext = ext,
};
