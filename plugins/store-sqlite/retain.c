#include "retain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/kinds.h>

#include "block.h"
#include "manifest.h"

#define PATIENCE 8 /* rounds in which little goes, until more is looked at in each */

struct candidate {
	const struct block *block;
	size_t at; /* in the snapshot */
	bool may;  /* by class and age */
};

struct choice {
	struct candidate *all; /* by end */
	size_t n;
	uint64_t seq_staying; /* least of those that stay, so far */
	bool *go;
};

static void freep(void *p)
{
	free(*(void **)p);
}

static int by_end(const void *a, const void *b)
{
	const struct facts *x = &((const struct candidate *)a)->block->facts;
	const struct facts *y = &((const struct candidate *)b)->block->facts;

	if (x->t_max_ns != y->t_max_ns)
		return x->t_max_ns < y->t_max_ns ? -1 : 1;
	return x->seq_max < y->seq_max ? -1 : x->seq_max > y->seq_max;
}

static bool is_of(const struct block *b, struct sb_str class_)
{
	return class_.n == 0 || (strlen(b->facts.class_) == class_.n &&
	                         memcmp(b->facts.class_, class_.p, class_.n) == 0);
}

/* What a block corrects, in one that was written before it and stays, would be read again. */
static bool corrects_one_that_stays(const struct choice *c, const struct facts *f)
{
	if (f->seq_max <= c->seq_staying)
		return false;
	for (size_t i = 0; i < c->n; i++) {
		const struct facts *other = &c->all[i].block->facts;
		if (!c->go[c->all[i].at] && other->seq_max < f->seq_max &&
		    other->t_min_ns <= f->t_max_ns && other->t_max_ns >= f->t_min_ns &&
		    other->stream_min <= f->stream_max && other->stream_max >= f->stream_min)
			return true;
	}
	return false;
}

/* The first n go, but those that something behind them needs; from the last to the first, because
 * one that stays may need others before it. */
static int32_t settle(struct choice *c, size_t n)
{
	int32_t gone = 0;

	c->seq_staying = UINT64_MAX;
	for (size_t i = 0; i < c->n; i++) {
		bool goes = i < n && c->all[i].may;
		c->go[c->all[i].at] = goes;
		gone += goes;
		if (!goes && c->all[i].block->facts.seq_max < c->seq_staying)
			c->seq_staying = c->all[i].block->facts.seq_max;
	}
	for (bool again = true; again;) {
		again = false;
		for (size_t i = n; i-- > 0;) {
			const struct facts *f = &c->all[i].block->facts;
			if (!c->go[c->all[i].at] || !corrects_one_that_stays(c, f))
				continue;
			c->go[c->all[i].at] = false;
			if (f->seq_max < c->seq_staying)
				c->seq_staying = f->seq_max;
			gone--;
			again = true;
		}
	}
	return gone;
}

static uint64_t bytes_gone(const struct choice *c)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < c->n; i++)
		bytes += c->go[c->all[i].at] ? c->all[i].block->bytes : 0;
	return bytes;
}

/* How many of the first blocks bring so many bytes, if all of them go. */
static size_t enough(const struct choice *c, size_t from, uint64_t bytes, uint32_t most)
{
	size_t i = from;

	for (uint32_t n = 0; i < c->n && bytes && n < most; i++) {
		const struct block *b = c->all[i].block;
		if (!c->all[i].may)
			continue;
		bytes -= b->bytes < bytes ? b->bytes : bytes;
		n++;
	}
	return i;
}

int32_t retain_choose(const struct snapshot *s, const struct block *keep,
                      const struct sb_drop *drop, bool *go)
{
	_own_(freep) struct candidate *all = calloc(s->n + 1, sizeof(*all));
	struct choice c = { .all = all, .n = s->n, .go = go };
	uint32_t most = drop->most ? drop->most : UINT32_MAX;
	uint64_t have = 0;
	size_t n = 0;
	int32_t gone = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		const struct block *b = s->blocks[i];
		all[i] = (struct candidate){ b, i,
			                     b != keep && b->facts.t_max_ns < drop->before_ns &&
			                             is_of(b, drop->class_) };
	}
	qsort(all, c.n, sizeof(*all), by_end);
	for (int round = 0; n < c.n && have < drop->bytes && (uint32_t)gone < most; round++) {
		size_t step = round < PATIENCE ? 0 : n;
		n = enough(&c, n + step < c.n ? n + step : c.n, drop->bytes - have,
		           most - (uint32_t)gone);
		gone = settle(&c, n);
		have = bytes_gone(&c);
	}
	return gone;
}
