#include "series/tierout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/kinds.h>

#include "base/own.h"
#include "series/blocks.h"
#include "series/digest.h"
#include "series/month.h"

struct tierout_item {
	enum tier tier;
	int32_t month;
	uint32_t stream;
	uint32_t n;
	int64_t t_min_ns, t_max_ns;
	size_t offset;
};

void tierout_fini(struct tierout *o)
{
	free(o->items);
	buffer_fini(&o->bytes);
	*o = (struct tierout){ 0 };
}

int tierout_add(struct tierout *o, const struct digest_chunk *c)
{
	if (o->n == o->cap) {
		size_t cap = o->cap ? 2 * o->cap : 1024;
		struct tierout_item *items = realloc(o->items, cap * sizeof(*items));
		if (!items)
			return -ENOMEM;
		o->items = items;
		o->cap = cap;
	}
	o->items[o->n] = (struct tierout_item){ .tier = c->tier,
		                                .month = month_of(c->t_min_ns),
		                                .stream = c->stream,
		                                .n = (uint32_t)c->data.n,
		                                .t_min_ns = c->t_min_ns,
		                                .t_max_ns = c->t_max_ns,
		                                .offset = o->bytes.n };
	buffer_give(&o->bytes, c->data.p, c->data.n);
	if (o->bytes.bad)
		return -ENOMEM;
	o->n++;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct tierout_item *x = a;
	const struct tierout_item *y = b;
	if (x->tier != y->tier)
		return x->tier < y->tier ? -1 : 1;
	if (x->month != y->month)
		return x->month < y->month ? -1 : 1;
	if (x->stream != y->stream)
		return x->stream < y->stream ? -1 : 1;
	return (x->t_min_ns > y->t_min_ns) - (x->t_min_ns < y->t_min_ns);
}

static int32_t chunk_next(void *ud, struct sb_chunk *out)
{
	struct tierout *o = ud;
	if (o->at == o->end)
		return 0;
	const struct tierout_item *i = &o->items[o->at++];
	*out = (struct sb_chunk){ .stream = tier_stream(i->tier, i->stream),
		                  .rows = 1 + (uint32_t)((i->t_max_ns - i->t_min_ns) /
		                                         tier_width(i->tier)),
		                  .t_min_ns = i->t_min_ns,
		                  .t_max_ns = i->t_max_ns,
		                  .data = { o->bytes.p + i->offset, i->n } };
	return 1;
}

/* Items [begin, end) are of one tier and month. */
static int block_write(struct tierout *o, const struct blocks *blocks, size_t begin, uint64_t seq)
{
	const char *class_ = tier_class(o->items[begin].tier);
	struct sb_block block = {
		.size = sizeof(block),
		.class_ = sb_str_of(class_, strlen(class_)),
		.seq_min = seq,
		.seq_max = seq,
		.t_min_ns = o->items[begin].t_min_ns,
		.t_max_ns = o->items[begin].t_max_ns,
		.next = chunk_next,
		.ud = o,
	};
	for (size_t i = begin; i < o->end; i++) {
		block.t_min_ns = MIN(block.t_min_ns, o->items[i].t_min_ns);
		block.t_max_ns = MAX(block.t_max_ns, o->items[i].t_max_ns);
	}
	o->at = begin;
	return blocks_write(blocks, &block);
}

int tierout_write(struct tierout *o, const struct blocks *blocks, uint64_t seq)
{
	size_t done = 0;
	int r = 0;
	if (o->n)
		qsort(o->items, o->n, sizeof(*o->items), compare);
	while (done < o->n && r >= 0) {
		const struct tierout_item *first = &o->items[done];
		o->end = done;
		while (o->end < o->n && o->items[o->end].tier == first->tier &&
		       o->items[o->end].month == first->month)
			o->end++;
		r = block_write(o, blocks, done, ++seq);
		if (r >= 0)
			done = o->end;
	}
	if (done)
		memmove(o->items, o->items + done, (o->n - done) * sizeof(*o->items));
	o->n -= done;
	if (!o->n)
		buffer_reset(&o->bytes);
	return r;
}
