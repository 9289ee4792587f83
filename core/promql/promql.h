/* PromQL: parses a query and evaluates it over samples that a source gives, within limits. Knows
 * nothing of devices, storage or HTTP. A query is one thread's. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "promql/arena.h"
#include "promql/error.h"
#include "promql/parse.h"
#include "promql/value.h"

struct labels;

#define PROMQL_LOOKBACK_MS 300000 /* how old a sample may be that counts as now */
#define PROMQL_STEPS_MAX   11000  /* of one answer */
#define PROMQL_AHEAD       64     /* series that are announced at once */

struct promql_source {
	/* Calls found() for every series that matches and may have samples between the two times,
	 * once each. Labels in the arena. 0, or what found() answered, or a fault. */
	int (*select)(void *ud, struct arena *a, const struct node *selector, const int64_t ms[2],
	              int (*found)(void *ud, const struct labels *labels, void *series),
	              void *found_ud);
	/* Samples from ms[0] to ms[1], both included, in order of time, until sample() answers
	 * something else than 0. 0, or a fault. */
	int (*read)(void *ud, void *series, const int64_t ms[2],
	            int (*sample)(void *ud, int64_t ms, double v), void *sample_ud);
	/* These are read next, in this time, most of it. May be NULL. */
	void (*ahead)(void *ud, void *const *series, uint32_t n, const int64_t ms[2]);
	void *ud;
};

struct promql_limits {
	uint32_t max_series;           /* of one selector */
	uint64_t max_values;           /* of everything that is in memory at once, 8 bytes each */
	uint64_t max_samples;          /* read in all */
	size_t max_bytes;              /* of labels and everything else */
	int64_t until_ns;              /* monotonic; INT64_MAX: never */
	const _Atomic bool *cancelled; /* NULL: never */
};

struct promql_query {
	struct sb_str text;
	int64_t start_ms, end_ms, step_ms; /* step 0: one moment, start */
	const struct promql_source *source;
	const struct promql_limits *limits;
};

struct promql_sample {
	int64_t ms;
	double v;
};

struct promql_answer { /* zero before promql_run() */
	struct arena arena;
	struct value value;
	bool is_instant;
	uint32_t n_steps;
	uint64_t samples; /* that were read */
	struct error error;
};

/* 0, or -1 and answer->error. */
int promql_run(const struct promql_query *query, struct promql_answer *answer);
void promql_end(struct promql_answer *answer);
