/* What series are, and what can be asked of each. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct series;

enum aggregate {
	AGGREGATE_COUNT,
	AGGREGATE_MIN,
	AGGREGATE_MAX,
	AGGREGATE_MEAN,
	AGGREGATE_TIME_MEAN,
	AGGREGATE_SUM,
	AGGREGATE_FIRST,
	AGGREGATE_LAST,
	AGGREGATE_INCREASE,
	AGGREGATE_RATE,
	AGGREGATE_P50,
	AGGREGATE_P90,
	AGGREGATE_P95,
	AGGREGATE_P99,
	AGGREGATE_DURATION,
	AGGREGATE_TRANSITIONS,
	AGGREGATES
};

/* SB_KIND_*, never UNKNOWN: what was said, else by the types of its values. */
uint8_t kind_of(const struct series *s);
const char *kind_name(uint8_t kind);               /* "gauge"; "unknown" */
int kind_find(struct sb_str name);                 /* SB_KIND_*, or -1 */
int kind_aggregate(struct sb_str name);            /* AGGREGATE_*, or -1 */
const char *kind_aggregate_name(enum aggregate a); /* "time_mean" */
bool kind_fits(uint8_t kind, enum aggregate a);
char *kind_fitting(uint8_t kind, char *buf, size_t cap); /* "count, first, last"; returns buf */
/* What series_query.want has to be; *quantile is set, or left when it is none. */
uint32_t kind_want(enum aggregate a, double *quantile);
