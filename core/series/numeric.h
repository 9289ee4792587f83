/* A point's value as a number. */
#pragma once
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
