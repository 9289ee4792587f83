#include "series/bucket.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/own.h"
#include "series/column.h"
#include "series/numeric.h"

#define HOLDS (SERIES_AREA | SERIES_STATES)

void bucket_init(struct bucket *b, int64_t width_ns, bucket_fn fn, void *ud)
{
	memset(b, 0, sizeof(*b));
	b->grid = (struct grid){ .unit = GRID_NS, .n = width_ns };
	b->fn = fn;
	b->ud = ud;
	b->from_ns = INT64_MIN;
	b->last_ns = b->now_ns = INT64_MAX;
}

void bucket_fini(struct bucket *b)
{
	buffer_fini(&b->first_blob);
	buffer_fini(&b->last_blob);
	buffer_fini(&b->held_blob);
	sketch_fini(&b->sketch);
	states_fini(&b->states);
}

int64_t bucket_begin(int64_t ts_ns, int64_t width_ns)
{
	return grid_cell(&(struct grid){ .unit = GRID_NS, .n = width_ns }, ts_ns).begin_ns;
}

bool bucket_enough(uint32_t want, const struct bucket_summary *s)
{
	if ((want & SERIES_INCREASE) && !(isfinite(s->min) && isfinite(s->max)))
		return false;
	return !(want & ~s->has) || s->count == 1 || s->min == s->max;
}

/* Keeps a point together with its text. */
static int edge_set(struct series_point *edge, struct buffer *blob, const struct series_point *p)
{
	*edge = *p;
	if (!column_is_blob(p->type))
		return 0;
	buffer_reset(blob);
	buffer_give(blob, p->v.blob.p, p->v.blob.n);
	if (blob->bad) {
		buffer_fini(blob);
		return -ENOMEM;
	}
	edge->v.blob = (struct sb_bytes){ blob->p, blob->n };
	return 0;
}

/* ---- what holds */

/* The held value is counted up to a moment; inside: between two points of this bucket. */
static int hold(struct bucket *b, int64_t to_ns, bool inside)
{
	double v;
	if (!(b->want & HOLDS) || !b->holds || to_ns <= b->held_ns)
		return 0;
	int64_t ns = to_ns - b->held_ns;
	b->held_ns = to_ns;
	if (b->want & SERIES_STATES) {
		int r = states_add(&b->states, &b->held, ns);
		if (r < 0)
			return r;
	}
	if (!(b->want & SERIES_AREA) || !numeric_of(&b->held, &v) || isnan(v))
		return 0;
	*(inside ? &b->b.area : &b->b.edge_area) += v * (double)ns;
	b->b.held_ns += ns;
	b->held_min = fmin(b->held_min, v);
	b->held_max = fmax(b->held_max, v);
	return 0;
}

static int held_set(struct bucket *b, const struct series_point *p)
{
	if (!(b->want & HOLDS))
		return 0;
	if ((b->want & SERIES_STATES) && b->holds && !states_same(&b->held, p))
		b->b.transitions++;
	b->holds = true;
	b->held_ns = p->ts_ns;
	return edge_set(&b->held, &b->held_blob, p);
}

int bucket_carry(struct bucket *b, const struct series_point *number,
                 const struct series_point *held, int64_t from_ns)
{
	b->has_number = number != NULL;
	if (number)
		b->number = *number;
	b->holds = held != NULL;
	b->held_ns = from_ns;
	return held ? edge_set(&b->held, &b->held_blob, held) : 0;
}

/* ---- from bucket to bucket */

static void finish(struct bucket *b)
{
	struct series_bucket *out = &b->b;
	if (!b->numbers)
		out->min = out->max = out->sum = (double)NAN;
	out->time_mean = (double)NAN;
	if (out->held_ns) {
		double mean = (out->area + out->edge_area) / (double)out->held_ns;
		out->time_mean = fmin(fmax(mean, b->held_min), b->held_max);
	}
	for (uint32_t i = 0; i < b->n_quantiles && (b->want & SERIES_QUANTILES); i++)
		out->quantiles[i] = sketch_quantile(&b->sketch, b->quantiles[i]);
	out->states = states_list(&b->states);
	out->n_states = b->states.n;
	out->other_ns = b->states.other_ns;
	int64_t begin = MAX(b->cell.begin_ns, b->from_ns);
	int64_t last = MIN(b->cell.last_ns, b->last_ns);
	if (begin < b->now_ns && b->now_ns <= last)
		last = b->now_ns - 1;
	uint64_t span = (uint64_t)last - (uint64_t)begin;
	out->span_ns = last < begin ? 0 : span >= INT64_MAX ? INT64_MAX : (int64_t)span + 1;
}

int bucket_end(struct bucket *b)
{
	if (!b->open)
		return 0;
	b->open = false;
	finish(b);
	return b->fn(b->ud, &b->b);
}

