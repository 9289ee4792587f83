/* What telemetry.query is asked for besides points: buckets, their zone, and what to tell of each.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "series/grid.h"
#include "series/kind.h"
#include "series/series.h"

struct call;
struct wire;
struct zone;

struct aggregates {
	bool buckets; /* else points */
	bool asked;   /* else what buckets always told: count, min, max, mean, first, last */
	enum aggregate list[AGGREGATES];
	uint32_t n;
	double quantiles[SERIES_QUANTILES_MAX];
	uint32_t n_quantiles;
	struct grid grid;
	struct zone *zone;
};

/* Parameters bucket, zone and aggregate; what is wrong is in the call's error. */
int aggregate_take(struct call *c, struct aggregates *out);
void aggregate_fini(struct aggregates *a);
/* What to ask of a series of this kind; with buckets only. */
void aggregate_ask(const struct aggregates *a, uint8_t kind, struct series_query *q);
/* The first that does not fit, or -1. */
int aggregate_unfit(const struct aggregates *a, uint8_t kind);
/* "mean does not fit a state series: count, first, ... do"; returns buf. */
char *aggregate_why(enum aggregate unfit, uint8_t kind, char *buf, size_t cap);
void aggregate_columns(const struct aggregates *a, struct wire *w); /* ["mean", "p95"] */
bool aggregate_is_empty(const struct aggregates *a, const struct series_bucket *b);
void aggregate_give(const struct aggregates *a, uint8_t kind, const struct series_bucket *b,
                    struct wire *w); /* [begin, ...] */
