#include "promql/parse.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "promql/arena.h"
#include "promql/error.h"
#include "promql/function.h"
#include "promql/parser.h"

const char *const value_type_names[] = { "scalar", "string", "instant vector", "range vector" };

static struct node *expression(struct parser *ps, int least);

bool parse_is_metric(struct sb_str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		              c == ':';
		if (!letter && (i == 0 || c < '0' || c > '9'))
			return false;
	}
	return name.n > 0;
}

bool parse_is_label(struct sb_str name)
{
	return parse_is_metric(name) && !memchr(name.p, ':', name.n);
}

/* ---- words */

int parser_fail(struct parser *ps, const char *format, ...)
{
	char text[200];
	va_list ap;
	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return error_set(ps->error, PROMQL_BAD_DATA, "1:%u: parse error: %s", ps->lex.from + 1,
	                 text);
}

int parser_next(struct parser *ps)
{
	return lex_next(&ps->lex);
}

int parser_begin(struct parser *ps, struct arena *a, struct sb_str text, struct error *error)
{
	*ps = (struct parser){ .arena = a, .error = error };
	ps->lex = (struct lex){ .text = text, .arena = a, .error = error };
	if (text.n > PARSE_TEXT_MAX)
		return error_set(error, PROMQL_BAD_DATA,
		                 "the query is too long: %d bytes at most; name fewer things",
		                 PARSE_TEXT_MAX);
	return parser_next(ps);
}

bool parser_is(const struct parser *ps, int sign)
{
	return ps->lex.kind == LEX_SIGN && ps->lex.sign == sign;
}

bool parser_is_word(const struct parser *ps, const char *word)
{
	return ps->lex.kind == LEX_IDENTIFIER && text_is_nocase(ps->lex.word, word);
}

int parser_take(struct parser *ps, int sign, const char *where)
{
	if (!parser_is(ps, sign))
		return parser_fail(ps, "expected '%c' in %s", sign, where);
	return parser_next(ps);
}

struct node *parser_node(struct parser *ps, enum node_kind kind, enum value_type type)
{
	struct node *node = NULL;
	if (ps->nodes++ >= PARSE_NODES_MAX)
		parser_fail(ps, "the query has too many parts, %d at most", PARSE_NODES_MAX);
	else if (!(node = arena_take(ps->arena, sizeof(*node))))
		error_set(ps->error, PROMQL_EXECUTION, "the query needs too much memory");
	if (!node)
		return NULL;
	node->kind = kind;
	node->type = type;
	node->from = ps->lex.from;
	node->depth = 1;
	return node;
}

static struct node *depth_checked(struct parser *ps, struct node *node)
{
	uint32_t depth = MAX(node->left ? node->left->depth : 0,
	                     node->right ? node->right->depth : 0);
	for (uint32_t i = 0; i < node->n_args; i++)
		depth = MAX(depth, node->args[i]->depth);
	node->depth = depth + 1;
	if (node->depth <= PARSE_DEPTH_MAX)
		return node;
	parser_fail(ps, "the query is nested too deeply, %d levels at most", PARSE_DEPTH_MAX);
	return NULL;
}

static int type_check(struct parser *ps, const struct node *node, enum value_type type,
                      const char *where)
{
	if (node->type == type)
		return 0;
	ps->lex.from = node->from;
	return parser_fail(ps, "expected type %s in %s, got %s", value_type_names[type], where,
	                   value_type_names[node->type]);
}

/* ---- operators */

struct operator_row {
	const char *word; /* or a sign */
	int sign;
	enum binary_op op;
	int binds;
};

static const struct operator_row operators[] = {
	{ "or", 0, OP_OR, 1 },
	{ "and", 0, OP_AND, 2 },
	{ "unless", 0, OP_UNLESS, 2 },
	{ NULL, LEX_EQUAL, OP_EQUAL, 3 },
	{ NULL, LEX_UNEQUAL, OP_UNEQUAL, 3 },
	{ NULL, '<', OP_LESS, 3 },
	{ NULL, LEX_LESS_EQUAL, OP_LESS_EQUAL, 3 },
	{ NULL, '>', OP_GREATER, 3 },
	{ NULL, LEX_GREATER_EQUAL, OP_GREATER_EQUAL, 3 },
	{ NULL, '+', OP_ADD, 4 },
	{ NULL, '-', OP_SUB, 4 },
	{ NULL, '*', OP_MUL, 5 },
	{ NULL, '/', OP_DIV, 5 },
	{ NULL, '%', OP_MOD, 5 },
	{ "atan2", 0, OP_ATAN2, 5 },
	{ NULL, '^', OP_POW, 6 },
};

