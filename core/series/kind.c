#include "series/kind.h"

#include <stdio.h>
#include <string.h>

#include <signalbox/services.h>

#include "base/own.h"
#include "base/text.h"
#include "series/catalog.h"
#include "series/series.h"

enum {
	G = 1 << SB_KIND_GAUGE,
	C = 1 << SB_KIND_COUNTER,
	A = 1 << SB_KIND_ABSOLUTE,
	S = 1 << SB_KIND_STATE,
	T = 1 << SB_KIND_TEXT,
	E = 1 << SB_KIND_EVENT,
};

static const char *const kinds[] = {
	[SB_KIND_UNKNOWN] = "unknown",   [SB_KIND_GAUGE] = "gauge", [SB_KIND_COUNTER] = "counter",
	[SB_KIND_ABSOLUTE] = "absolute", [SB_KIND_STATE] = "state", [SB_KIND_TEXT] = "text",
	[SB_KIND_EVENT] = "event",
};

static const struct {
	const char *name;
	uint32_t fits; /* kinds */
	uint32_t want;
	double quantile;
} aggregates[AGGREGATES] = {
	[AGGREGATE_COUNT] = { "count", G | C | A | S | T | E, 0, 0 },
	[AGGREGATE_MIN] = { "min", G | C | A, 0, 0 },
	[AGGREGATE_MAX] = { "max", G | C | A, 0, 0 },
	[AGGREGATE_MEAN] = { "mean", G | A, 0, 0 },
	[AGGREGATE_TIME_MEAN] = { "time_mean", G, SERIES_AREA, 0 },
	[AGGREGATE_SUM] = { "sum", G | A, 0, 0 },
	[AGGREGATE_FIRST] = { "first", G | C | A | S | T | E, 0, 0 },
	[AGGREGATE_LAST] = { "last", G | C | A | S | T | E, 0, 0 },
	[AGGREGATE_INCREASE] = { "increase", C, SERIES_INCREASE, 0 },
	[AGGREGATE_RATE] = { "rate", C | A, SERIES_INCREASE, 0 },
	[AGGREGATE_P50] = { "p50", G | A, SERIES_QUANTILES, 0.5 },
	[AGGREGATE_P90] = { "p90", G | A, SERIES_QUANTILES, 0.9 },
	[AGGREGATE_P95] = { "p95", G | A, SERIES_QUANTILES, 0.95 },
	[AGGREGATE_P99] = { "p99", G | A, SERIES_QUANTILES, 0.99 },
	[AGGREGATE_DURATION] = { "duration", S, SERIES_STATES, 0 },
	[AGGREGATE_TRANSITIONS] = { "transitions", S, SERIES_STATES, 0 },
};

uint8_t kind_of(const struct series *s)
{
	const struct series_place *at = s->places;
	if (s->kind)
		return s->kind;
	if (at[SB_T_F64].stream || at[SB_T_I64].stream || at[SB_T_U64].stream)
		return SB_KIND_GAUGE;
	return at[SB_T_STR].stream || at[SB_T_BYTES].stream ? SB_KIND_TEXT : SB_KIND_STATE;
}

const char *kind_name(uint8_t kind)
{
	return kinds[kind < ARRAY_LEN(kinds) ? kind : SB_KIND_UNKNOWN];
}

int kind_find(struct sb_str name)
{
	for (size_t i = SB_KIND_GAUGE; i < ARRAY_LEN(kinds); i++)
		if (text_is(name, kinds[i]))
			return (int)i;
	return -1;
}

int kind_aggregate(struct sb_str name)
{
	for (int i = 0; i < AGGREGATES; i++)
		if (text_is(name, aggregates[i].name))
			return i;
	return -1;
}

const char *kind_aggregate_name(enum aggregate a)
{
	return aggregates[a].name;
}

bool kind_fits(uint8_t kind, enum aggregate a)
{
	return aggregates[a].fits & 1U << kind;
}

char *kind_fitting(uint8_t kind, char *buf, size_t cap)
{
	size_t n = 0;
	buf[0] = '\0';
	for (int a = 0; a < AGGREGATES && n < cap; a++)
		if (kind_fits(kind, (enum aggregate)a))
			n += (size_t)snprintf(buf + n, cap - n, "%s%s", n ? ", " : "",
			                      aggregates[a].name);
	return buf;
}

uint32_t kind_want(enum aggregate a, double *quantile)
{
	if (aggregates[a].want == SERIES_QUANTILES)
		*quantile = aggregates[a].quantile;
	return aggregates[a].want;
}
