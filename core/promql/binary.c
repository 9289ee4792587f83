#include "promql/binary.h"

#include <math.h>
#include <stdlib.h>

#include "base/own.h"
#include "promql/eval.h"
#include "promql/index.h"
#include "promql/labels.h"
#include "promql/promql.h"

/* ---- numbers */

static bool is_comparison(enum binary_op op)
{
	return op >= OP_EQUAL && op <= OP_GREATER_EQUAL;
}

static bool compare(enum binary_op op, double a, double b)
{
	switch (op) {
	case OP_EQUAL:
		return a == b;
	case OP_UNEQUAL:
		return a != b;
	case OP_LESS:
		return a < b;
	case OP_LESS_EQUAL:
		return a <= b;
	case OP_GREATER:
		return a > b;
	default:
		return a >= b;
	}
}

static double calculate(enum binary_op op, double a, double b)
{
	switch (op) {
	case OP_ADD:
		return a + b;
	case OP_SUB:
		return a - b;
	case OP_MUL:
		return a * b;
	case OP_DIV:
		return a / b;
	case OP_MOD:
		return fmod(a, b);
	case OP_ATAN2:
		return atan2(a, b);
	case OP_POW:
		return pow(a, b);
	default:
		return value_absent();
	}
}

/* Absent: a comparison that does not hold. kept: what stays of one that does. */
static double operate(const struct node *node, double a, double b, double kept)
{
	if (!is_comparison(node->op))
		return calculate(node->op, a, b);
	bool holds = compare(node->op, a, b);
	if (node->is_bool)
		return holds;
	return holds ? kept : value_absent();
}

static bool drops_name(const struct node *node)
{
	return node->is_bool || !is_comparison(node->op);
}

/* ---- with scalars */

static int two_scalars(struct eval *ev, const struct node *node, struct value *left,
                       struct value *right, struct value *out)
{
	if (value_scalar(ev, out) < 0)
		return -1;
	for (uint32_t i = 0; i < ev->n; i++)
		out->scalar[i] = operate(node, left->scalar[i], right->scalar[i], 0);
	return 0;
}

static int one_scalar(struct eval *ev, const struct node *node, struct value *left,
                      struct value *right, struct value *out)
{
	bool swapped = left->type == VALUE_SCALAR;
	const double *scalar = swapped ? left->scalar : right->scalar;
	*out = swapped ? *right : *left;
	*(swapped ? right : left) = (struct value){ 0 };
	for (uint32_t k = 0; k < out->vector.n; k++) {
		double *v = out->vector.series[k].v;
		for (uint32_t i = 0; i < ev->n; i++)
			if (!value_is_absent(v[i]))
				v[i] = swapped ? operate(node, scalar[i], v[i], v[i])
				               : operate(node, v[i], scalar[i], v[i]);
		if (eval_check(ev) < 0)
			return -1;
	}
	return drops_name(node) ? value_drop_names(ev, out) : 0;
}

/* ---- which series belong together */

struct join {
	struct eval *ev;
	const struct node *node;
	const struct value *many, *one; /* one: at most one series of a key and step */
	bool swapped;                   /* many stands on the right */
	struct index keys;
	uint32_t *key_of_many, *key_of_one;
	uint32_t *there; /* by key: 1 + the series of `one` that has a value at this step */
	uint32_t *taken; /* by key, the same of many */
	struct index results;
	uint32_t *last_one, *last_result; /* by many: whom it met last, where that went */
	struct value *out;
};

static const struct labels *key_labels(struct join *j, const struct labels *labels)
{
	const struct names_list *names = &j->node->names;
	struct labels_draft draft;
	labels_begin(&draft, j->node->on ? NULL : labels);
	for (uint32_t i = 0; i < names->n; i++)
		labels_set(&draft, names->names[i],
		           j->node->on ? labels_get(labels, names->names[i]) : SB_STR(""));
	if (!j->node->on)
		labels_set(&draft, SB_STR("__name__"), SB_STR(""));
	return labels_make(&draft, j->ev->budget->arena);
}

