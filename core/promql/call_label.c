#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "promql/arena.h"
#include "promql/call.h"
#include "promql/eval.h"
#include "promql/labels.h"
#include "promql/promql.h"
#include "promql/regex.h"

#define TEXT_MAX 4096 /* of a label that is made */

struct text {
	char p[TEXT_MAX];
	size_t n;
	bool full;
};

static void text_add(struct text *t, struct sb_str s)
{
	if (s.n > sizeof(t->p) - t->n) {
		t->full = true;
		return;
	}
	if (s.n)
		memcpy(t->p + t->n, s.p, s.n);
	t->n += s.n;
}

static int set_label(struct eval *ev, struct vector_series *s, struct sb_str name,
                     const struct text *t)
{
	struct arena *a = ev->budget->arena;
	struct labels_draft draft;
	if (t->full)
		return eval_fail(ev, "a label becomes longer than %d bytes", TEXT_MAX);
	labels_begin(&draft, s->labels);
	labels_set(&draft, name, arena_copy(a, sb_str_of(t->p, t->n)));
	if (draft.full)
		return eval_fail(ev, "a series gets more than %d labels", LABELS_MAX);
	const struct labels *labels = labels_make(&draft, a);
	if (!labels)
		return eval_no_memory(ev);
	s->labels = labels;
	return eval_spend(ev, 64);
}

/* ---- label_replace(v, to, template, from, regex) */

static bool is_name_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '_';
}

static struct sb_str group_text(const struct regex *re, struct sb_str name,
                                const struct sb_str groups[REGEX_GROUPS])
{
	bool digits = name.n > 0 && name.n <= 3;
	int number = 0;
	for (size_t i = 0; i < name.n && digits; i++) {
		digits = name.p[i] >= '0' && name.p[i] <= '9';
		number = number * 10 + (name.p[i] - '0');
	}
	if (!digits)
		number = regex_group(re, name);
	return number >= 0 && number < REGEX_GROUPS ? groups[number] : sb_str_of(NULL, 0);
}

/* $1, ${1}, $name, ${name}, $$; a $ before anything else stands for itself. */
static size_t expand_dollar(const struct regex *re, struct sb_str rest,
                            const struct sb_str groups[REGEX_GROUPS], struct text *out)
{
	bool braces = rest.n > 1 && rest.p[1] == '{';
	size_t from = braces ? 2 : 1;
	size_t end = from;
	if (rest.n > 1 && rest.p[1] == '$') {
		text_add(out, SB_STR("$"));
		return 2;
	}
	while (end < rest.n && is_name_char(rest.p[end]))
		end++;
	if (end == from || (braces && (end == rest.n || rest.p[end] != '}'))) {
		text_add(out, SB_STR("$"));
		return 1;
	}
	text_add(out, group_text(re, sb_str_of(rest.p + from, end - from), groups));
	return end + braces;
}

static void expand(const struct regex *re, struct sb_str template,
                   const struct sb_str groups[REGEX_GROUPS], struct text *out)
{
	out->n = 0;
	out->full = false;
	for (size_t i = 0; i < template.n;) {
		if (template.p[i] != '$') {
			text_add(out, sb_str_of(template.p + i, 1));
			i++;
		} else {
			i += expand_dollar(re, sb_str_of(template.p + i, template.n - i), groups,
			                   out);
		}
	}
}

static int replace_all(struct eval *ev, const struct node *node, struct regex *re,
                       struct value *out)
{
	struct sb_str groups[REGEX_GROUPS] = { 0 };
	struct text text;
	for (uint32_t i = 0; i < out->vector.n; i++) {
		struct vector_series *s = &out->vector.series[i];
		if (!regex_groups(re, labels_get(s->labels, node->args[3]->text), groups))
			continue;
		expand(re, node->args[2]->text, groups, &text);
		if (set_label(ev, s, node->args[1]->text, &text) < 0)
			return -1;
	}
	return ev->budget->arena->full ? eval_no_memory(ev) : value_merge(ev, out);
}

int call_label_replace(struct eval *ev, const struct node *node, struct value *out)
{
	const char *why = NULL;
	struct regex *re = regex_make(ev->budget->arena, node->args[4]->text, &why);
	if (!re)
		return eval_fail(ev, "invalid regular expression in label_replace(): %s", why);
	if (!parse_is_label(node->args[1]->text))
		return eval_fail(ev, "invalid destination label name in label_replace()");
	int r = eval_node(ev, node->args[0], out);
	return r < 0 ? r : replace_all(ev, node, re, out);
}

/* ---- label_join(v, to, separator, from...) */

int call_label_join(struct eval *ev, const struct node *node, struct value *out)
{
	struct text text;
	if (!parse_is_label(node->args[1]->text))
		return eval_fail(ev, "invalid destination label name in label_join()");
	int r = eval_node(ev, node->args[0], out);
	for (uint32_t i = 0; r == 0 && i < out->vector.n; i++) {
		struct vector_series *s = &out->vector.series[i];
		text.n = 0;
		text.full = false;
		for (uint32_t k = 3; k < node->n_args; k++) {
			if (k > 3)
				text_add(&text, node->args[2]->text);
			text_add(&text, labels_get(s->labels, node->args[k]->text));
		}
		r = set_label(ev, s, node->args[1]->text, &text);
	}
	return r < 0 ? r : value_merge(ev, out);
}
