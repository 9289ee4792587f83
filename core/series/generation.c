#include "series/generation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/own.h"
#include "model/row.h"

/* A row is found by block << UNIT_BITS | offset in units of 4 bytes; 0 is none, because block 0
 * does not exist. A row that is larger than a block has one of its own, from the offset 0. */
enum {
	BLOCK_BYTES = 256 * 1024,
	UNIT = 4,
	UNIT_BITS = 16,
	BLOCKS = 1 << 16,
	PAGE_STREAMS = 1024,
	PAGES = GENERATION_STREAMS / PAGE_STREAMS,
};

struct node { /* at the beginning of each row; aligned to a unit */
	uint32_t older;
	uint32_t n;
	uint32_t base_low, base_high;
	uint8_t bytes[];
};

struct slot {                  /* a stream */
	_Atomic uint32_t last; /* its newest row; 0: none */
	uint32_t points, late; /* the writer's */
};

struct page {
	struct slot at[PAGE_STREAMS];
};

struct generation_index {
	struct page *_Atomic at[PAGES];
};

struct generation_blocks {
	void *_Atomic at[BLOCKS];
};

int generation_new(struct generation **out)
{
	struct generation *g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	g->refs = 1;
	/* Addresses only: the kernel gives memory to what is written. */
	g->index = calloc(1, sizeof(*g->index));
	g->blocks = calloc(1, sizeof(*g->blocks));
	g->used = BLOCK_BYTES;
	g->t_min = INT64_MAX;
	g->t_max = INT64_MIN;
	if (!g->index || !g->blocks) {
		generation_unref(g);
		return -ENOMEM;
	}
	*out = g;
	return 0;
}

struct generation *generation_ref(struct generation *g)
{
	atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
	return g;
}

static size_t block_size(const void *block)
{
	size_t n = sizeof(struct node) + ((const struct node *)block)->n;
	return MAX(n, (size_t)BLOCK_BYTES);
}

struct generation *generation_unref(struct generation *g)
{
	if (!g || atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) > 1)
		return NULL;
	for (uint32_t i = 0; g->index && i < PAGES; i++)
		free(g->index->at[i]);
	for (uint32_t i = 1; g->blocks && i <= g->n_blocks; i++)
		(void)munmap(g->blocks->at[i], block_size(g->blocks->at[i]));
	free(g->index);
	free(g->blocks);
	free(g);
	return NULL;
}

static struct node *node_at(const struct generation *g, uint32_t at)
{
	uint8_t *block = atomic_load_explicit(&g->blocks->at[at >> UNIT_BITS],
	                                      memory_order_acquire);
	return (struct node *)(void *)(block + (size_t)(at & ((1u << UNIT_BITS) - 1)) * UNIT);
}

static int64_t base_of(const struct node *node)
{
	return (int64_t)((uint64_t)node->base_high << 32 | node->base_low);
}

static struct slot *slot_find(const struct generation *g, uint32_t stream)
{
	if (stream >= GENERATION_STREAMS)
		return NULL;
	struct page *page = atomic_load_explicit(&g->index->at[stream / PAGE_STREAMS],
	                                         memory_order_acquire);
	return page ? &page->at[stream % PAGE_STREAMS] : NULL;
}

/* ---- the writer */

static struct slot *slot_get(struct generation *g, uint32_t stream)
{
	struct slot *slot = slot_find(g, stream);
	if (slot)
		return slot;
	struct page *page = calloc(1, sizeof(*page));
	if (!page)
		return NULL;
	atomic_store_explicit(&g->index->at[stream / PAGE_STREAMS], page, memory_order_release);
	atomic_fetch_add_explicit(&g->bytes, sizeof(*page), memory_order_relaxed);
	return &page->at[stream % PAGE_STREAMS];
}

/* Mapped, not from the heap: a generation gives back all it had when it ends. */
static int block_add(struct generation *g, size_t bytes)
{
	if (g->n_blocks + 1 >= BLOCKS)
		return -ENOMEM;
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -ENOMEM;
	atomic_store_explicit(&g->blocks->at[++g->n_blocks], p, memory_order_release);
	g->used = 0;
	return 0;
}