static uint32_t *keys_make(struct join *j, const struct value *of)
{
	uint32_t *keys = calloc(of->vector.n + 1, sizeof(*keys));
	for (uint32_t i = 0; keys && i < of->vector.n; i++) {
		const struct labels *labels = key_labels(j, of->vector.series[i].labels);
		int64_t at = labels ? index_of(&j->keys, labels) : -1;
		if (at < 0) {
			free(keys);
			keys = NULL;
			break;
		}
		keys[i] = (uint32_t)at;
	}
	if (!keys)
		eval_no_memory(j->ev);
	return keys;
}

static int join_begin(struct join *j)
{
	j->key_of_many = keys_make(j, j->many);
	j->key_of_one = j->key_of_many ? keys_make(j, j->one) : NULL;
	if (!j->key_of_one)
		return -1;
	j->there = calloc(j->keys.n + 1, sizeof(*j->there));
	j->taken = calloc(j->keys.n + 1, sizeof(*j->taken));
	j->last_one = calloc(j->many->vector.n + 1, sizeof(*j->last_one));
	j->last_result = calloc(j->many->vector.n + 1, sizeof(*j->last_result));
	if (!j->there || !j->taken || !j->last_one || !j->last_result)
		return eval_no_memory(j->ev);
	return 0;
}

static void join_end(struct join *j)
{
	index_fini(&j->keys);
	index_fini(&j->results);
	free(j->key_of_many);
	free(j->key_of_one);
	free(j->there);
	free(j->taken);
	free(j->last_one);
	free(j->last_result);
}

static void forget(struct join *j)
{
	for (uint32_t k = 0; k < j->keys.n; k++)
		j->there[k] = j->taken[k] = 0;
}

static double at_step(const struct value *value, uint32_t series, uint32_t step)
{
	return value->vector.series[series].v[step];
}

/* ---- operators that calculate or compare */

static const struct labels *result_labels(struct join *j, const struct labels *many,
                                          const struct labels *one)
{
	const struct node *node = j->node;
	struct labels_draft draft;
	labels_begin(&draft, node->on && node->many == SIDE_NONE ? NULL : many);
	if (node->many == SIDE_NONE)
		for (uint32_t i = 0; i < node->names.n; i++)
			labels_set(&draft, node->names.names[i],
			           node->on ? labels_get(many, node->names.names[i]) : SB_STR(""));
	if (drops_name(node))
		labels_set(&draft, SB_STR("__name__"), SB_STR(""));
	for (uint32_t i = 0; i < node->include.n; i++)
		labels_set(&draft, node->include.names[i], labels_get(one, node->include.names[i]));
	if (draft.full)
		eval_fail(j->ev, "a result has more than %d labels", LABELS_MAX);
	return labels_make(&draft, j->ev->budget->arena);
}

/* The series a pair goes to, or -1. */
static int64_t result_of(struct join *j, uint32_t many, uint32_t one)
{
	if (j->last_one[many] == one + 1)
		return j->last_result[many];
	const struct labels *labels = result_labels(j, j->many->vector.series[many].labels,
	                                            j->one->vector.series[one].labels);
	int64_t at = labels ? index_of(&j->results, labels) : -1;
	if (at < 0)
		return eval_no_memory(j->ev);
	if (at == j->out->vector.n && !value_add(j->ev, j->out, labels))
		return -1;
	j->last_one[many] = one + 1;
	j->last_result[many] = (uint32_t)at;
	return at;
}

static int pair(struct join *j, uint32_t many, uint32_t one, uint32_t step)
{
	uint32_t key = j->key_of_many[many];
	double a = at_step(j->many, many, step);
	double b = at_step(j->one, one, step);
	double v = j->swapped ? operate(j->node, b, a, b) : operate(j->node, a, b, a);
	if (value_is_absent(v))
		return 0;
	if (j->node->many == SIDE_NONE && j->taken[key])
		return eval_fail(j->ev, "multiple matches for labels: many-to-one matching must be "
		                        "explicit (group_left/group_right)");
	j->taken[key] = many + 1;
	int64_t at = result_of(j, many, one);
	if (at < 0)
		return -1;
	double *into = &j->out->vector.series[at].v[step];
	if (!value_is_absent(*into))
		return eval_fail(j->ev, "multiple matches for labels: grouping labels must ensure "
		                        "unique matches");
	*into = v;
	return 0;
}

