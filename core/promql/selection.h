/* Samples of selectors and subqueries, window by window: each series is read once, from the oldest
 * to the newest sample, and only the samples of the window in hand are kept. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct eval;
struct labels;
struct node;
struct promql_sample;
struct value;

struct window { /* the samples of a range at one step, at least one */
	const struct promql_sample *s;
	uint32_t n;
	int64_t from_ms, to_ms; /* of the range, both included */
	int64_t now_ms;         /* of the step */
};

struct selection_use {
	int (*begin)(void *ud, const struct labels *labels); /* the next series */
	/* At this step of it; a step without samples is left out. */
	int (*step)(void *ud, uint32_t step, const struct window *window);
	void *ud;
};

/* Of a node that selects a matrix. -1: error set, or what a callback answered. */
int selection_run(struct eval *ev, const struct node *node, const struct selection_use *use);
/* The newest sample at each step; `times`: its time in seconds, not its value. */
int selection_vector(struct eval *ev, const struct node *node, bool times, struct value *out);
/* Samples themselves, for the one step of an instant query. */
int selection_matrix(struct eval *ev, const struct node *node, struct value *out);