int generation_add(struct generation *g, const struct row *row, int64_t base_ns,
                   struct sb_bytes bytes)
{
	size_t n = (sizeof(struct node) + bytes.n + UNIT - 1) / UNIT * UNIT;
	if (row->stream == 0 || row->stream >= GENERATION_STREAMS || bytes.n > UINT32_MAX / 2)
		return SB_E_RANGE;
	struct slot *slot = slot_get(g, row->stream);
	if (!slot)
		return -ENOMEM;
	if (g->used + n > BLOCK_BYTES) {
		int r = block_add(g, MAX(n, (size_t)BLOCK_BYTES));
		if (r < 0)
			return r;
	}
	uint32_t at = g->n_blocks << UNIT_BITS | g->used / UNIT;
	struct node *node = node_at(g, at);
	node->older = slot->last;
	node->n = (uint32_t)bytes.n;
	node->base_low = (uint32_t)base_ns;
	node->base_high = (uint32_t)((uint64_t)base_ns >> 32);
	memcpy(node->bytes, bytes.p, bytes.n);
	slot->points += row->n;
	slot->late += row->flags & SB_P_LATE ? row->n : 0;
	g->used += (uint32_t)MIN(n, (size_t)BLOCK_BYTES);
	if (row->ts_ns < g->t_min)
		g->t_min = row->ts_ns;
	if (row->ts_ns > g->t_max)
		g->t_max = row->ts_ns;
	atomic_store_explicit(&slot->last, at, memory_order_release);
	atomic_fetch_add_explicit(&g->rows, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&g->bytes, n, memory_order_relaxed);
	return 0;
}

uint32_t generation_place(const struct generation *g)
{
	return (g->n_blocks << UNIT_BITS) + g->used / UNIT;
}

/* ---- readers */

void generation_count(const struct generation *g, uint32_t stream, uint32_t *points, uint32_t *late)
{
	const struct slot *slot = slot_find(g, stream);
	*points = slot ? slot->points : 0;
	*late = slot ? slot->late : 0;
}

uint32_t generation_stream(const struct generation *g, uint32_t from)
{
	for (uint32_t i = from; i < GENERATION_STREAMS;) {
		const struct slot *slot = slot_find(g, i);
		if (!slot)
			i = (i / PAGE_STREAMS + 1) * PAGE_STREAMS;
		else if (slot->last)
			return i;
		else
			i++;
	}
	return 0;
}

void generation_get(const struct generation *g, uint32_t at, struct row *out)
{
	const struct node *node = node_at(g, at);
	struct cursor c = cursor_of(node->bytes, node->n);
	/* It has been taken from these very bytes before. */
	if (row_take(&c, base_of(node), out) < 0)
		out->n = 0;
}

void generation_rows_fini(struct generation_rows *rows)
{
	free(rows->p);
	memset(rows, 0, sizeof(*rows));
}

static int rows_push(struct generation_rows *rows, int64_t ts, uint32_t at)
{
	if (rows->n == rows->cap) {
		size_t cap = rows->cap ? 2 * rows->cap : 64;
		struct generation_row *p = realloc(rows->p, cap * sizeof(*p));
		if (!p)
			return -ENOMEM;
		rows->p = p;
		rows->cap = cap;
	}
	rows->p[rows->n++] = (struct generation_row){ ts, at };
	return 0;
}

/* Places in memory grow with time of arrival. */
static int rows_compare(const void *a, const void *b)
{
	const struct generation_row *x = a;
	const struct generation_row *y = b;
	if (x->ts_ns != y->ts_ns)
		return x->ts_ns < y->ts_ns ? -1 : 1;
	return x->at < y->at ? -1 : 1;
}

static void rows_order(struct generation_row *p, size_t n)
{
	bool sorted = true;
	for (size_t i = 0; i < n / 2; i++) {
		struct generation_row t = p[i];
		p[i] = p[n - 1 - i];
		p[n - 1 - i] = t;
	}
	for (size_t i = 1; i < n && sorted; i++)
		sorted = p[i - 1].ts_ns <= p[i].ts_ns;
	if (!sorted)
		qsort(p, n, sizeof(*p), rows_compare);
}

int generation_gather(const struct generation *g, uint32_t stream, int column, int64_t from_ns,
                      int64_t last_ns, struct generation_rows *out)
{
	const struct slot *slot = slot_find(g, stream);
	const uint64_t wanted = column < 0 ? UINT64_MAX : 1ULL << column;
	const struct node *node;
	struct row_head head;
	size_t before = out->n;
	uint32_t at = slot ? atomic_load_explicit(&slot->last, memory_order_acquire) : 0;
	for (; at; at = node->older) {
		node = node_at(g, at);
		struct cursor c = cursor_of(node->bytes, node->n);
		if (row_peek(&c, base_of(node), &head) < 0 || head.ts_ns < from_ns ||
		    head.ts_ns > last_ns || !(head.columns & wanted))
			continue;
		int r = rows_push(out, head.ts_ns, at);
		if (r < 0)
			return r;
	}
	if (out->n > before)
		rows_order(out->p + before, out->n - before);
	return 0;
}