static int join_step(struct join *j, uint32_t step)
{
	int r = 0;
	forget(j);
	for (uint32_t i = 0; i < j->one->vector.n; i++) {
		uint32_t *there = &j->there[j->key_of_one[i]];
		if (value_is_absent(at_step(j->one, i, step)))
			continue;
		if (*there)
			return eval_fail(j->ev,
			                 "found duplicate series for the match group on the %s "
			                 "hand-side of the operation; many-to-many matching not "
			                 "allowed: matching labels must be unique on one side",
			                 j->swapped ? "left" : "right");
		*there = i + 1;
	}
	for (uint32_t i = 0; i < j->many->vector.n && r == 0; i++) {
		uint32_t there = j->there[j->key_of_many[i]];
		if (there && !value_is_absent(at_step(j->many, i, step)))
			r = pair(j, i, there - 1, step);
	}
	return r < 0 ? r : eval_spend(j->ev, j->many->vector.n + j->one->vector.n);
}

/* ---- and, or, unless */

static void mark(struct join *j, uint32_t *marks, const struct value *value, const uint32_t *keys,
                 uint32_t step)
{
	for (uint32_t i = 0; i < value->vector.n; i++)
		if (!value_is_absent(at_step(value, i, step)))
			marks[keys[i]] = 1;
	(void)j;
}

/* Series of left go first into out, in their order, then, for `or`, those of right. */
static int set_begin(struct join *j)
{
	bool both = j->node->op == OP_OR;
	for (uint32_t i = 0; i < j->many->vector.n; i++)
		if (!value_add(j->ev, j->out, j->many->vector.series[i].labels))
			return -1;
	for (uint32_t i = 0; both && i < j->one->vector.n; i++)
		if (!value_add(j->ev, j->out, j->one->vector.series[i].labels))
			return -1;
	return 0;
}

static int set_step(struct join *j, uint32_t step)
{
	uint32_t n = j->many->vector.n;
	enum binary_op op = j->node->op;
	forget(j);
	mark(j, j->there, j->one, j->key_of_one, step);
	mark(j, j->taken, j->many, j->key_of_many, step);
	for (uint32_t i = 0; i < n; i++)
		if (op == OP_OR || (j->there[j->key_of_many[i]] != 0) == (op == OP_AND))
			j->out->vector.series[i].v[step] = at_step(j->many, i, step);
	for (uint32_t i = 0; op == OP_OR && i < j->one->vector.n; i++)
		if (!j->taken[j->key_of_one[i]])
			j->out->vector.series[n + i].v[step] = at_step(j->one, i, step);
	return eval_spend(j->ev, n + j->one->vector.n);
}

static int two_vectors(struct eval *ev, const struct node *node, const struct value *left,
                       const struct value *right, struct value *out)
{
	bool is_set = node->op <= OP_UNLESS;
	bool swapped = node->many == SIDE_RIGHT;
	struct join j = { .ev = ev,
		          .node = node,
		          .many = swapped ? right : left,
		          .one = swapped ? left : right,
		          .swapped = swapped,
		          .out = out };
	*out = (struct value){ .type = VALUE_VECTOR };
	int r = join_begin(&j);
	if (r == 0 && is_set)
		r = set_begin(&j);
	for (uint32_t step = 0; step < ev->n && r == 0; step++)
		r = is_set ? set_step(&j, step) : join_step(&j, step);
	join_end(&j);
	return r == 0 && is_set ? value_merge(ev, out) : r;
}

int binary_eval(struct eval *ev, const struct node *node, struct value *out)
{
	struct value left = { 0 };
	struct value right = { 0 };
	int r = eval_node(ev, node->left, &left);
	if (r == 0)
		r = eval_node(ev, node->right, &right);
	if (r == 0 && left.type == VALUE_SCALAR && right.type == VALUE_SCALAR)
		r = two_scalars(ev, node, &left, &right, out);
	else if (r == 0 && (left.type == VALUE_SCALAR || right.type == VALUE_SCALAR))
		r = one_scalar(ev, node, &left, &right, out);
	else if (r == 0)
		r = two_vectors(ev, node, &left, &right, out);
	value_fini(ev, &left);
	value_fini(ev, &right);
	return r;
}
