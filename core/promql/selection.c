#include "promql/selection.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "promql/arena.h"
#include "promql/eval.h"
#include "promql/labels.h"
#include "promql/promql.h"

#define WINDOW_MAX   (1U << 20) /* samples of one window */
#define SKIPPED_MANY 512        /* so many samples of no window: the next window is asked for */

struct found {
	const struct labels *labels;
	void *series;
};

struct selection {
	struct eval *ev;
	const struct node *node;
	const struct selection_use *use;
	int64_t range_ms;
	bool newest_only; /* an instant vector: of a window only the newest sample counts */
	bool may_seek;    /* the source can be asked again from another time */
	struct found *found;
	uint32_t n, cap;
	/* the series in hand */
	struct promql_sample *samples;
	uint32_t n_samples, first, cap_samples;
	uint32_t step, n_steps; /* next to be done */
	uint32_t skipped;
	int64_t skipped_ms; /* the first of them */
	bool seek;
	int r;
};

/* ---- which series, in order of labels */

static int add_found(void *ud, const struct labels *labels, void *series)
{
	struct selection *se = ud;
	struct eval *ev = se->ev;
	uint32_t max = ev->budget->limits->max_series;
	if (se->n == max)
		return eval_fail(ev, "a selector matches more than %u series; name more labels",
		                 max);
	if (se->n == se->cap) {
		uint32_t cap = MAX(2 * se->cap, 64U);
		struct found *p = realloc(se->found, cap * sizeof(*p));
		if (!p)
			return eval_no_memory(ev);
		se->found = p;
		se->cap = cap;
	}
	se->found[se->n++] = (struct found){ labels, series };
	return eval_check(ev);
}

static int by_labels(const void *a, const void *b)
{
	return labels_compare(((const struct found *)a)->labels, ((const struct found *)b)->labels);
}

/* Did the source stop because it is time to, or could it not go on? */
static int source_failed(struct eval *ev)
{
	ev->budget->until_check = 0;
	if (eval_check(ev) < 0)
		return -1;
	return error_set(ev->budget->error, PROMQL_INTERNAL, "storage cannot be read");
}

static int find(struct selection *se, const int64_t ms[2])
{
	struct budget *b = se->ev->budget;
	int r = b->source->select(b->source->ud, b->arena, se->node, ms, add_found, se);
	if (r < 0 || b->arena->full) {
		if (b->error->fault == PROMQL_WELL && b->arena->full)
			return eval_no_memory(se->ev);
		return source_failed(se->ev);
	}
	if (se->n)
		qsort(se->found, se->n, sizeof(se->found[0]), by_labels);
	return 0;
}

/* ---- windows of the series in hand */

static int64_t now_of(const struct selection *se, uint32_t step)
{
	const struct budget *b = se->ev->budget;
	switch (se->node->at) {
	case AT_NONE:
		return eval_time(se->ev, step);
	case AT_TIME:
		return se->node->at_ms;
	case AT_START:
		return b->start_ms;
	case AT_END:
		return b->end_ms;
	}
	return 0;
}

static int64_t end_of(const struct selection *se, uint32_t step)
{
	return now_of(se, step) - se->node->offset_ms;
}

static int64_t begin_of(const struct selection *se, uint32_t step)
{
	return end_of(se, step) - se->range_ms;
}

static int emit(struct selection *se)
{
	uint32_t step = se->step++;
	int64_t from_ms = begin_of(se, step);
	while (se->first < se->n_samples && se->samples[se->first].ms < from_ms)
		se->first++;
	se->skipped = 0;
	if (se->first == se->n_samples)
		return 0;
	struct window w = { se->samples + se->first, se->n_samples - se->first, from_ms,
		            end_of(se, step), eval_time(se->ev, step) };
	if (se->newest_only && value_is_absent(w.s[w.n - 1].v))
		return 0;
	return se->use->step(se->use->ud, step, &w);
}

