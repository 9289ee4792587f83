#include "promql/promql.h"

#include <stdlib.h>

#include "promql/eval.h"
#include "promql/labels.h"
#include "promql/parse.h"

static int by_labels(const void *a, const void *b)
{
	return labels_compare(((const struct vector_series *)a)->labels,
	                      ((const struct vector_series *)b)->labels);
}

static int check(const struct promql_query *q, const struct node *node, struct error *error)
{
	if (q->step_ms && (node->type == VALUE_MATRIX || node->type == VALUE_STRING))
		return error_set(error, PROMQL_BAD_DATA,
		                 "invalid expression type \"%s\" for range query, must be Scalar "
		                 "or instant Vector",
		                 value_type_names[node->type]);
	return 0;
}

int promql_run(const struct promql_query *q, struct promql_answer *answer)
{
	answer->arena.max = q->limits->max_bytes;
	struct budget budget = { .source = q->source,
		                 .limits = q->limits,
		                 .arena = &answer->arena,
		                 .error = &answer->error,
		                 .start_ms = q->start_ms,
		                 .end_ms = q->end_ms };
	struct eval ev = { &budget, q->start_ms, q->step_ms, 1 };
	const struct node *node = parse_query(&answer->arena, q->text, &answer->error);
	if (!node || check(q, node, &answer->error) < 0)
		return -1;
	if (q->step_ms)
		ev.n = (uint32_t)((q->end_ms - q->start_ms) / q->step_ms) + 1;
	answer->is_instant = q->step_ms == 0;
	answer->n_steps = ev.n;
	int r = eval_node(&ev, node, &answer->value);
	answer->samples = budget.samples;
	value_tidy(&ev, &answer->value);
	if (r == 0 && !answer->is_instant && answer->value.vector.n)
		qsort(answer->value.vector.series, answer->value.vector.n,
		      sizeof(struct vector_series), by_labels);
	return r < 0 ? -1 : 0;
}

void promql_end(struct promql_answer *answer)
{
	struct value *value = &answer->value;
	for (uint32_t i = 0; i < value->vector.n; i++) {
		free(value->vector.series[i].v);
		free(value->vector.series[i].samples);
	}
	free(value->vector.series);
	free(value->scalar);
	arena_fini(&answer->arena);
	*answer = (struct promql_answer){ 0 };
}
