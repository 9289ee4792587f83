#include "promql/call.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/own.h"
#include "promql/arena.h"
#include "promql/eval.h"
#include "promql/function.h"
#include "promql/labels.h"
#include "promql/promql.h"
#include "promql/selection.h"

static const struct labels *no_labels(struct eval *ev)
{
	struct labels_draft draft;
	labels_begin(&draft, NULL);
	const struct labels *labels = labels_make(&draft, ev->budget->arena);
	if (!labels)
		eval_no_memory(ev);
	return labels;
}

/* A vector of one series. NULL: error set. */
static double *alone(struct eval *ev, struct value *out, const struct labels *labels)
{
	*out = (struct value){ .type = VALUE_VECTOR };
	struct vector_series *s = labels ? value_add(ev, out, labels) : NULL;
	return s ? s->v : NULL;
}

/* ---- between scalars and vectors */

int call_time(struct eval *ev, const struct node *node, struct value *out)
{
	(void)node;
	if (value_scalar(ev, out) < 0)
		return -1;
	for (uint32_t i = 0; i < ev->n; i++)
		out->scalar[i] = (double)eval_time(ev, i) / 1000;
	return 0;
}

int call_pi(struct eval *ev, const struct node *node, struct value *out)
{
	(void)node;
	if (value_scalar(ev, out) < 0)
		return -1;
	for (uint32_t i = 0; i < ev->n; i++)
		out->scalar[i] = M_PI;
	return 0;
}

int call_vector(struct eval *ev, const struct node *node, struct value *out)
{
	struct value in = { 0 };
	int r = eval_node(ev, node->args[0], &in);
	double *v = r == 0 ? alone(ev, out, no_labels(ev)) : NULL;
	if (v)
		memcpy(v, in.scalar, ev->n * sizeof(*v));
	value_fini(ev, &in);
	return v ? 0 : -1;
}

int call_scalar(struct eval *ev, const struct node *node, struct value *out)
{
	struct value in = { 0 };
	int r = eval_node(ev, node->args[0], &in);
	if (r == 0)
		r = value_scalar(ev, out);
	for (uint32_t i = 0; r == 0 && i < ev->n; i++) {
		uint32_t n = 0;
		out->scalar[i] = (double)NAN;
		for (uint32_t k = 0; k < in.vector.n && n < 2; k++)
			if (!value_is_absent(in.vector.series[k].v[i])) {
				out->scalar[i] = in.vector.series[k].v[i];
				n++;
			}
		if (n != 1)
			out->scalar[i] = (double)NAN;
		r = eval_check(ev);
	}
	value_fini(ev, &in);
	return r;
}

int call_timestamp(struct eval *ev, const struct node *node, struct value *out)
{
	const struct node *of = node->args[0];
	int r = of->kind == NODE_SELECTOR ? selection_vector(ev, of, true, out)
	                                  : eval_node(ev, of, out);
	for (uint32_t k = 0; r == 0 && of->kind != NODE_SELECTOR && k < out->vector.n; k++) {
		double *v = out->vector.series[k].v;
		for (uint32_t i = 0; i < ev->n; i++)
			if (!value_is_absent(v[i]))
				v[i] = (double)eval_time(ev, i) / 1000;
	}
	return r < 0 ? r : value_drop_names(ev, out);
}

/* ---- what is not there */

/* What the selector says for sure about the series that are missing. */
static const struct labels *absent_labels(struct eval *ev, const struct node *of)
{
	struct labels_draft draft;
	labels_begin(&draft, NULL);
	for (uint32_t i = 0; i < of->n_matchers; i++) {
		const struct matcher *m = &of->matchers[i];
		bool twice = false;
		for (uint32_t k = 0; k < i; k++)
			twice = twice ||
			        (of->matchers[k].name.n == m->name.n &&
			         memcmp(of->matchers[k].name.p, m->name.p, m->name.n) == 0);
		labels_set(&draft, m->name,
		           m->kind == MATCHER_EQUAL && !twice ? m->value : SB_STR(""));
	}
	labels_set(&draft, SB_STR("__name__"), SB_STR(""));
	const struct labels *labels = labels_make(&draft, ev->budget->arena);
	if (!labels)
		eval_no_memory(ev);
	return labels;
}

int call_absent(struct eval *ev, const struct node *node, struct value *out)
{
	struct value in = { 0 };
	int r = eval_node(ev, node->args[0], &in);
	double *v = r == 0 ? alone(ev, out, absent_labels(ev, node->args[0])) : NULL;
	for (uint32_t i = 0; v && i < ev->n; i++)
		v[i] = 1;
	for (uint32_t k = 0; v && k < in.vector.n; k++)
		for (uint32_t i = 0; i < ev->n; i++)
			if (!value_is_absent(in.vector.series[k].v[i]))
				v[i] = value_absent();
	value_fini(ev, &in);
	return v ? 0 : -1;
}

struct absence {
	struct eval *ev;
	double *v;
	bool fixed;
};

static int absence_begin(void *ud, const struct labels *labels)
{
	(void)ud;
	(void)labels;
	return 0;
}

static int absence_step(void *ud, uint32_t step, const struct window *window)
{
	struct absence *a = ud;
	(void)window;
	for (uint32_t i = step; i < (a->fixed ? a->ev->n : step + 1); i++)
		a->v[i] = value_absent();
	return 0;
}

int call_absent_over_time(struct eval *ev, const struct node *node, struct value *out)
{
	const struct node *of = node->args[0];
	double *v = alone(ev, out, absent_labels(ev, of));
	struct absence a = { ev, v, of->at != AT_NONE };
	const struct selection_use use = { absence_begin, absence_step, &a };
	for (uint32_t i = 0; v && i < ev->n; i++)
		v[i] = 1;
	return v ? selection_run(ev, of, &use) : -1;
}

