/* Tiers: what is left of numbers when raw values are gone, one row a minute, hour or day. Their
 * chunks lie in blocks of a class of their own, under stream numbers of their own, so that nobody
 * who reads raw values meets them. */
#pragma once
#include <stdint.h>

#include "series/bucket.h"
#include "series/numbers.h"

enum tier { TIER_MINUTE, TIER_HOUR, TIER_DAY };
#define TIERS 3

#define TIER_DAY_NS 86400000000000LL

struct tier_row {
	int64_t t_ns;            /* where its period begins */
	struct bucket_summary s; /* count 0: nothing is there */
	/* while it is made */
	uint32_t descents; /* steps down from value to value */
	uint32_t lacks;    /* SERIES_*: cannot be told */
};

int64_t tier_width(enum tier tier);     /* ns; divides a day */
const char *tier_class(enum tier tier); /* "1m", "1h", "1d" */
int32_t tier_day(int64_t ts_ns);        /* days since 1970, UTC */
int64_t tier_day_begin(int32_t day);    /* ns, kept within what 64 bits can tell */
static inline uint32_t tier_stream(enum tier tier, uint32_t stream)
{
	return ((uint32_t)tier + 1) * NUMBERS_MAX + stream;
}
/* The next point of the period, of a number's type; NaN is none. */
void tier_add(struct tier_row *row, const struct series_point *p);
/* A row of the same period whose points all lie behind those of row. */
void tier_join(struct tier_row *row, const struct tier_row *later);
