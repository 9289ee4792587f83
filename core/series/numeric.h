/* A point's value as a number. */
#pragma once
#include <math.h>
#include <stdbool.h>

#include <signalbox/types.h>

#include "series/series.h"

/* False: it is a text. NaN is a number here. */
static inline bool numeric_of(const struct series_point *p, double *out)
{
	switch (p->type) {
	case SB_T_BOOL:
	case SB_T_I64:
		*out = (double)p->v.i;
		return true;
	case SB_T_U64:
		*out = (double)p->v.u;
		return true;
	case SB_T_F64:
		*out = p->v.f;
		return true;
	default:
		return false;
	}
}

static inline bool numeric_is_whole(const struct series_point *p)
{
	return p->type == SB_T_I64 || p->type == SB_T_U64;
}

/* What a counter counted from a number to the next. Whole numbers are subtracted as such. */
static inline double numeric_grown(const struct series_point *from, const struct series_point *to)
{
	double a = 0;
	double b = 0;
	(void)numeric_of(from, &a);
	(void)numeric_of(to, &b);
	if (from->type == to->type && numeric_is_whole(to)) {
		bool up = to->type == SB_T_U64 ? to->v.u >= from->v.u : to->v.i >= from->v.i;
		return up ? (double)(to->v.u - from->v.u) : fmax(b, 0);
	}
	return b >= a ? b - a : fmax(b, 0);
}
