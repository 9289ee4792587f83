#include "promql/over.h"

#include <math.h>
#include <stdlib.h>

#include "promql/aggregate.h"
#include "promql/eval.h"
#include "promql/function.h"
#include "promql/promql.h"
#include "promql/selection.h"

/* Results must be those of Prometheus to the last digit, so that the order of its operations is
 * kept, also where another would do. */

/* ---- rate, increase, delta */

static double extrapolated(const struct window *w, bool counter, bool per_second)
{
	if (w->n < 2)
		return value_absent();
	const struct promql_sample *first = &w->s[0];
	const struct promql_sample *last = &w->s[w->n - 1];
	double result = last->v - first->v;
	for (uint32_t i = 1; counter && i < w->n; i++)
		if (w->s[i].v < w->s[i - 1].v)
			result += w->s[i - 1].v;
	double to_start = (double)(first->ms - w->from_ms) / 1000;
	double to_end = (double)(w->to_ms - last->ms) / 1000;
	double sampled = (double)(last->ms - first->ms) / 1000;
	double between = sampled / (double)(w->n - 1);
	if (counter && result > 0 && first->v >= 0) {
		/* A counter did not begin below zero. */
		double to_zero = sampled * (first->v / result);
		if (to_zero < to_start)
			to_start = to_zero;
	}
	double threshold = between * 1.1;
	double extrapolate = sampled;
	extrapolate += to_start < threshold ? to_start : between / 2;
	extrapolate += to_end < threshold ? to_end : between / 2;
	double factor = extrapolate / sampled;
	if (per_second)
		factor /= (double)(w->to_ms - w->from_ms) / 1000;
	return result * factor;
}

double over_rate(const struct window *w, const double *scalars)
{
	(void)scalars;
	return extrapolated(w, true, true);
}

double over_increase(const struct window *w, const double *scalars)
{
	(void)scalars;
	return extrapolated(w, true, false);
}

double over_delta(const struct window *w, const double *scalars)
{
	(void)scalars;
	return extrapolated(w, false, false);
}

double over_irate(const struct window *w, const double *scalars)
{
	(void)scalars;
	if (w->n < 2)
		return value_absent();
	const struct promql_sample *last = &w->s[w->n - 1];
	double result = last->v < last[-1].v ? last->v : last->v - last[-1].v;
	return result / ((double)(last->ms - last[-1].ms) / 1000);
}

double over_idelta(const struct window *w, const double *scalars)
{
	(void)scalars;
	if (w->n < 2)
		return value_absent();
	return w->s[w->n - 1].v - w->s[w->n - 2].v;
}

/* ---- sums that lose nothing on the way (Neumaier) */

struct exact {
	double sum, rest;
};

static void exact_add(struct exact *e, double v)
{
	double t = e->sum + v;
	if (fabs(e->sum) >= fabs(v))
		e->rest += (e->sum - t) + v;
	else
		e->rest += (v - t) + e->sum;
	e->sum = t;
}

static double exact_of(const struct exact *e)
{
	return e->sum + e->rest;
}

/* ---- lines through samples */

struct line {
	double slope, intercept;
};

static struct line line_through(const struct window *w, int64_t at_ms)
{
	struct exact x = { 0 };
	struct exact y = { 0 };
	struct exact xy = { 0 };
	struct exact x2 = { 0 };
	bool constant = true;
	double n = w->n;
	for (uint32_t i = 0; i < w->n; i++) {
		double dx = (double)(w->s[i].ms - at_ms) / 1e3;
		constant = constant && (i == 0 || w->s[i].v == w->s[0].v);
		exact_add(&x, dx);
		exact_add(&y, w->s[i].v);
		exact_add(&xy, dx * w->s[i].v);
		exact_add(&x2, dx * dx);
	}
	if (constant)
		return isinf(w->s[0].v) ? (struct line){ (double)NAN, (double)NAN }
		                        : (struct line){ 0, w->s[0].v };
	double cov = exact_of(&xy) - exact_of(&x) * exact_of(&y) / n;
	double var = exact_of(&x2) - exact_of(&x) * exact_of(&x) / n;
	double slope = cov / var;
	return (struct line){ slope, exact_of(&y) / n - slope * exact_of(&x) / n };
}

double over_deriv(const struct window *w, const double *scalars)
{
	(void)scalars;
	return w->n < 2 ? value_absent() : line_through(w, w->s[0].ms).slope;
}

double over_predict_linear(const struct window *w, const double *scalars)
{
	if (w->n < 2)
		return value_absent();
	struct line line = line_through(w, w->now_ms);
	return line.slope * scalars[0] + line.intercept;
}

/* ---- counts */

double over_changes(const struct window *w, const double *scalars)
{
	uint32_t n = 0;
	(void)scalars;
	for (uint32_t i = 1; i < w->n; i++)
		n += w->s[i].v != w->s[i - 1].v && !(isnan(w->s[i].v) && isnan(w->s[i - 1].v));
	return n;
}

