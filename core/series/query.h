/* Answers a query from blocks and head, in bounded memory. */
#pragma once
#include <stdint.h>

#include "series/catalog.h"
#include "series/source.h"

struct pass_from;
struct series_query;

/* Where a series lies: a column for each type it ever had. */
struct query_wants {
	struct source_want at[SERIES_TYPES];
	uint32_t n;
};

/* bounds of what there is: nothing lies outside of [first, last]. */
int query_run(const struct pass_from *from, const struct series_query *q, int64_t first_ns,
              int64_t last_ns);
/* All columns of a series, cut to a range, both ends included. */
struct query_wants query_wants(const struct series *s, int64_t from_ns, int64_t last_ns);
/* Points of [from_ns, last_ns] in order of time, of whatever type; non-zero from fn stops and is
 * returned. */
typedef int (*query_point_fn)(void *ud, const struct series_point *p);
int query_points(const struct pass_from *from, const struct series *s, int64_t from_ns,
                 int64_t last_ns, query_point_fn fn, void *ud);
/* The same, the newest first. */
int query_points_back(const struct pass_from *from, const struct series *s, int64_t from_ns,
                      int64_t last_ns, query_point_fn fn, void *ud);