#define UNARY_BINDS 5

static const struct operator_row *operator_here(const struct parser *ps)
{
	for (size_t i = 0; i < ARRAY_LEN(operators); i++)
		if (operators[i].word ? parser_is_word(ps, operators[i].word)
		                      : parser_is(ps, operators[i].sign))
			return &operators[i];
	return NULL;
}

static bool is_comparison(enum binary_op op)
{
	return op >= OP_EQUAL && op <= OP_GREATER_EQUAL;
}

/* on(), ignoring(), group_left(), group_right() */
static int matching(struct parser *ps, struct node *node)
{
	node->on = parser_is_word(ps, "on");
	if (!node->on && !parser_is_word(ps, "ignoring"))
		return 0;
	if (parser_next(ps) < 0 || parser_names(ps, &node->names) < 0)
		return -1;
	if (parser_is_word(ps, "group_left"))
		node->many = SIDE_LEFT;
	else if (parser_is_word(ps, "group_right"))
		node->many = SIDE_RIGHT;
	else
		return 0;
	if (node->op <= OP_UNLESS)
		return parser_fail(ps, "no grouping allowed for set operations");
	if (parser_next(ps) < 0)
		return -1;
	return parser_is(ps, '(') ? parser_names(ps, &node->include) : 0;
}

static int operands_check(struct parser *ps, struct node *node)
{
	enum value_type left = node->left->type;
	enum value_type right = node->right->type;
	bool scalars = left == VALUE_SCALAR && right == VALUE_SCALAR;
	ps->lex.from = node->from;
	if ((left != VALUE_SCALAR && left != VALUE_VECTOR) ||
	    (right != VALUE_SCALAR && right != VALUE_VECTOR))
		return parser_fail(ps, "binary expression must contain only scalar and instant "
		                       "vector types");
	if (node->op <= OP_UNLESS && (left == VALUE_SCALAR || right == VALUE_SCALAR))
		return parser_fail(ps, "set operator not allowed in binary scalar expression");
	if ((left == VALUE_SCALAR || right == VALUE_SCALAR) && (node->names.n || node->on))
		return parser_fail(ps, "vector matching only allowed between instant vectors");
	if (is_comparison(node->op) && scalars && !node->is_bool)
		return parser_fail(ps, "comparisons between scalars must use BOOL modifier");
	node->type = scalars ? VALUE_SCALAR : VALUE_VECTOR;
	return 0;
}

static struct node *binary(struct parser *ps, struct node *left, const struct operator_row *row)
{
	struct node *node = parser_node(ps, NODE_BINARY, VALUE_VECTOR);
	if (!node || parser_next(ps) < 0)
		return NULL;
	node->op = row->op;
	if (parser_is_word(ps, "bool")) {
		if (!is_comparison(row->op)) {
			parser_fail(ps, "bool modifier can only be used on comparison operators");
			return NULL;
		}
		node->is_bool = true;
		if (parser_next(ps) < 0)
			return NULL;
	}
	if (matching(ps, node) < 0)
		return NULL;
	node->left = left;
	node->right = expression(ps, row->op == OP_POW ? row->binds : row->binds + 1);
	if (!node->right)
		return NULL;
	uint32_t from = ps->lex.from;
	if (operands_check(ps, node) < 0)
		return NULL;
	ps->lex.from = from;
	return depth_checked(ps, node);
}

/* ---- calls and aggregates */

static int args_read(struct parser *ps, struct node *node, uint32_t max)
{
	node->args = arena_take(ps->arena, max * sizeof(node->args[0]));
	if (!node->args)
		return error_set(ps->error, PROMQL_EXECUTION, "the query needs too much memory");
	if (parser_take(ps, '(', "call") < 0)
		return -1;
	while (!parser_is(ps, ')')) {
		if (node->n_args == max)
			return parser_fail(ps, "too many arguments");
		struct node *arg = expression(ps, 0);
		if (!arg)
			return -1;
		node->args[node->n_args++] = arg;
		if (!parser_is(ps, ')') && parser_take(ps, ',', "call") < 0)
			return -1;
	}
	return parser_next(ps);
}

