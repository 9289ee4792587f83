#include "promql/aggregate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "promql/arena.h"
#include "promql/eval.h"
#include "promql/index.h"
#include "promql/labels.h"
#include "promql/promql.h"

struct one { /* a value of a group at a step */
	double v;
	uint32_t member; /* of the operand */
};

struct groups {
	struct eval *ev;
	const struct node *node;
	struct value in, param;
	struct index index;  /* labels of groups */
	uint32_t *members;   /* of the operand, those of a group side by side */
	uint32_t *begins;    /* by group, one more at the end */
	struct one *now;     /* values of the group in hand */
	double *values;      /* the same, alone */
	uint32_t *picked_at; /* by member: 1 + its series in out, for topk */
};

/* ---- reducing */

static int by_value(const void *a, const void *b) /* NaN first */
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	if (isnan(x) || isnan(y))
		return !!isnan(y) - !!isnan(x);
	return (x > y) - (x < y);
}

double aggregate_quantile(double q, double *values, uint32_t n)
{
	if (n == 0 || isnan(q))
		return (double)NAN;
	if (q < 0)
		return -(double)INFINITY;
	if (q > 1)
		return (double)INFINITY;
	qsort(values, n, sizeof(*values), by_value);
	double rank = q * (n - 1);
	double lower = MAX(0, floor(rank));
	double upper = MIN(n - 1, lower + 1);
	double weight = rank - floor(rank);
	return values[(uint32_t)lower] * (1 - weight) + values[(uint32_t)upper] * weight;
}

static double sum(const double *v, uint32_t n)
{
	double all = v[0];
	for (uint32_t i = 1; i < n; i++)
		all += v[i];
	return all;
}

static double mean(const double *v, uint32_t n)
{
	double m = v[0];
	for (uint32_t i = 1; i < n; i++) {
		double count = i + 1;
		if (isinf(m)) {
			bool same = isinf(v[i]) && (m > 0) == (v[i] > 0);
			if (same || isfinite(v[i]))
				continue;
		}
		m += v[i] / count - m / count;
	}
	return m;
}

static double variance(const double *v, uint32_t n)
{
	double m = v[0];
	double squares = 0;
	for (uint32_t i = 1; i < n; i++) {
		double delta = v[i] - m;
		m += delta / (i + 1);
		squares += delta * (v[i] - m);
	}
	return squares / n;
}

static double extreme(const double *v, uint32_t n, double sign)
{
	double best = v[0];
	for (uint32_t i = 1; i < n; i++)
		if (sign * v[i] > sign * best || isnan(best))
			best = v[i];
	return best;
}

static double reduce(enum aggregate kind, double *v, uint32_t n, double param)
{
	switch (kind) {
	case AGGREGATE_SUM:
		return sum(v, n);
	case AGGREGATE_AVG:
		return mean(v, n);
	case AGGREGATE_MIN:
		return extreme(v, n, -1);
	case AGGREGATE_MAX:
		return extreme(v, n, 1);
	case AGGREGATE_COUNT:
		return n;
	case AGGREGATE_GROUP:
		return 1;
	case AGGREGATE_STDDEV:
		return sqrt(variance(v, n));
	case AGGREGATE_STDVAR:
		return variance(v, n);
	case AGGREGATE_QUANTILE:
		return aggregate_quantile(param, v, n);
	case AGGREGATE_TOPK:
	case AGGREGATE_BOTTOMK:
	case AGGREGATE_COUNT_VALUES:
		break;
	}
	return value_absent();
}

/* ---- groups */

static const struct labels *group_labels(struct groups *g, const struct labels *labels)
{
	const struct names_list *names = &g->node->names;
	struct labels_draft draft;
	labels_begin(&draft, g->node->without ? labels : NULL);
	for (uint32_t i = 0; i < names->n; i++)
		labels_set(&draft, names->names[i],
		           g->node->without ? SB_STR("") : labels_get(labels, names->names[i]));
	if (g->node->without)
		labels_set(&draft, SB_STR("__name__"), SB_STR(""));
	return labels_make(&draft, g->ev->budget->arena);
}

/* Counting sort of members by group. */
static int groups_sort(struct groups *g, const uint32_t *group_of)
{
	uint32_t n = g->in.vector.n;
	g->begins = calloc(g->index.n + 2, sizeof(*g->begins));
	g->members = calloc(n + 1, sizeof(*g->members));
	g->now = calloc(n + 1, sizeof(*g->now));
	g->values = calloc(n + 1, sizeof(*g->values));
	g->picked_at = calloc(n + 1, sizeof(*g->picked_at));
	if (!g->begins || !g->members || !g->now || !g->values || !g->picked_at)
		return eval_no_memory(g->ev);
	for (uint32_t i = 0; i < n; i++)
		g->begins[group_of[i] + 2]++;
	for (uint32_t i = 2; i < g->index.n + 2; i++)
		g->begins[i] += g->begins[i - 1];
	for (uint32_t i = 0; i < n; i++)
		g->members[g->begins[group_of[i] + 1]++] = i;
	return 0;
}

static int groups_make(struct groups *g)
{
	uint32_t n = g->in.vector.n;
	_own_(freep) uint32_t *group_of = calloc(n + 1, sizeof(*group_of));
	if (!group_of)
		return eval_no_memory(g->ev);
	for (uint32_t i = 0; i < n; i++) {
		const struct labels *labels = group_labels(g, g->in.vector.series[i].labels);
		int64_t at = labels ? index_of(&g->index, labels) : -1;
		if (at < 0)
			return eval_no_memory(g->ev);
		group_of[i] = (uint32_t)at;
	}
	return groups_sort(g, group_of);
}