static void open_cell(struct bucket *b, int64_t ts)
{
	b->cell = grid_cell(&b->grid, ts);
	b->open = true;
	b->numbers = 0;
	b->counted = false;
	b->b = (struct series_bucket){ .t_ns = b->cell.begin_ns,
		                       .last_ns = b->cell.last_ns,
		                       .min = (double)INFINITY,
		                       .max = (double)-INFINITY };
	b->b.first.ts_ns = INT64_MAX;
	b->b.last.ts_ns = INT64_MIN;
	b->held_min = (double)INFINITY;
	b->held_max = (double)-INFINITY;
	if (b->want & SERIES_STATES)
		states_reset(&b->states);
	if (b->want & SERIES_QUANTILES)
		sketch_reset(&b->sketch);
}

/* The open bucket goes, with what held to its end, and those in which nothing came but something
 * held; all of them begin before ts. */
static int go_on(struct bucket *b, int64_t ts)
{
	double v;
	bool fills = b->holds &&
	             ((b->want & SERIES_STATES) ||
	              ((b->want & SERIES_AREA) && numeric_of(&b->held, &v) && !isnan(v)));
	int r = 0;
	if (fills && !b->open && b->held_ns < ts)
		open_cell(b, b->held_ns);
	while (r == 0 && b->open && b->cell.last_ns < ts) {
		int64_t next = b->cell.last_ns + 1;
		r = hold(b, next, false);
		if (r == 0)
			r = bucket_end(b);
		if (r == 0 && fills && next < ts)
			open_cell(b, next);
	}
	return r;
}

static int go_to(struct bucket *b, int64_t ts)
{
	if (b->open && ts <= b->cell.last_ns && ts >= b->cell.begin_ns)
		return 0;
	int r = go_on(b, ts);
	if (r == 0 && !b->open)
		open_cell(b, ts);
	return r;
}

int bucket_end_at(struct bucket *b, int64_t end_ns)
{
	int r = go_on(b, end_ns);
	if (r == 0 && b->open)
		r = hold(b, end_ns, false);
	return r ? r : bucket_end(b);
}

/* ---- in */

static int edges_set(struct bucket *b, const struct series_point *first,
                     const struct series_point *last)
{
	int r = 0;
	if (first->ts_ns <= b->b.first.ts_ns)
		r = edge_set(&b->b.first, &b->first_blob, first);
	if (r >= 0 && last->ts_ns >= b->b.last.ts_ns)
		r = edge_set(&b->b.last, &b->last_blob, last);
	return r;
}

/* What is not finite counts nothing. */
static void number_set(struct bucket *b, const struct bucket_summary *s)
{
	if (!(b->want & SERIES_INCREASE) || !isfinite(s->min) || !isfinite(s->max))
		return;
	if (b->has_number)
		*(b->counted ? &b->b.increase : &b->b.step) += numeric_grown(&b->number, &s->first);
	b->counted = true;
	if (s->has & SERIES_INCREASE)
		b->b.increase += s->increase;
	b->has_number = true;
	b->number = s->last;
}

static int numbers_add(struct bucket *b, const struct bucket_summary *s)
{
	number_set(b, s);
	b->numbers += s->count;
	b->b.count += s->count;
	b->b.min = fmin(b->b.min, s->min);
	b->b.max = fmax(b->b.max, s->max);
	b->b.sum += s->sum;
	return b->want & SERIES_QUANTILES ? sketch_add(&b->sketch, s->min, s->count) : 0;
}

static int point_add(struct bucket *b, const struct series_point *p)
{
	double v;
	if (!numeric_of(p, &v)) {
		b->b.count++;
		return 0;
	}
	if (isnan(v))
		return 0;
	return numbers_add(b, &(struct bucket_summary){ .count = 1,
	                                                .min = v,
	                                                .max = v,
	                                                .sum = v,
	                                                .first = *p,
	                                                .last = *p });
}

int bucket_point(struct bucket *b, const struct series_point *p)
{
	int r = go_to(b, p->ts_ns);
	if (r == 0)
		r = hold(b, p->ts_ns, b->b.first.type != SB_T_NULL);
	if (r == 0)
		r = held_set(b, p);
	if (r == 0)
		r = point_add(b, p);
	return r ? r : edges_set(b, p, p);
}

/* All of a summary's time: its values are equal, or their area is known. */
static int hold_summary(struct bucket *b, const struct bucket_summary *s)
{
	bool area = (s->has & SERIES_AREA) && !(b->want & SERIES_STATES);
	int r = hold(b, s->first.ts_ns, b->b.first.type != SB_T_NULL);
	if (r == 0)
		r = held_set(b, &s->first);
	if (r == 0 && !area)
		r = hold(b, s->last.ts_ns, true);
	if (r || !(b->want & HOLDS))
		return r;
	if (area) {
		b->b.area += s->area;
		b->b.held_ns += s->last.ts_ns - s->first.ts_ns;
		b->held_min = fmin(b->held_min, s->min);
		b->held_max = fmax(b->held_max, s->max);
	}
	b->held_ns = s->last.ts_ns;
	return edge_set(&b->held, &b->held_blob, &s->last);
}

int bucket_add(struct bucket *b, const struct bucket_summary *s)
{
	int r = go_to(b, s->first.ts_ns);
	if (r == 0)
		r = hold_summary(b, s);
	if (r == 0)
		r = numbers_add(b, s);
	return r ? r : edges_set(b, &s->first, &s->last);
}