static int sample_keep(struct selection *se, int64_t ms, double v)
{
	if (se->newest_only)
		se->n_samples = se->first = 0;
	if (se->n_samples > se->first && se->samples[se->n_samples - 1].ms == ms) {
		se->samples[se->n_samples - 1].v = v;
		return 0;
	}
	if (se->n_samples == se->cap_samples && se->first > se->cap_samples / 2) {
		memmove(se->samples, se->samples + se->first,
		        (se->n_samples - se->first) * sizeof(se->samples[0]));
		se->n_samples -= se->first;
		se->first = 0;
	}
	if (se->n_samples == se->cap_samples) {
		uint32_t cap = MAX(2 * se->cap_samples, 256U);
		struct promql_sample *p = cap > WINDOW_MAX ? NULL
		                                           : realloc(se->samples, cap * sizeof(*p));
		if (!p)
			return eval_fail(se->ev,
			                 "a range holds more than %u samples; make it shorter",
			                 WINDOW_MAX);
		se->samples = p;
		se->cap_samples = cap;
	}
	se->samples[se->n_samples++] = (struct promql_sample){ ms, v };
	return 0;
}

/* The next window begins far behind what comes now: it is cheaper to ask for it. */
static bool skip_is_long(struct selection *se, int64_t ms, int64_t from_ms)
{
	if (se->skipped++ == 0)
		se->skipped_ms = ms;
	se->seek = se->may_seek && se->skipped >= SKIPPED_MANY &&
	           from_ms - ms > ms - se->skipped_ms;
	return se->seek;
}

static int on_sample(void *ud, int64_t ms, double v)
{
	struct selection *se = ud;
	struct budget *b = se->ev->budget;
	if (++b->samples > b->limits->max_samples)
		return se->r = eval_fail(
			       se->ev,
			       "the query reads more than %llu samples; ask for a shorter "
			       "time or fewer series",
			       (unsigned long long)b->limits->max_samples);
	while (se->step < se->n_steps && ms > end_of(se, se->step))
		if ((se->r = emit(se)))
			return se->r;
	if (se->step == se->n_steps)
		return 1;
	if (eval_check(se->ev) < 0)
		return se->r = -1;
	int64_t from_ms = begin_of(se, se->step);
	if (ms < from_ms)
		return skip_is_long(se, ms, from_ms);
	if (!se->newest_only && value_is_absent(v))
		return 0;
	return se->r = sample_keep(se, ms, v);
}

static void series_begin(struct selection *se)
{
	se->n_samples = se->first = se->step = se->skipped = 0;
	se->seek = false;
	/* At a fixed time every step is the same. */
	se->n_steps = se->node->at == AT_NONE ? se->ev->n : 1;
	se->r = 0;
}

static int series_end(struct selection *se)
{
	while (se->r == 0 && se->step < se->n_steps)
		se->r = emit(se);
	return se->r;
}

static int series_read(struct selection *se, const struct found *one)
{
	struct budget *b = se->ev->budget;
	series_begin(se);
	if (se->use->begin(se->use->ud, one->labels) < 0)
		return -1;
	do {
		int64_t ms[2] = { begin_of(se, se->step), end_of(se, se->n_steps - 1) };
		se->seek = false;
		se->skipped = 0;
		int r = b->source->read(b->source->ud, one->series, ms, on_sample, se);
		if (r < 0 && se->r == 0)
			return source_failed(se->ev);
	} while (se->seek && se->r == 0);
	return series_end(se);
}

/* Windows that leave much out are asked for one by one instead. */
static void announce(struct selection *se, uint32_t from, const int64_t ms[2])
{
	const struct promql_source *source = se->ev->budget->source;
	void *series[PROMQL_AHEAD];
	uint32_t n = MIN(se->n - from, (uint32_t)PROMQL_AHEAD);
	bool dense = se->ev->n == 1 || se->ev->step_ms <= 2 * se->range_ms;
	if (!source->ahead || n < 2 || !dense || from % PROMQL_AHEAD)
		return;
	for (uint32_t i = 0; i < n; i++)
		series[i] = se->found[from + i].series;
	source->ahead(source->ud, series, n, ms);
}

static int select_and_read(struct selection *se)
{
	uint32_t last = se->node->at == AT_NONE ? se->ev->n - 1 : 0;
	const int64_t ms[2] = { begin_of(se, 0), end_of(se, last) };
	int r = find(se, ms);
	se->may_seek = true;
	for (uint32_t i = 0; i < se->n && r == 0; i++) {
		announce(se, i, ms);
		r = series_read(se, &se->found[i]);
	}
	free(se->found);
	free(se->samples);
	return r;
}

