#include <math.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "promql/arena.h"
#include "promql/error.h"
#include "promql/parser.h"
#include "promql/regex.h"

static int no_memory(struct parser *ps)
{
	return error_set(ps->error, PROMQL_EXECUTION, "the query needs too much memory");
}

/* ---- {a="b",c=~"d"} */

static int matcher_kind(struct parser *ps, enum matcher_kind *out)
{
	static const int signs[] = { '=', LEX_UNEQUAL, LEX_MATCH, LEX_NO_MATCH };
	for (size_t i = 0; i < ARRAY_LEN(signs); i++)
		if (parser_is(ps, signs[i])) {
			*out = (enum matcher_kind)i;
			return parser_next(ps);
		}
	return parser_fail(ps, "expected one of =, !=, =~, !~ behind a label");
}

static int matcher_value(struct parser *ps, struct matcher *m)
{
	const char *why = NULL;
	if (ps->lex.kind != LEX_STRING)
		return parser_fail(ps, "expected a string behind a label matching operator");
	m->value = ps->lex.word;
	if (m->kind == MATCHER_REGEX || m->kind == MATCHER_NO_REGEX) {
		m->regex = regex_make(ps->arena, m->value, &why);
		if (!m->regex)
			return parser_fail(ps, "error parsing regexp: %s", why);
	}
	return parser_next(ps);
}

static int matcher_read(struct parser *ps, struct node *node, struct sb_str metric)
{
	struct matcher *m = &node->matchers[node->n_matchers];
	if (ps->lex.kind != LEX_IDENTIFIER || !parse_is_label(ps->lex.word))
		return parser_fail(ps, "expected a label name");
	if (node->n_matchers == PARSE_MATCHERS_MAX)
		return parser_fail(ps, "too many label matchers, %d at most", PARSE_MATCHERS_MAX);
	m->name = ps->lex.word;
	if (metric.n && text_is(m->name, "__name__"))
		return parser_fail(ps, "metric name must not be set twice");
	node->n_matchers++;
	if (parser_next(ps) < 0 || matcher_kind(ps, &m->kind) < 0)
		return -1;
	return matcher_value(ps, m);
}

static int matchers_read(struct parser *ps, struct node *node, struct sb_str metric)
{
	if (parser_next(ps) < 0)
		return -1;
	while (!parser_is(ps, '}')) {
		if (matcher_read(ps, node, metric) < 0)
			return -1;
		if (parser_is(ps, '}'))
			break;
		if (parser_take(ps, ',', "label matching") < 0)
			return -1;
	}
	return parser_next(ps);
}

static bool takes_empty(struct matcher *m)
{
	switch (m->kind) {
	case MATCHER_EQUAL:
		return m->value.n == 0;
	case MATCHER_UNEQUAL:
		return m->value.n != 0;
	case MATCHER_REGEX:
		return regex_matches(m->regex, SB_STR(""));
	case MATCHER_NO_REGEX:
		return !regex_matches(m->regex, SB_STR(""));
	}
	return true;
}

struct node *parser_selector(struct parser *ps, struct sb_str metric)
{
	struct node *node = parser_node(ps, NODE_SELECTOR, VALUE_VECTOR);
	bool some = false;
	if (!node)
		return NULL;
	node->text = metric;
	node->matchers = arena_take(ps->arena, (PARSE_MATCHERS_MAX + 1) * sizeof(*node->matchers));
	if (!node->matchers) {
		no_memory(ps);
		return NULL;
	}
	if (metric.n)
		node->matchers[node->n_matchers++] =
			(struct matcher){ MATCHER_EQUAL, SB_STR("__name__"), metric, NULL };
	if (parser_is(ps, '{') && matchers_read(ps, node, metric) < 0)
		return NULL;
	for (uint32_t i = 0; i < node->n_matchers; i++)
		some = some || !takes_empty(&node->matchers[i]);
	if (!some) {
		parser_fail(ps, "vector selector must contain at least one non-empty matcher");
		return NULL;
	}
	return node;
}

/* ---- [5m] [1h:1m] offset 5m @ 1700000000 */

static int duration(struct parser *ps, int64_t *out)
{
	if (ps->lex.kind != LEX_DURATION)
		return parser_fail(ps, "expected a duration");
	*out = ps->lex.duration_ms;
	return parser_next(ps);
}

