/* A source of samples that a test spells out: "metric{a=\"b\"} 1 2 _ 4" has a sample every ten
 * seconds from 0 on, _ is none, x is a stale mark. */
#pragma once
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "check.h"
#include "promql/labels.h"
#include "promql/promql.h"
#include "promql/regex.h"

#define WORLD_SERIES  32
#define WORLD_SAMPLES 512
#define WORLD_STEP_MS 10000

struct world_series {
	char name[64], label[4][2][32];
	int n_labels, n;
	struct promql_sample samples[WORLD_SAMPLES];
	int reads; /* how often it was asked for */
};

struct world {
	struct world_series series[WORLD_SERIES];
	int n;
};

static inline void world_add(struct world *w, const char *text)
{
	struct world_series *s = &w->series[w->n++];
	int at = 0;
	assert_int_equal(sscanf(text, "%63[^{ ]%n", s->name, &at), 1);
	text += at;
	while (*text == '{' || *text == ',') {
		assert_int_equal(sscanf(text, "%*[{,]%31[^=]=\"%31[^\"]\"%n",
		                        s->label[s->n_labels][0], s->label[s->n_labels][1], &at),
		                 2);
		s->n_labels++;
		text += at;
	}
	text += *text == '}';
	char *copy = strdup(text);
	char *rest = copy;
	int k = 0;
	for (char *word; (word = strsep(&rest, " ")); k += *word != '\0') {
		if (!*word || *word == '_')
			continue;
		s->samples[s->n++] = (struct promql_sample){ k * WORLD_STEP_MS,
			                                     *word == 'x' ? value_absent()
			                                                  : strtod(word, NULL) };
	}
	free(copy);
}

static inline bool world_matches(const struct labels *labels, const struct matcher *m)
{
	struct sb_str value = labels_get(labels, m->name);
	bool equal = value.n == m->value.n &&
	             (value.n == 0 || memcmp(value.p, m->value.p, value.n) == 0);
	switch (m->kind) {
	case MATCHER_EQUAL:
		return equal;
	case MATCHER_UNEQUAL:
		return !equal;
	case MATCHER_REGEX:
		return regex_matches(m->regex, value);
	case MATCHER_NO_REGEX:
		return !regex_matches(m->regex, value);
	}
	return false;
}

static inline int world_select(void *ud, struct arena *a, const struct node *selector,
                               const int64_t ms[2],
                               int (*found)(void *ud, const struct labels *labels, void *series),
                               void *found_ud)
{
	struct world *w = ud;
	int r = 0;
	assert_true(ms[0] <= ms[1]);
	for (int i = 0; i < w->n && r == 0; i++) {
		struct world_series *s = &w->series[i];
		struct labels_draft d;
		labels_begin(&d, NULL);
		labels_set(&d, SB_STR("__name__"), sb_str_of(s->name, strlen(s->name)));
		for (int k = 0; k < s->n_labels; k++)
			labels_set(&d, sb_str_of(s->label[k][0], strlen(s->label[k][0])),
			           sb_str_of(s->label[k][1], strlen(s->label[k][1])));
		const struct labels *labels = labels_make(&d, a);
		bool all = labels != NULL;
		for (uint32_t k = 0; k < selector->n_matchers && all; k++)
			all = world_matches(labels, &selector->matchers[k]);
		r = all ? found(found_ud, labels, s) : 0;
	}
	return r;
}

static inline int world_read(void *ud, void *series, const int64_t ms[2],
                             int (*sample)(void *ud, int64_t ms, double v), void *sample_ud)
{
	struct world_series *s = series;
	(void)ud;
	s->reads++;
	for (int i = 0; i < s->n; i++)
		if (s->samples[i].ms >= ms[0] && s->samples[i].ms <= ms[1] &&
		    sample(sample_ud, s->samples[i].ms, s->samples[i].v))
			return 0;
	return 0;
}

struct world_text {
	char p[4096];
	size_t n;
};

static inline void world_print(struct world_text *t, struct sb_str s)
{
	t->n += (size_t)snprintf(t->p + t->n, sizeof(t->p) - t->n, "%.*s", (int)s.n,
	                         s.n ? s.p : "");
}

static inline void world_number(struct world_text *t, double v)
{
	char number[33];
	size_t n = v - v == 0 ? text_f64(number, v)
	                      : (size_t)snprintf(number, sizeof(number), "%f", v);
	world_print(t, SB_STR(" "));
	if (value_is_absent(v))
		world_print(t, SB_STR("_"));
	else
		world_print(t, sb_str_of(number, n));
}

static inline void world_labels(struct world_text *t, const struct labels *labels)
{
	world_print(t, labels_get(labels, SB_STR("__name__")));
	world_print(t, SB_STR("{"));
	for (uint32_t i = 0; i < labels->n; i++)
		if (!text_is(labels->l[i].name, "__name__")) {
			if (t->p[t->n - 1] != '{')
				world_print(t, SB_STR(","));
			world_print(t, labels->l[i].name);
			world_print(t, SB_STR("="));
			world_print(t, labels->l[i].value);
		}
	world_print(t, SB_STR("}"));
}

/* "name{a=b} 1 2 _; ..." for the steps, or "!error". */
static inline void world_answer(const struct promql_answer *a, int r, struct world_text *t)
{
	*t = (struct world_text){ .n = 0 };
	if (r < 0) {
		world_print(t, SB_STR("!"));
		world_print(t, sb_str_of(a->error.text, strlen(a->error.text)));
		return;
	}
	if (a->value.type == VALUE_STRING)
		world_print(t, a->value.text);
	for (uint32_t i = 0; a->value.scalar && i < a->n_steps; i++)
		world_number(t, a->value.scalar[i]);
	for (uint32_t k = 0; k < a->value.vector.n; k++) {
		const struct vector_series *s = &a->value.vector.series[k];
		if (k)
			world_print(t, SB_STR("; "));
		world_labels(t, s->labels);
		for (uint32_t i = 0; !s->samples && i < a->n_steps; i++)
			world_number(t, s->v[i]);
		for (uint32_t i = 0; i < s->n_samples; i++)
			world_number(t, s->samples[i].v);
	}
}

static const struct promql_limits world_limits = { .max_series = 100,
	                                           .max_values = 100000,
	                                           .max_samples = 100000,
	                                           .max_bytes = 1 << 20,
	                                           .until_ns = INT64_MAX };

/* The query from start to end seconds in steps of so many seconds; step 0: at start. */
static inline void world_is(struct world *w, const char *query, const int seconds[3],
                            const char *expected)
{
	const struct promql_source source = { world_select, world_read, NULL, w };
	const struct promql_query q = { sb_str_of(query, strlen(query)),
		                        seconds[0] * 1000LL,
		                        seconds[1] * 1000LL,
		                        seconds[2] * 1000LL,
		                        &source,
		                        &world_limits };
	struct promql_answer answer = { 0 };
	struct world_text text;
	world_answer(&answer, promql_run(&q, &answer), &text);
	if (strcmp(text.p, expected) != 0)
		print_error("%s\n  expected: %s\n  answered: %s\n", query, expected, text.p);
	assert_string_equal(text.p, expected);
	promql_end(&answer);
}
