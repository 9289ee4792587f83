#include "series/states.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "series/column.h"
#include "series/numeric.h"

void states_fini(struct states *s)
{
	buffer_fini(&s->texts);
	*s = (struct states){ 0 };
}

void states_reset(struct states *s)
{
	buffer_reset(&s->texts);
	s->n = s->found = 0;
	s->other_ns = 0;
}

bool states_same(const struct series_point *a, const struct series_point *b)
{
	double x;
	double y;
	if (a->type == b->type && !column_is_blob(a->type) && a->v.u == b->v.u)
		return true;
	if ((a->type == SB_T_BOOL) != (b->type == SB_T_BOOL))
		return false;
	if (numeric_of(a, &x) && numeric_of(b, &y))
		return x == y || (isnan(x) && isnan(y));
	return a->type == b->type && column_is_blob(a->type) && a->v.blob.n == b->v.blob.n &&
	       (!a->v.blob.n || memcmp(a->v.blob.p, b->v.blob.p, a->v.blob.n) == 0);
}

static bool is_at(const struct states *s, uint32_t i, const struct series_point *value)
{
	struct series_point p = s->list[i].value;
	if (column_is_blob(p.type))
		p.v.blob.p = s->texts.p + s->text_at[i];
	return states_same(&p, value);
}

static int append(struct states *s, const struct series_point *value)
{
	size_t at = s->texts.n;
	if (column_is_blob(value->type))
		buffer_give(&s->texts, value->v.blob.p, value->v.blob.n);
	if (s->texts.bad) {
		buffer_fini(&s->texts);
		s->n = 0;
		return -ENOMEM;
	}
	s->list[s->n] = (struct series_state){ .value = *value };
	s->text_at[s->n] = at;
	s->found = s->n++;
	return 0;
}

int states_add(struct states *s, const struct series_point *value, int64_t held_ns)
{
	if (s->n == 0 || !is_at(s, s->found, value)) {
		uint32_t i = 0;
		while (i < s->n && !is_at(s, i, value))
			i++;
		if (i == STATES_MAX) {
			s->other_ns += held_ns;
			return 0;
		}
		s->found = i;
		int r = i == s->n ? append(s, value) : 0;
		if (r < 0)
			return r;
	}
	s->list[s->found].held_ns += held_ns;
	return 0;
}

static int by_time_held(const void *a, const void *b)
{
	int64_t x = ((const struct series_state *)a)->held_ns;
	int64_t y = ((const struct series_state *)b)->held_ns;
	return (x < y) - (x > y);
}

const struct series_state *states_list(struct states *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (column_is_blob(s->list[i].value.type))
			s->list[i].value.v.blob.p = s->texts.p + s->text_at[i];
	if (s->n)
		qsort(s->list, s->n, sizeof(s->list[0]), by_time_held);
	return s->list;
}