static void groups_fini(struct groups *g)
{
	value_fini(g->ev, &g->in);
	value_fini(g->ev, &g->param);
	index_fini(&g->index);
	free(g->members);
	free(g->begins);
	free(g->now);
	free(g->values);
	free(g->picked_at);
}

/* What a group has at a step. */
static uint32_t gather(struct groups *g, uint32_t group, uint32_t step)
{
	uint32_t n = 0;
	for (uint32_t i = g->begins[group]; i < g->begins[group + 1]; i++) {
		uint32_t member = g->members[i];
		double v = g->in.vector.series[member].v[step];
		if (value_is_absent(v))
			continue;
		g->now[n] = (struct one){ v, member };
		g->values[n++] = v;
	}
	return n;
}

static int plain_group(struct groups *g, uint32_t group, struct value *out)
{
	struct vector_series *into = value_add(g->ev, out, g->index.sets[group]);
	if (!into)
		return -1;
	for (uint32_t step = 0; step < g->ev->n; step++) {
		uint32_t n = gather(g, group, step);
		double param = g->param.scalar ? g->param.scalar[step] : 0;
		if (n)
			into->v[step] = reduce(g->node->aggregate, g->values, n, param);
		if (eval_spend(g->ev, 1 + g->begins[group + 1] - g->begins[group]) < 0)
			return -1;
	}
	return 0;
}

/* ---- topk, bottomk */

static int falling(const void *a, const void *b) /* NaN last */
{
	double x = ((const struct one *)a)->v;
	double y = ((const struct one *)b)->v;
	if (isnan(x) || isnan(y))
		return !!isnan(x) - !!isnan(y);
	return (x < y) - (x > y);
}

static int rising(const void *a, const void *b)
{
	double x = ((const struct one *)a)->v;
	double y = ((const struct one *)b)->v;
	return isnan(x) || isnan(y) ? falling(a, b) : falling(b, a);
}

static int pick(struct groups *g, uint32_t step, const struct one *one, struct value *out)
{
	uint32_t *at = &g->picked_at[one->member];
	if (!*at) {
		if (!value_add(g->ev, out, g->in.vector.series[one->member].labels))
			return -1;
		*at = out->vector.n;
	}
	out->vector.series[*at - 1].v[step] = one->v;
	return 0;
}

static int picked_group(struct groups *g, uint32_t group, struct value *out)
{
	bool top = g->node->aggregate == AGGREGATE_TOPK;
	for (uint32_t step = 0; step < g->ev->n; step++) {
		double k = g->param.scalar[step];
		uint32_t n = gather(g, group, step);
		if (!(fabs(k) < 9.2e18))
			return eval_fail(g->ev, "scalar value %g overflows int64", k);
		qsort(g->now, n, sizeof(g->now[0]), top ? falling : rising);
		for (uint32_t i = 0; i < n && i + 1 <= k; i++)
			if (pick(g, step, &g->now[i], out) < 0)
				return -1;
		if (eval_spend(g->ev, 1 + g->begins[group + 1] - g->begins[group]) < 0)
			return -1;
	}
	return 0;
}

/* ---- count_values */

static int count_one(struct groups *g, uint32_t group, uint32_t step, double v, struct value *out)
{
	struct arena *a = g->ev->budget->arena;
	struct labels_draft draft;
	char text[33];
	size_t n = isfinite(v) ? text_f64(text, v) : 0;
	struct sb_str label = n          ? sb_str_of(text, n)
	                      : isnan(v) ? SB_STR("NaN")
	                      : v > 0    ? SB_STR("+Inf")
	                                 : SB_STR("-Inf");
	labels_begin(&draft, g->index.sets[group]);
	labels_set(&draft, g->param.text, arena_copy(a, label));
	const struct labels *labels = labels_make(&draft, a);
	if (!labels)
		return eval_no_memory(g->ev);
	for (uint32_t i = 0; i < out->vector.n; i++)
		if (labels_compare(out->vector.series[i].labels, labels) == 0) {
			double *at = &out->vector.series[i].v[step];
			*at = value_is_absent(*at) ? 1 : *at + 1;
			return 0;
		}
	struct vector_series *s = value_add(g->ev, out, labels);
	if (!s)
		return -1;
	s->v[step] = 1;
	return 0;
}

static int counted_group(struct groups *g, uint32_t group, struct value *out)
{
	if (!parse_is_label(g->param.text))
		return eval_fail(g->ev, "invalid label name in count_values");
	for (uint32_t step = 0; step < g->ev->n; step++) {
		uint32_t n = gather(g, group, step);
		for (uint32_t i = 0; i < n; i++)
			if (count_one(g, group, step, g->values[i], out) < 0 ||
			    eval_check(g->ev) < 0)
				return -1;
	}
	return 0;
}

int aggregate_eval(struct eval *ev, const struct node *node, struct value *out)
{
	struct groups g = { .ev = ev, .node = node };
	int r = eval_node(ev, node->left, &g.in);
	*out = (struct value){ .type = VALUE_VECTOR };
	if (r == 0 && node->right)
		r = eval_node(ev, node->right, &g.param);
	if (r == 0)
		r = groups_make(&g);
	for (uint32_t i = 0; i < g.index.n && r == 0; i++) {
		if (node->aggregate == AGGREGATE_TOPK || node->aggregate == AGGREGATE_BOTTOMK)
			r = picked_group(&g, i, out);
		else if (node->aggregate == AGGREGATE_COUNT_VALUES)
			r = counted_group(&g, i, out);
		else
			r = plain_group(&g, i, out);
	}
	groups_fini(&g);
	return r;
}