static enum value_type type_of(char c)
{
	return c == 's'   ? VALUE_SCALAR
	       : c == 't' ? VALUE_STRING
	       : c == 'v' ? VALUE_VECTOR
	                  : VALUE_MATRIX;
}

static int args_check(struct parser *ps, const struct node *node)
{
	const struct function *f = node->function;
	const char *spec = f->args;
	bool optional = false;
	char where[64];
	uint32_t i = 0;
	(void)snprintf(where, sizeof(where), "call to function \"%s\"", f->name);
	for (; *spec; spec++) {
		if (*spec == '?' || *spec == '*') {
			optional = true;
			continue;
		}
		bool repeats = spec > f->args && spec[-1] == '*';
		if (i == node->n_args && !optional)
			break;
		for (; i < node->n_args; i++) {
			if (type_check(ps, node->args[i], type_of(*spec), where) < 0)
				return -1;
			if (!repeats) {
				i++;
				break;
			}
		}
	}
	if (i == node->n_args && (!*spec || optional))
		return 0;
	return parser_fail(ps, "unexpected number of arguments (%u) in %s", node->n_args, where);
}

#define ARGS_MAX 16

static struct node *call(struct parser *ps, const struct function *f)
{
	struct node *node = parser_node(ps, NODE_CALL, f->result);
	if (!node)
		return NULL;
	node->function = f;
	if (args_read(ps, node, ARGS_MAX) < 0 || args_check(ps, node) < 0)
		return NULL;
	return depth_checked(ps, node);
}

static const char *const aggregates[] = { "sum",   "avg",     "min",      "max",
	                                  "count", "group",   "stddev",   "stdvar",
	                                  "topk",  "bottomk", "quantile", "count_values" };

/* by (a, b), without (a, b): in front of the arguments, or behind. */
static int grouping(struct parser *ps, struct node *node, bool *done)
{
	node->without = parser_is_word(ps, "without");
	*done = node->without || parser_is_word(ps, "by");
	if (!*done)
		return 0;
	return parser_next(ps) < 0 ? -1 : parser_names(ps, &node->names);
}

static int aggregate_args(struct parser *ps, struct node *node)
{
	const char *name = aggregates[node->aggregate];
	bool param = node->aggregate >= AGGREGATE_TOPK;
	char where[64];
	(void)snprintf(where, sizeof(where), "aggregation \"%s\"", name);
	if (args_read(ps, node, 2) < 0)
		return -1;
	if (node->n_args != (param ? 2U : 1U))
		return parser_fail(ps,
		                   "wrong number of arguments for aggregate expression "
		                   "provided, expected %d, got %u",
		                   param ? 2 : 1, node->n_args);
	node->left = node->args[node->n_args - 1];
	node->right = param ? node->args[0] : NULL;
	if (type_check(ps, node->left, VALUE_VECTOR, where) < 0)
		return -1;
	if (!param)
		return 0;
	return type_check(ps, node->right,
	                  node->aggregate == AGGREGATE_COUNT_VALUES ? VALUE_STRING : VALUE_SCALAR,
	                  where);
}

static struct node *aggregate(struct parser *ps, enum aggregate kind)
{
	struct node *node = parser_node(ps, NODE_AGGREGATE, VALUE_VECTOR);
	bool done;
	if (!node)
		return NULL;
	node->aggregate = kind;
	if (grouping(ps, node, &done) < 0 || aggregate_args(ps, node) < 0 ||
	    (!done && grouping(ps, node, &done) < 0))
		return NULL;
	return depth_checked(ps, node);
}

/* ---- primaries */

static struct node *number(struct parser *ps, double v)
{
	struct node *node = parser_node(ps, NODE_NUMBER, VALUE_SCALAR);
	if (!node)
		return NULL;
	node->number = v;
	return parser_next(ps) < 0 ? NULL : node;
}

