/* Evaluation: every node for all steps at once. What a file of this folder needs to take part. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "promql/error.h"
#include "promql/value.h"

struct arena;
struct node;
struct promql_limits;
struct promql_source;
struct promql_sample;

struct budget { /* of a whole query */
	const struct promql_source *source;
	const struct promql_limits *limits;
	struct arena *arena;
	struct error *error;
	uint64_t values, samples; /* in memory now; read so far */
	int64_t until_check;
	int64_t start_ms, end_ms; /* of the query, for @ start() and end() */
};

struct eval {
	struct budget *budget;
	int64_t first_ms, step_ms; /* of the steps */
	uint32_t n;
};

int eval_node(struct eval *ev, const struct node *node, struct value *out);
/* Always -1. */
int eval_fail(struct eval *ev, const char *format, ...) __attribute__((format(printf, 2, 3)));
int eval_no_memory(struct eval *ev);
/* -1: cancelled, or time is up. Cheap. spend: after so many small pieces of work. */
int eval_check(struct eval *ev);
int eval_spend(struct eval *ev, uint32_t n);
int64_t eval_time(const struct eval *ev, uint32_t step);
/* So many values more are held; give back with a negative n. */
int eval_charge(struct eval *ev, int64_t n);
