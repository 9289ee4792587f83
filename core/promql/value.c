#include "promql/value.h"

#include <stdlib.h>

#include "base/own.h"
#include "promql/eval.h"
#include "promql/index.h"
#include "promql/labels.h"
#include "promql/promql.h"

int value_scalar(struct eval *ev, struct value *out)
{
	if (eval_charge(ev, ev->n) < 0)
		return -1;
	*out = (struct value){ .type = VALUE_SCALAR, .scalar = calloc(ev->n, sizeof(double)) };
	if (out->scalar)
		return 0;
	(void)eval_charge(ev, -(int64_t)ev->n);
	return eval_no_memory(ev);
}

struct vector_series *value_add(struct eval *ev, struct value *out, const struct labels *labels)
{
	struct vector *vec = &out->vector;
	if (vec->n == vec->cap) {
		uint32_t cap = MAX(2 * vec->cap, 16U);
		struct vector_series *p = realloc(vec->series, cap * sizeof(*p));
		if (!p) {
			eval_no_memory(ev);
			return NULL;
		}
		vec->series = p;
		vec->cap = cap;
	}
	if (eval_charge(ev, ev->n) < 0)
		return NULL;
	struct vector_series *s = &vec->series[vec->n];
	*s = (struct vector_series){ .labels = labels, .v = malloc(ev->n * sizeof(double)) };
	if (!s->v) {
		(void)eval_charge(ev, -(int64_t)ev->n);
		eval_no_memory(ev);
		return NULL;
	}
	for (uint32_t i = 0; i < ev->n; i++)
		s->v[i] = value_absent();
	vec->n++;
	return s;
}

static void series_fini(struct eval *ev, struct vector_series *s)
{
	if (s->v)
		(void)eval_charge(ev, -(int64_t)ev->n);
	(void)eval_charge(ev, -2 * (int64_t)s->n_samples);
	free(s->v);
	free(s->samples);
}

void value_fini(struct eval *ev, struct value *value)
{
	if (value->scalar)
		(void)eval_charge(ev, -(int64_t)ev->n);
	free(value->scalar);
	for (uint32_t i = 0; i < value->vector.n; i++)
		series_fini(ev, &value->vector.series[i]);
	free(value->vector.series);
	*value = (struct value){ 0 };
}

void value_tidy(struct eval *ev, struct value *value)
{
	struct vector *vec = &value->vector;
	uint32_t kept = 0;
	for (uint32_t k = 0; k < vec->n; k++) {
		bool some = vec->series[k].n_samples > 0;
		for (uint32_t i = 0; i < ev->n && !some; i++)
			some = !value_is_absent(vec->series[k].v[i]);
		if (some)
			vec->series[kept++] = vec->series[k];
		else
			series_fini(ev, &vec->series[k]);
	}
	vec->n = kept;
}

const struct labels *value_without_name(struct eval *ev, const struct labels *labels)
{
	struct labels_draft draft;
	if (!labels_get(labels, SB_STR("__name__")).n)
		return labels;
	labels_begin(&draft, labels);
	labels_set(&draft, SB_STR("__name__"), SB_STR(""));
	const struct labels *made = labels_make(&draft, ev->budget->arena);
	if (!made)
		eval_no_memory(ev);
	return made;
}

static int merge_two(struct eval *ev, struct vector_series *into, const struct vector_series *from)
{
	for (uint32_t i = 0; i < ev->n; i++) {
		if (value_is_absent(from->v[i]))
			continue;
		if (!value_is_absent(into->v[i]))
			return eval_fail(ev,
			                 "vector cannot contain metrics with the same labelset");
		into->v[i] = from->v[i];
	}
	return 0;
}

int value_merge(struct eval *ev, struct value *value)
{
	struct vector *vec = &value->vector;
	struct index ix = { 0 };
	uint32_t kept = 0;
	int r = 0;
	for (uint32_t i = 0; i < vec->n; i++) {
		int64_t at = r == 0 ? index_of(&ix, vec->series[i].labels) : kept;
		if (at < 0)
			r = eval_no_memory(ev);
		if (at < 0 || at == kept) {
			vec->series[kept++] = vec->series[i];
			continue;
		}
		r = merge_two(ev, &vec->series[at], &vec->series[i]);
		series_fini(ev, &vec->series[i]);
	}
	vec->n = kept;
	index_fini(&ix);
	return r;
}

int value_drop_names(struct eval *ev, struct value *value)
{
	for (uint32_t i = 0; i < value->vector.n; i++) {
		struct vector_series *s = &value->vector.series[i];
		s->labels = value_without_name(ev, s->labels);
		if (!s->labels) {
			s->labels = value->vector.series[0].labels;
			return -1;
		}
	}
	return value_merge(ev, value);
}
