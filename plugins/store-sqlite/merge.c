#include "merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "block.h"
#include "manifest.h"
#include "plug.h"
#include "pool.h"

#define NS_PER_MS 1000000

/* A block while one of its streams is being read. */
struct source {
	struct block *block;
	struct pooled *conn;
	struct sb_chunk chunk; /* the next one to be handed out */
};

struct run {
	struct merge *merge;
	struct block *
		*blocks; /* that could have something, by t_min_ns; borrowed from the snapshot */
	size_t n_blocks;
	struct source *open; /* [n_blocks] */
	size_t n_open;
};

static bool is_wanted(const struct block *b, const struct sb_scan *scan)
{
	if (!block_overlaps(b, scan->from_ns, scan->to_ns) ||
	    b->facts.stream_max < scan->streams[0] ||
	    b->facts.stream_min > scan->streams[scan->n_streams - 1])
		return false;
	return !scan->class_.n || (strlen(b->facts.class_) == scan->class_.n &&
	                           memcmp(b->facts.class_, scan->class_.p, scan->class_.n) == 0);
}

static int64_t now_of(const struct run *run)
{
	return run->merge->plug->core->now_ns(SB_CLOCK_MONOTONIC);
}

/* ---- one block */

static void give_back(struct run *run, struct source *s)
{
	pool_give(run->merge->pool, s->conn, now_of(run));
	s->conn = NULL;
}

static void say_damaged(const struct plug *plug, struct block *block)
{
	if (!atomic_exchange(&block->damaged, true))
		plug_say(plug, SB_LOG_ERROR,
		         "block %s is damaged: what can be read of it is served", block->path);
}

/* A damaged page costs what is on it, and a missing file what was in it; everything else is still
 * served, and people are told. */
static int32_t on_fault(struct run *run, struct source *s, int32_t r)
{
	pool_close(s->conn);
	s->conn = NULL;
	if (r != SB_E_CORRUPT && r != -ENOENT)
		return r;
	run->merge->damaged++;
	say_damaged(run->merge->plug, s->block);
	return 0;
}

static bool is_in_range(const struct sb_scan *scan, const struct sb_chunk *c)
{
	return c->t_min_ns < scan->to_ns && c->t_max_ns >= scan->from_ns;
}

static void read_row(struct source *s)
{
	sqlite3_stmt *row = s->conn->chunks;
	int64_t key = sqlite3_column_int64(row, 0);
	int64_t ms = (key & UINT32_MAX) + s->block->facts.epoch_ms;

	s->chunk.t_min_ns = ms * NS_PER_MS + sqlite3_column_int64(row, 1);
	s->chunk.t_max_ns = s->chunk.t_min_ns + sqlite3_column_int64(row, 2);
	s->chunk.rows = (uint32_t)sqlite3_column_int64(row, 3);
	s->chunk.data.p = sqlite3_column_blob(row, 4);
	s->chunk.data.n = (size_t)sqlite3_column_bytes(row, 4);
}

/* To the next chunk in range; s->conn is NULL at the end. */
static int32_t advance(struct run *run, struct source *s)
{
	int rc;

	while ((rc = sqlite3_step(s->conn->chunks)) == SQLITE_ROW) {
		read_row(s);
		if (is_in_range(run->merge->scan, &s->chunk))
			return 0;
	}
	if (rc != SQLITE_DONE)
		return on_fault(run, s, sql_fault(s->conn->db, rc));
	give_back(run, s);
	return 0;
}

static int32_t open_source(struct run *run, struct block *block, uint32_t stream)
{
	struct source *s = &run->open[run->n_open];
	int64_t base = (int64_t)stream << 32;
	int32_t r;

	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there is room for every block */
	*s = (struct source){ .block = block, .chunk = { .stream = stream } };
	r = pool_take(run->merge->pool, block, &s->conn);
	if (r < 0)
		return on_fault(run, s, r);
	(void)sqlite3_bind_int64(s->conn->chunks, 1, base);
	(void)sqlite3_bind_int64(s->conn->chunks, 2, base + UINT32_MAX + 1);
	r = advance(run, s);
	if (r == 0 && s->conn)
		run->n_open++;
	return r;
}

