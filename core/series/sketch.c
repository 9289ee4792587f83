#include "series/sketch.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"

/* Counter i holds what is in (g^(i-1), g^i], g = (1 + error) / (1 - error): the middle of it, which
 * stands for all of them, is off by the error at most. */
static double log_step(void)
{
	return log1p(2 * SKETCH_ERROR / (1 - SKETCH_ERROR));
}

void sketch_fini(struct sketch *s)
{
	free(s->items);
	for (int i = 0; i < 2; i++)
		free(s->sides[i].counts);
	*s = (struct sketch){ 0 };
}

void sketch_reset(struct sketch *s)
{
	for (int i = 0; i < 2; i++)
		if (s->sides[i].counts)
			memset(s->sides[i].counts, 0, s->sides[i].n * sizeof(uint64_t));
	s->n = s->zeros = s->infinite[0] = s->infinite[1] = 0;
	s->n_items = 0;
}

/* Room for counter i; a little more on the side it grows to. */
static int side_room(struct sketch_side *side, int32_t i)
{
	if (side->n && i >= side->first && i < side->first + (int32_t)side->n)
		return 0;
	int32_t low = side->n ? MIN(i, side->first) : i;
	int32_t end = side->n ? MAX(i + 1, side->first + (int32_t)side->n) : i + 1;
	int32_t more = (int32_t)MAX(32U, side->n / 2);
	low -= side->n && low == side->first ? 0 : more;
	end += side->n && end == side->first + (int32_t)side->n ? 0 : more;
	uint64_t *counts = calloc((size_t)(end - low), sizeof(*counts));
	if (!counts)
		return -ENOMEM;
	if (side->n)
		memcpy(counts + (side->first - low), side->counts, side->n * sizeof(*counts));
	free(side->counts);
	*side = (struct sketch_side){ low, (uint32_t)(end - low), counts };
	return 0;
}

static int count_add(struct sketch *s, double v, uint64_t count)
{
	if (v == 0) {
		s->zeros += count;
		return 0;
	}
	struct sketch_side *side = &s->sides[v > 0];
	if (isinf(v)) {
		s->infinite[v > 0] += count;
		return 0;
	}
	int32_t i = (int32_t)ceil(log(fabs(v)) / log_step());
	int r = side_room(side, i);
	if (r >= 0)
		side->counts[i - side->first] += count;
	return r;
}

static int spread(struct sketch *s)
{
	int r = 0;
	for (uint32_t i = 0; i < s->n_items && r >= 0; i++)
		r = count_add(s, s->items[i].v, s->items[i].count);
	s->n_items = UINT32_MAX; /* no longer exact */
	return r;
}

int sketch_add(struct sketch *s, double v, uint64_t count)
{
	s->min = s->n ? fmin(s->min, v) : v;
	s->max = s->n ? fmax(s->max, v) : v;
	s->n += count;
	if (!s->items) {
		s->items = malloc(SKETCH_EXACT * sizeof(*s->items));
		if (!s->items)
			return -ENOMEM;
	}
	if (s->n_items == SKETCH_EXACT) {
		int r = spread(s);
		if (r < 0)
			return r;
	}
	if (s->n_items > SKETCH_EXACT)
		return count_add(s, v, count);
	if (s->n_items && s->items[s->n_items - 1].v == v)
		s->items[s->n_items - 1].count += count;
	else
		s->items[s->n_items++] = (struct sketch_item){ v, count };
	return 0;
}

/* ---- asking */

static int by_value(const void *a, const void *b)
{
	double x = ((const struct sketch_item *)a)->v;
	double y = ((const struct sketch_item *)b)->v;
	return (x > y) - (x < y);
}

static double exact(struct sketch *s, uint64_t place)
{
	qsort(s->items, s->n_items, sizeof(*s->items), by_value);
	uint32_t i = 0;
	for (; i + 1 < s->n_items && place > s->items[i].count; i++)
		place -= s->items[i].count;
	return s->items[i].v;
}

static double middle(int32_t i)
{
	return exp(i * log_step() + log1p(-SKETCH_ERROR));
}

/* True: the place is among so many; else it is counted from behind them. */
static bool among(uint64_t *place, uint64_t count)
{
	if (*place <= count)
		return true;
	*place -= count;
	return false;
}

static double counted(const struct sketch *s, uint64_t place)
{
	const struct sketch_side *minus = &s->sides[0];
	const struct sketch_side *plus = &s->sides[1];
	if (among(&place, s->infinite[0]))
		return (double)-INFINITY;
	for (uint32_t i = minus->n; i > 0; i--)
		if (among(&place, minus->counts[i - 1]))
			return -middle(minus->first + (int32_t)i - 1);
	if (among(&place, s->zeros))
		return 0;
	for (uint32_t i = 0; i < plus->n; i++)
		if (among(&place, plus->counts[i]))
			return middle(plus->first + (int32_t)i);
	return (double)INFINITY;
}

double sketch_quantile(struct sketch *s, double q)
{
	if (!s->n)
		return (double)NAN;
	double place = ceil(q * (double)s->n);
	uint64_t at = place < 1 ? 1 : place >= (double)s->n ? s->n : (uint64_t)place;
	if (s->n_items <= SKETCH_EXACT)
		return exact(s, at);
	double v = counted(s, at);
	return fmin(fmax(v, s->min), s->max);
}
