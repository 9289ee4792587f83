#include "promql/eval.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/own.h"
#include "promql/aggregate.h"
#include "promql/binary.h"
#include "promql/function.h"
#include "promql/over.h"
#include "promql/promql.h"
#include "promql/selection.h"

#define CHECK_EVERY 4096

int eval_fail(struct eval *ev, const char *format, ...)
{
	char text[sizeof(ev->budget->error->text)];
	va_list ap;
	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return error_set(ev->budget->error, PROMQL_EXECUTION, "%s", text);
}

int eval_no_memory(struct eval *ev)
{
	return eval_fail(ev, "the query needs more than %zu MiB of memory; ask for fewer series",
	                 ev->budget->limits->max_bytes >> 20);
}

int eval_check(struct eval *ev)
{
	return eval_spend(ev, 1);
}

int eval_spend(struct eval *ev, uint32_t n)
{
	struct budget *b = ev->budget;
	if (b->error->fault != PROMQL_WELL)
		return -1;
	b->until_check -= n;
	if (b->until_check > 0)
		return 0;
	b->until_check = CHECK_EVERY;
	if (b->limits->cancelled && *b->limits->cancelled)
		return error_set(b->error, PROMQL_CANCELED, "the client is gone");
	if (clock_mono() >= b->limits->until_ns)
		return error_set(b->error, PROMQL_TIMEOUT,
		                 "the query takes too long; ask for a shorter time, fewer series "
		                 "or a longer step");
	return 0;
}

int64_t eval_time(const struct eval *ev, uint32_t step)
{
	return ev->first_ms + step * ev->step_ms;
}

int eval_charge(struct eval *ev, int64_t n)
{
	struct budget *b = ev->budget;
	b->values += (uint64_t)n;
	if (n < 0 || b->values <= b->limits->max_values)
		return 0;
	b->values -= (uint64_t)n;
	return eval_fail(ev,
	                 "the query holds more than %llu values in memory; ask for fewer series, "
	                 "a shorter time or a longer step",
	                 (unsigned long long)b->limits->max_values);
}

/* ---- nodes */

static int number(struct eval *ev, const struct node *node, struct value *out)
{
	if (value_scalar(ev, out) < 0)
		return -1;
	for (uint32_t i = 0; i < ev->n; i++)
		out->scalar[i] = node->number;
	return 0;
}

static int negate(struct eval *ev, const struct node *node, struct value *out)
{
	int r = eval_node(ev, node->left, out);
	if (r < 0)
		return r;
	for (uint32_t i = 0; out->scalar && i < ev->n; i++)
		out->scalar[i] = -out->scalar[i];
	for (uint32_t k = 0; k < out->vector.n; k++)
		for (uint32_t i = 0; i < ev->n; i++)
			if (!value_is_absent(out->vector.series[k].v[i]))
				out->vector.series[k].v[i] = -out->vector.series[k].v[i];
	return value_drop_names(ev, out);
}

static int math(struct eval *ev, const struct node *node, struct value *out)
{
	int r = eval_node(ev, node->args[0], out);
	for (uint32_t k = 0; r == 0 && k < out->vector.n; k++) {
		double *v = out->vector.series[k].v;
		for (uint32_t i = 0; i < ev->n; i++)
			if (!value_is_absent(v[i]))
				v[i] = node->function->math(v[i]);
		r = eval_check(ev);
	}
	return r < 0 ? r : value_drop_names(ev, out);
}

static int call(struct eval *ev, const struct node *node, struct value *out)
{
	if (node->function->over)
		return over_eval(ev, node, out);
	if (node->function->math)
		return math(ev, node, out);
	return node->function->call(ev, node, out);
}

int eval_node(struct eval *ev, const struct node *node, struct value *out)
{
	*out = (struct value){ 0 };
	if (eval_check(ev) < 0)
		return -1;
	switch (node->kind) {
	case NODE_NUMBER:
		return number(ev, node, out);
	case NODE_STRING:
		*out = (struct value){ .type = VALUE_STRING, .text = node->text };
		return 0;
	case NODE_SELECTOR:
		if (node->type == VALUE_VECTOR)
			return selection_vector(ev, node, false, out);
		return selection_matrix(ev, node, out);
	case NODE_SUBQUERY:
		return selection_matrix(ev, node, out);
	case NODE_NEGATE:
		return negate(ev, node, out);
	case NODE_BINARY:
		return binary_eval(ev, node, out);
	case NODE_AGGREGATE:
		return aggregate_eval(ev, node, out);
	case NODE_CALL:
		return call(ev, node, out);
	}
	return -1;
}