/* ---- numbers with parameters */

static double least(double a, double b)
{
	return isnan(a) || isnan(b) ? (double)NAN : fmin(a, b);
}

static double most(double a, double b)
{
	return isnan(a) || isnan(b) ? (double)NAN : fmax(a, b);
}

static double clamped(double v, double min, double max)
{
	return max < min ? value_absent() : most(min, least(max, v));
}

static double clamped_min(double v, double min, double max)
{
	(void)max;
	return most(min, v);
}

static double clamped_max(double v, double max, double other)
{
	(void)other;
	return least(max, v);
}

static double rounded(double v, double to, double other)
{
	double inverse = 1.0 / to;
	(void)other;
	return floor(v * inverse + 0.5) / inverse;
}

/* fn(v, first scalar, second scalar) for every value. */
static int with_scalars(struct eval *ev, const struct node *node, struct value *out,
                        double (*fn)(double v, double a, double b), double otherwise)
{
	struct value scalars[2] = { 0 };
	int r = eval_node(ev, node->args[0], out);
	for (uint32_t i = 1; i < node->n_args && r == 0; i++)
		r = eval_node(ev, node->args[i], &scalars[i - 1]);
	for (uint32_t k = 0; r == 0 && k < out->vector.n; k++) {
		double *v = out->vector.series[k].v;
		for (uint32_t i = 0; i < ev->n; i++)
			if (!value_is_absent(v[i]))
				v[i] = fn(v[i],
				          scalars[0].scalar ? scalars[0].scalar[i] : otherwise,
				          scalars[1].scalar ? scalars[1].scalar[i] : 0);
		r = eval_check(ev);
	}
	value_fini(ev, &scalars[0]);
	value_fini(ev, &scalars[1]);
	return r < 0 ? r : value_drop_names(ev, out);
}

int call_clamp(struct eval *ev, const struct node *node, struct value *out)
{
	return with_scalars(ev, node, out, clamped, 0);
}

int call_clamp_min(struct eval *ev, const struct node *node, struct value *out)
{
	return with_scalars(ev, node, out, clamped_min, 0);
}

int call_clamp_max(struct eval *ev, const struct node *node, struct value *out)
{
	return with_scalars(ev, node, out, clamped_max, 0);
}

int call_round(struct eval *ev, const struct node *node, struct value *out)
{
	return with_scalars(ev, node, out, rounded, 1);
}

/* ---- order, of instant queries */

static int rising(const void *a, const void *b) /* NaN last */
{
	double x = ((const struct vector_series *)a)->v[0];
	double y = ((const struct vector_series *)b)->v[0];
	if (isnan(x) || isnan(y))
		return !!isnan(x) - !!isnan(y);
	return (x > y) - (x < y);
}

static int falling(const void *a, const void *b)
{
	double x = ((const struct vector_series *)a)->v[0];
	double y = ((const struct vector_series *)b)->v[0];
	return isnan(x) || isnan(y) ? rising(a, b) : rising(b, a);
}

static int sorted(struct eval *ev, const struct node *node, struct value *out,
                  int (*order)(const void *a, const void *b))
{
	int r = eval_node(ev, node->args[0], out);
	if (r == 0 && ev->n == 1 && out->vector.n)
		qsort(out->vector.series, out->vector.n, sizeof(out->vector.series[0]), order);
	return r;
}

int call_sort(struct eval *ev, const struct node *node, struct value *out)
{
	return sorted(ev, node, out, rising);
}

int call_sort_desc(struct eval *ev, const struct node *node, struct value *out)
{
	return sorted(ev, node, out, falling);
}

/* ---- the calendar, UTC */

static double calendar(const char *name, double seconds)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	time_t t = isnan(seconds) || fabs(seconds) > 1e15 ? 0 : (time_t)seconds;
	struct tm tm;
	if (isnan(seconds) || fabs(seconds) > 1e15 || !gmtime_r(&t, &tm))
		return (double)NAN;
	int year = tm.tm_year + 1900;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (strcmp(name, "days_in_month") == 0)
		return days[tm.tm_mon] + (tm.tm_mon == 1 && leap);
	if (strcmp(name, "day_of_month") == 0)
		return tm.tm_mday;
	if (strcmp(name, "day_of_week") == 0)
		return tm.tm_wday;
	if (strcmp(name, "day_of_year") == 0)
		return tm.tm_yday + 1;
	if (strcmp(name, "hour") == 0)
		return tm.tm_hour;
	if (strcmp(name, "minute") == 0)
		return tm.tm_min;
	return strcmp(name, "month") == 0 ? tm.tm_mon + 1 : year;
}

int call_calendar(struct eval *ev, const struct node *node, struct value *out)
{
	const char *name = node->function->name;
	if (node->n_args == 0) {
		double *v = alone(ev, out, no_labels(ev));
		for (uint32_t i = 0; v && i < ev->n; i++)
			v[i] = calendar(name, (double)eval_time(ev, i) / 1000);
		return v ? 0 : -1;
	}
	int r = eval_node(ev, node->args[0], out);
	for (uint32_t k = 0; r == 0 && k < out->vector.n; k++) {
		double *v = out->vector.series[k].v;
		for (uint32_t i = 0; i < ev->n; i++)
			if (!value_is_absent(v[i]))
				v[i] = calendar(name, v[i]);
		r = eval_check(ev);
	}
	return r < 0 ? r : value_drop_names(ev, out);
}