/* A name is a metric, unless what follows makes it something else. */
static struct node *named(struct parser *ps)
{
	struct sb_str name = ps->lex.word;
	if (text_is_nocase(name, "inf"))
		return number(ps, (double)INFINITY);
	if (text_is_nocase(name, "nan"))
		return number(ps, (double)NAN);
	if (parser_next(ps) < 0)
		return NULL;
	bool opens = parser_is(ps, '(');
	for (size_t i = 0; i < ARRAY_LEN(aggregates); i++)
		if (text_is_nocase(name, aggregates[i]) &&
		    (opens || parser_is_word(ps, "by") || parser_is_word(ps, "without")))
			return aggregate(ps, (enum aggregate)i);
	const struct function *f = opens ? function_find(name) : NULL;
	if (f)
		return call(ps, f);
	if (opens) {
		parser_fail(ps, "unknown or unsupported function with name \"%.*s\"",
		            (int)MIN(name.n, 64), name.p);
		return NULL;
	}
	return parser_selector(ps, name);
}

static struct node *parenthesis(struct parser *ps)
{
	struct node *node;
	if (parser_next(ps) < 0 || !(node = expression(ps, 0)))
		return NULL;
	return parser_take(ps, ')', "paren expression") < 0 ? NULL : node;
}

static struct node *negated(struct parser *ps)
{
	bool minus = parser_is(ps, '-');
	struct node *node = parser_node(ps, NODE_NEGATE, VALUE_VECTOR);
	if (!node || parser_next(ps) < 0 || !(node->left = expression(ps, UNARY_BINDS + 1)))
		return NULL;
	node->type = node->left->type;
	if (node->type != VALUE_SCALAR && node->type != VALUE_VECTOR) {
		parser_fail(ps,
		            "unary expression only allowed on expressions of type scalar or "
		            "instant vector, got %s",
		            value_type_names[node->type]);
		return NULL;
	}
	return minus ? depth_checked(ps, node) : node->left;
}

static struct node *primary(struct parser *ps)
{
	struct node *node;
	switch (ps->lex.kind) {
	case LEX_NUMBER:
		return parser_times(ps, number(ps, ps->lex.number));
	case LEX_STRING:
		node = parser_node(ps, NODE_STRING, VALUE_STRING);
		if (!node)
			return NULL;
		node->text = ps->lex.word;
		return parser_next(ps) < 0 ? NULL : node;
	case LEX_IDENTIFIER:
		return parser_times(ps, named(ps));
	case LEX_SIGN:
		if (parser_is(ps, '('))
			return parser_times(ps, parenthesis(ps));
		if (parser_is(ps, '{'))
			return parser_times(ps, parser_selector(ps, SB_STR("")));
		if (parser_is(ps, '-') || parser_is(ps, '+'))
			return negated(ps);
		break;
	case LEX_DURATION:
	case LEX_END:
		break;
	}
	parser_fail(ps, ps->lex.kind == LEX_END ? "unexpected end of input" : "unexpected word");
	return NULL;
}

/* Operators that bind at least so tightly. */
static struct node *expression(struct parser *ps, int least)
{
	if (++ps->depth > 2 * PARSE_DEPTH_MAX) {
		parser_fail(ps, "the query is nested too deeply, %d levels at most",
		            PARSE_DEPTH_MAX);
		return NULL;
	}
	struct node *node = primary(ps);
	const struct operator_row *row;
	while (node && (row = operator_here(ps)) && row->binds >= least)
		node = binary(ps, node, row);
	ps->depth--;
	return node;
}

struct node *parse_query(struct arena *a, struct sb_str text, struct error *error)
{
	struct parser ps;
	if (parser_begin(&ps, a, text, error) < 0)
		return NULL;
	if (ps.lex.kind == LEX_END) {
		parser_fail(&ps, "no expression found in input");
		return NULL;
	}
	struct node *node = expression(&ps, 0);
	if (!node)
		return NULL;
	if (ps.lex.kind == LEX_END)
		return node;
	parser_fail(&ps, "unexpected word behind the expression");
	return NULL;
}

struct node *parse_selector(struct arena *a, struct sb_str text, struct error *error)
{
	struct node *node = parse_query(a, text, error);
	if (!node || (node->kind == NODE_SELECTOR && node->type == VALUE_VECTOR &&
	              !node->offset_ms && !node->at))
		return node;
	error_set(error, PROMQL_BAD_DATA, "a match[] is a selector alone: NAME{LABEL=\"VALUE\"}");
	return NULL;
}
