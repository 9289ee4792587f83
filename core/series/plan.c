#include "series/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "series/blocks.h"
#include "series/month.h"
#include "series/numbers.h"
#include "series/tier.h"

#define DAY_NS (86400 * NS_PER_S)

struct filling {
	struct plan *plan;
	bool (*is_barred)(void *ud, struct sb_str name);
	void *ud;
};

void plan_fini(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->at[i].text);
	free(p->at);
	*p = (struct plan){ 0 };
}

/* ---- what there is */

/* Their chunks are not rows (tierchunk.h). */
static bool is_of_tier(struct sb_str class_)
{
	for (int tier = 0; tier < TIERS; tier++)
		if (text_is(class_, tier_class((enum tier)tier)))
			return true;
	return false;
}

static int32_t block_seen(void *ud, const struct sb_block_info *info)
{
	struct filling *f = ud;
	struct plan *p = f->plan;
	if (info->stream_max >= NUMBERS_MAX) /* of a tier: no rows are in it */
		return 0;
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 64;
		struct plan_block *at = realloc(p->at, cap * sizeof(*at));
		if (!at)
			return -ENOMEM;
		p->at = at;
		p->cap = cap;
	}
	struct plan_block *b = &p->at[p->n];
	*b = (struct plan_block){ .info = *info, .month = month_of(info->t_min_ns) };
	b->text = malloc(info->class_.n + info->name.n + 1);
	if (!b->text)
		return -ENOMEM;
	memcpy(b->text, info->class_.p, info->class_.n);
	memcpy(b->text + info->class_.n, info->name.p, info->name.n);
	b->info.class_.p = b->text;
	b->info.name.p = b->text + info->class_.n;
	b->barred = info->damaged || is_of_tier(info->class_) ||
	            (f->is_barred && f->is_barred(f->ud, info->name));
	p->n++;
	return 0;
}

static int class_compare(struct sb_str a, struct sb_str b)
{
	int c = memcmp(a.p, b.p, MIN(a.n, b.n));
	return c ? c : a.n < b.n ? -1 : a.n > b.n;
}

static int compare(const void *a, const void *b)
{
	const struct plan_block *x = a;
	const struct plan_block *y = b;
	int c = class_compare(x->info.class_, y->info.class_);
	if (c)
		return c;
	if (x->month != y->month)
		return x->month < y->month ? -1 : 1;
	if (x->info.seq_max != y->info.seq_max)
		return x->info.seq_max < y->info.seq_max ? -1 : 1;
	return x->info.seq_min < y->info.seq_min ? -1 : x->info.seq_min > y->info.seq_min;
}

int plan_fill(struct plan *p, const struct blocks *blocks,
              bool (*is_barred)(void *ud, struct sb_str name), void *ud)
{
	struct filling f = { p, is_barred, ud };
	int r = blocks_each(blocks, block_seen, &f);
	if (r >= 0 && p->n)
		qsort(p->at, p->n, sizeof(*p->at), compare);
	return r;
}

/* ---- which of them */

static bool is_of_one(const struct plan_block *a, const struct plan_block *b)
{
	return a->month == b->month && class_compare(a->info.class_, b->info.class_) == 0;
}

static void run_add(struct plan_run *run, const struct plan_block *b)
{
	const struct sb_block_info *i = &b->info;
	if (!run->n++) {
		run->first = b;
		run->seq_min = i->seq_min;
		run->t_min_ns = i->t_min_ns;
		run->t_max_ns = i->t_max_ns;
		run->stream_min = i->stream_min;
	}
	run->level = MAX(run->level, i->level + 1);
	run->seq_min = MIN(run->seq_min, i->seq_min);
	run->seq_max = MAX(run->seq_max, i->seq_max);
	run->t_min_ns = MIN(run->t_min_ns, i->t_min_ns);
	run->t_max_ns = MAX(run->t_max_ns, i->t_max_ns);
	run->stream_min = MIN(run->stream_min, i->stream_min);
	run->stream_max = MAX(run->stream_max, i->stream_max);
	run->bytes += i->bytes;
	run->rows += i->rows;
	run->last = i->last;
}

/* What a run would replace must be in it. */
static bool is_closed(const struct plan *p, const struct plan_run *run)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_block *b = &p->at[i];
		if ((b >= run->first && b < run->first + run->n) || !is_of_one(b, run->first))
			continue;
		if (b->info.seq_max == run->seq_max || b->info.seq_max == run->first->info.seq_max)
			return false; /* not to be told apart when they are read */
		if (b->info.level < run->level && b->info.seq_min >= run->seq_min &&
		    b->info.seq_max <= run->seq_max)
			return false;
	}
	return true;
}

/* Little gain is not worth writing something large again. */
static bool is_worth_it(const struct plan_run *run)
{
	uint64_t largest = 0;
	for (size_t i = 0; i < run->n; i++)
		largest = MAX(largest, run->first[i].info.bytes);
	return run->n >= 2 && run->bytes - largest >= largest / 4;
}

typedef bool (*take_fn)(const struct plan_block *b, int64_t before_ns);

/* The longest run from here on of blocks that are taken; less if that is not closed. */
static bool run_from(const struct plan *p, size_t from, const struct plan_rules *rules,
                     take_fn take, int64_t before_ns, size_t least, struct plan_run *out)
{
	struct plan_run run = { 0 };
	bool found = false;
	for (size_t i = from; i < p->n && run.n < rules->inputs; i++) {
		const struct plan_block *b = &p->at[i];
		if (b->barred || !is_of_one(b, &p->at[from]) || !take(b, before_ns))
			break;
		run_add(&run, b);
		if (run.bytes > rules->bytes || run.t_max_ns - run.t_min_ns > rules->span_ns)
			break;
		if (run.n < least || !is_worth_it(&run) || !is_closed(p, &run))
			continue;
		*out = run;
		found = true;
	}
	return found;
}

static bool is_flushed(const struct plan_block *b, int64_t before_ns)
{
	return b->info.level == 0 && b->info.t_max_ns < before_ns;
}

static bool is_before(const struct plan_block *b, int64_t before_ns)
{
	return b->info.t_max_ns < before_ns;
}

static bool is_of_finished_month(const struct plan_block *b, int64_t before_ns)
{
	return month_last(b->month) < before_ns;
}

bool plan_choose(const struct plan *p, const struct plan_rules *rules, struct plan_run *out)
{
	int64_t today = rules->now_ns - rules->now_ns % DAY_NS;
	const struct {
		take_fn take;
		int64_t before_ns;
		size_t least;
	} ways[] = {
		{ is_flushed, INT64_MAX, rules->few },
		{ is_flushed, today, 2 },
		{ is_before, today, rules->few },
		{ is_of_finished_month, today, 2 },
	};
	for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
		for (size_t i = 0; i < p->n; i++)
			if (run_from(p, i, rules, ways[way].take, ways[way].before_ns,
			             ways[way].least, out))
				return true;
	return false;
}

bool plan_alone(const struct plan *p, size_t i, struct plan_run *out)
{
	struct plan_run run = { 0 };
	while (i > 0 && is_of_one(&p->at[i - 1], &p->at[i]) &&
	       p->at[i - 1].info.seq_max == p->at[i].info.seq_max)
		i--;
	size_t from = i;
	for (; i < p->n && is_of_one(&p->at[i], &p->at[from]) &&
	       p->at[i].info.seq_max == p->at[from].info.seq_max;
	     i++) {
		if (p->at[i].barred)
			return false;
		run_add(&run, &p->at[i]);
	}
	*out = run;
	return is_closed(p, &run);
}