double over_resets(const struct window *w, const double *scalars)
{
	uint32_t n = 0;
	(void)scalars;
	for (uint32_t i = 1; i < w->n; i++)
		n += w->s[i].v < w->s[i - 1].v;
	return n;
}

double over_count(const struct window *w, const double *scalars)
{
	(void)scalars;
	return w->n;
}

double over_present(const struct window *w, const double *scalars)
{
	(void)w;
	(void)scalars;
	return 1;
}

double over_last(const struct window *w, const double *scalars)
{
	(void)scalars;
	return w->s[w->n - 1].v;
}

/* ---- values */

double over_sum(const struct window *w, const double *scalars)
{
	struct exact e = { 0 };
	(void)scalars;
	for (uint32_t i = 0; i < w->n; i++)
		exact_add(&e, w->s[i].v);
	return isinf(e.sum) ? e.sum : exact_of(&e);
}

double over_avg(const struct window *w, const double *scalars)
{
	struct exact mean = { 0 };
	(void)scalars;
	for (uint32_t i = 0; i < w->n; i++) {
		double v = w->s[i].v;
		double count = i + 1;
		if (isinf(mean.sum)) {
			bool same = isinf(v) && (mean.sum > 0) == (v > 0);
			if (same || isfinite(v))
				continue;
		}
		exact_add(&mean, v / count - mean.sum / count);
	}
	return isinf(mean.sum) ? mean.sum : exact_of(&mean);
}

double over_min(const struct window *w, const double *scalars)
{
	double min = w->s[0].v;
	(void)scalars;
	for (uint32_t i = 1; i < w->n; i++)
		if (w->s[i].v < min || isnan(min))
			min = w->s[i].v;
	return min;
}

double over_max(const struct window *w, const double *scalars)
{
	double max = w->s[0].v;
	(void)scalars;
	for (uint32_t i = 1; i < w->n; i++)
		if (w->s[i].v > max || isnan(max))
			max = w->s[i].v;
	return max;
}

double over_stdvar(const struct window *w, const double *scalars)
{
	struct exact mean = { 0 };
	struct exact aux = { 0 };
	(void)scalars;
	for (uint32_t i = 0; i < w->n; i++) {
		double delta = w->s[i].v - exact_of(&mean);
		exact_add(&mean, delta / (i + 1));
		exact_add(&aux, delta * (w->s[i].v - exact_of(&mean)));
	}
	return exact_of(&aux) / w->n;
}

double over_stddev(const struct window *w, const double *scalars)
{
	return sqrt(over_stdvar(w, scalars));
}

double over_quantile(const struct window *w, const double *scalars)
{
	double *values = malloc(w->n * sizeof(*values));
	if (!values)
		return value_absent();
	for (uint32_t i = 0; i < w->n; i++)
		values[i] = w->s[i].v;
	double v = aggregate_quantile(scalars[0], values, w->n);
	free(values);
	return v;
}

/* ---- for every series and step */

struct over {
	struct eval *ev;
	const struct function *function;
	struct value *out, scalar; /* the only one there may be */
	const struct labels *labels;
	struct vector_series *into; /* NULL until there is a value */
	bool fixed;
};

static int begin(void *ud, const struct labels *labels)
{
	struct over *o = ud;
	o->labels = labels;
	o->into = NULL;
	return 0;
}

static int step(void *ud, uint32_t at, const struct window *window)
{
	struct over *o = ud;
	const double none = 0;
	const double *scalar = o->scalar.scalar;
	uint32_t end = o->fixed ? o->ev->n : at + 1;
	double v = o->function->over(window, scalar ? &scalar[at] : &none);
	if (value_is_absent(v))
		return eval_spend(o->ev, window->n);
	if (!o->into)
		o->into = value_add(o->ev, o->out, o->labels);
	if (!o->into)
		return -1;
	for (uint32_t i = at; i < end; i++) {
		if (scalar && i > at)
			v = o->function->over(window, &scalar[i]);
		o->into->v[i] = v;
		if (eval_spend(o->ev, scalar ? window->n : 1) < 0)
			return -1;
	}
	return eval_spend(o->ev, window->n);
}

int over_eval(struct eval *ev, const struct node *node, struct value *out)
{
	struct over o = { .ev = ev, .function = node->function, .out = out };
	const struct selection_use use = { begin, step, &o };
	const struct node *range = node->args[node->n_args - 1];
	int r = 0;
	*out = (struct value){ .type = VALUE_VECTOR };
	for (uint32_t i = 0; i < node->n_args && r == 0; i++) {
		if (node->args[i]->type == VALUE_SCALAR)
			r = eval_node(ev, node->args[i], &o.scalar);
		else
			range = node->args[i];
	}
	o.fixed = range->at != AT_NONE;
	if (r == 0)
		r = selection_run(ev, range, &use);
	value_fini(ev, &o.scalar);
	if (r < 0 || node->function->keeps_name)
		return r;
	return value_drop_names(ev, out);
}