/* ---- subqueries: what is read are the steps of another evaluation */

#define SUBQUERY_STEP_MS 60000

static int sub_series(struct selection *se, const struct eval *sub, const struct vector_series *s)
{
	int r = 0;
	series_begin(se);
	if (se->use->begin(se->use->ud, s->labels) < 0)
		return -1;
	for (uint32_t i = 0; i < sub->n && r == 0; i++)
		if (!value_is_absent(s->v[i]))
			r = on_sample(se, eval_time(sub, i), s->v[i]);
	return series_end(se);
}

static int sub_run(struct selection *se)
{
	const struct node *node = se->node;
	int64_t step_ms = node->step_ms ? node->step_ms : SUBQUERY_STEP_MS;
	uint32_t last = node->at == AT_NONE ? se->ev->n - 1 : 0;
	int64_t begin_ms = begin_of(se, 0);
	int64_t first_ms = begin_ms / step_ms * step_ms;
	first_ms += first_ms < begin_ms ? step_ms : 0;
	int64_t n = (end_of(se, last) - first_ms) / step_ms + 1;
	if (end_of(se, last) < first_ms)
		return 0;
	if (n > (int64_t)se->ev->budget->limits->max_values)
		return eval_fail(se->ev, "a subquery has too many steps; make its step longer");
	struct eval sub = { se->ev->budget, first_ms, step_ms, (uint32_t)n };
	struct value inner = { 0 };
	int r = eval_node(&sub, node->left, &inner);
	for (uint32_t i = 0; i < inner.vector.n && r == 0; i++)
		r = sub_series(se, &sub, &inner.vector.series[i]);
	value_fini(&sub, &inner);
	free(se->samples);
	return r;
}

int selection_run(struct eval *ev, const struct node *node, const struct selection_use *use)
{
	struct selection se = { .ev = ev, .node = node, .use = use, .range_ms = node->range_ms };
	return node->kind == NODE_SUBQUERY ? sub_run(&se) : select_and_read(&se);
}

/* ---- instant vectors */

struct instant {
	struct eval *ev;
	struct value *out;
	const struct labels *labels;
	struct vector_series *into; /* NULL until there is a value */
	bool times, fixed;
};

static int instant_begin(void *ud, const struct labels *labels)
{
	struct instant *in = ud;
	in->labels = labels;
	in->into = NULL;
	return 0;
}

static int instant_step(void *ud, uint32_t step, const struct window *w)
{
	struct instant *in = ud;
	const struct promql_sample *s = &w->s[w->n - 1];
	double v = in->times ? (double)s->ms / 1000 : s->v;
	if (!in->into)
		in->into = value_add(in->ev, in->out, in->labels);
	if (!in->into)
		return -1;
	for (uint32_t i = step; i < (in->fixed ? in->ev->n : step + 1); i++)
		in->into->v[i] = v;
	return 0;
}

int selection_vector(struct eval *ev, const struct node *node, bool times, struct value *out)
{
	struct instant in = { .ev = ev, .out = out, .times = times, .fixed = node->at != AT_NONE };
	const struct selection_use use = { instant_begin, instant_step, &in };
	struct selection se = { .ev = ev,
		                .node = node,
		                .use = &use,
		                .range_ms = PROMQL_LOOKBACK_MS,
		                .newest_only = true };
	*out = (struct value){ .type = VALUE_VECTOR };
	return select_and_read(&se);
}

/* ---- samples themselves */

static int matrix_step(void *ud, uint32_t step, const struct window *w)
{
	struct instant *in = ud;
	(void)step;
	struct vector_series *s = value_add(in->ev, in->out, in->labels);
	if (!s || eval_charge(in->ev, 2 * (int64_t)w->n) < 0)
		return -1;
	s->n_samples = w->n;
	s->samples = malloc(w->n * sizeof(w->s[0]));
	if (!s->samples)
		return eval_no_memory(in->ev);
	memcpy(s->samples, w->s, w->n * sizeof(w->s[0]));
	return 0;
}

int selection_matrix(struct eval *ev, const struct node *node, struct value *out)
{
	struct instant in = { .ev = ev, .out = out };
	const struct selection_use use = { instant_begin, matrix_step, &in };
	*out = (struct value){ .type = VALUE_MATRIX };
	return selection_run(ev, node, &use);
}