static struct node *range(struct parser *ps, struct node *node)
{
	int64_t ms = 0;
	if (parser_next(ps) < 0 || duration(ps, &ms) < 0)
		return NULL;
	if (ms == 0) {
		parser_fail(ps, "duration must be greater than 0");
		return NULL;
	}
	if (parser_is(ps, ':')) {
		struct node *sub = parser_node(ps, NODE_SUBQUERY, VALUE_MATRIX);
		if (!sub || parser_next(ps) < 0)
			return NULL;
		if (node->type != VALUE_VECTOR) {
			parser_fail(ps, "subquery is only allowed on instant vector");
			return NULL;
		}
		if (!parser_is(ps, ']') && duration(ps, &sub->step_ms) < 0)
			return NULL;
		sub->left = node;
		sub->depth = node->depth + 1;
		node = sub;
	} else if (node->kind != NODE_SELECTOR || node->type != VALUE_VECTOR || node->offset_ms ||
	           node->at) {
		parser_fail(ps, "ranges only allowed for vector selectors");
		return NULL;
	}
	node->range_ms = ms;
	node->type = VALUE_MATRIX;
	return parser_take(ps, ']', "range") < 0 ? NULL : node;
}

static bool is_selection(const struct node *node)
{
	return node->kind == NODE_SELECTOR || node->kind == NODE_SUBQUERY;
}

static int offset(struct parser *ps, struct node *node)
{
	int64_t ms = 0;
	bool negative;
	if (parser_next(ps) < 0)
		return -1;
	if (!is_selection(node))
		return parser_fail(ps, "offset modifier must be preceded by an instant vector "
		                       "selector or range vector selector or a subquery");
	if (node->offset_ms)
		return parser_fail(ps, "offset may not be set multiple times");
	negative = parser_is(ps, '-');
	if ((negative && parser_next(ps) < 0) || duration(ps, &ms) < 0)
		return -1;
	node->offset_ms = negative ? -ms : ms;
	return 0;
}

static int at_word(struct parser *ps, struct node *node)
{
	node->at = parser_is_word(ps, "start") ? AT_START : AT_END;
	if (parser_next(ps) < 0 || parser_take(ps, '(', "@") < 0)
		return -1;
	return parser_take(ps, ')', "@");
}

static int at_time(struct parser *ps, struct node *node)
{
	double sign = 1;
	if (!is_selection(node))
		return parser_fail(ps, "@ modifier must be preceded by an instant vector selector "
		                       "or range vector selector or a subquery");
	if (node->at)
		return parser_fail(ps, "@ <timestamp> may not be set multiple times");
	if (parser_is_word(ps, "start") || parser_is_word(ps, "end"))
		return at_word(ps, node);
	if (parser_is(ps, '-') || parser_is(ps, '+')) {
		sign = parser_is(ps, '-') ? -1 : 1;
		if (parser_next(ps) < 0)
			return -1;
	}
	if (ps->lex.kind != LEX_NUMBER || !(ps->lex.number < 1e13))
		return parser_fail(ps, "timestamp out of bounds for @ modifier");
	node->at = AT_TIME;
	node->at_ms = llround(sign * ps->lex.number * 1000);
	return parser_next(ps);
}

struct node *parser_times(struct parser *ps, struct node *node)
{
	while (node) {
		int r = 0;
		if (parser_is(ps, '['))
			node = range(ps, node);
		else if (parser_is_word(ps, "offset"))
			r = offset(ps, node);
		else if (parser_is(ps, '@'))
			r = parser_next(ps) < 0 ? -1 : at_time(ps, node);
		else
			return node;
		if (r < 0)
			return NULL;
	}
	return NULL;
}

int parser_names(struct parser *ps, struct names_list *out)
{
	if (parser_take(ps, '(', "grouping") < 0)
		return -1;
	out->names = arena_take(ps->arena, PARSE_NAMES_MAX * sizeof(*out->names));
	if (!out->names)
		return no_memory(ps);
	while (!parser_is(ps, ')')) {
		if (ps->lex.kind != LEX_IDENTIFIER || !parse_is_label(ps->lex.word))
			return parser_fail(ps, "expected a label name in grouping");
		if (out->n == PARSE_NAMES_MAX)
			return parser_fail(ps, "too many labels in grouping, %d at most",
			                   PARSE_NAMES_MAX);
		out->names[out->n++] = ps->lex.word;
		if (parser_next(ps) < 0)
			return -1;
		if (!parser_is(ps, ')') && parser_take(ps, ',', "grouping") < 0)
			return -1;
	}
	return parser_next(ps);
}