/* ---- all of them */

static bool is_before(const struct source *a, const struct source *b)
{
	if (a->chunk.t_min_ns != b->chunk.t_min_ns)
		return a->chunk.t_min_ns < b->chunk.t_min_ns;
	return a->block->facts.seq_max < b->block->facts.seq_max;
}

static struct source *earliest(struct run *run)
{
	struct source *best = NULL;

	for (size_t i = 0; i < run->n_open; i++) {
		if (!best || is_before(&run->open[i], best))
			best = &run->open[i];
	}
	return best;
}

/* Blocks are opened when the merge gets to where they begin, so that a scan over a year has few of
 * them open at a time. */
static int32_t open_due(struct run *run, uint32_t stream, size_t *next)
{
	int32_t r = 0;

	while (r == 0 && *next < run->n_blocks) {
		const struct source *first = earliest(run);
		struct block *block = run->blocks[*next];
		if (first && block->facts.t_min_ns > first->chunk.t_min_ns)
			break;
		++*next;
		if (stream >= block->facts.stream_min && stream <= block->facts.stream_max)
			r = open_source(run, block, stream);
	}
	return r;
}

static int32_t run_stream(struct run *run, uint32_t stream)
{
	struct merge *m = run->merge;
	size_t next = 0;

	for (;;) {
		int32_t r = open_due(run, stream, &next);
		struct source *s = earliest(run);

		if (r < 0 || !s)
			return r;
		r = m->fn(m->ud, &s->chunk, s->block->facts.seq_max);
		if (r >= 0)
			r = advance(run, s);
		if (r < 0)
			return r;
		if (!s->conn)
			*s = run->open[--run->n_open];
	}
}

int32_t merge_run(struct merge *merge)
{
	const struct snapshot *all = merge->snapshot;
	struct run run = { .merge = merge };
	int32_t r = 0;

	if (!merge->scan->n_streams || !all->n)
		return 0;
	run.blocks = calloc(all->n, sizeof(struct block *));
	run.open = calloc(all->n, sizeof(*run.open));
	if (!run.blocks || !run.open)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < all->n; i++) {
		if (is_wanted(all->blocks[i], merge->scan))
			run.blocks[run.n_blocks++] = all->blocks[i];
	}
	for (uint32_t i = 0; r == 0 && i < merge->scan->n_streams; i++)
		r = run_stream(&run, merge->scan->streams[i]);
	for (size_t i = 0; i < run.n_open; i++) {
		if (run.open[i].conn)
			give_back(&run, &run.open[i]);
	}
	free(run.blocks);
	free(run.open);
	return r;
}

/* ---- one block alone */

int32_t merge_block(struct pool *pool, const struct plug *plug, struct block *block,
                    uint32_t from_stream, sb_chunk_fn fn, void *ud)
{
	struct source s = { .block = block };
	int32_t r = pool_take(pool, block, &s.conn);
	int32_t told = 0;
	int rc = SQLITE_DONE;

	if (r == 0) {
		(void)sqlite3_bind_int64(s.conn->chunks, 1, (int64_t)from_stream << 32);
		(void)sqlite3_bind_int64(s.conn->chunks, 2, INT64_MAX);
		while (told >= 0 && (rc = sqlite3_step(s.conn->chunks)) == SQLITE_ROW) {
			int64_t key = sqlite3_column_int64(s.conn->chunks, 0);
			s.chunk.stream = (uint32_t)(key >> 32);
			read_row(&s);
			told = fn(ud, &s.chunk, block->facts.seq_max);
		}
		r = sql_fault(s.conn->db, rc);
		if (r < 0)
			pool_close(s.conn);
		else
			pool_give(pool, s.conn, plug->core->now_ns(SB_CLOCK_MONOTONIC));
	}
	if (r == SB_E_CORRUPT || r == -ENOENT || r == -EIO)
		say_damaged(plug, block);
	return told < 0 ? told : r == -ENOENT ? SB_E_CORRUPT : r;
}
