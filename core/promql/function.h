/* The functions of the language: a row each. */
#pragma once
#include <stdint.h>

#include "promql/parse.h"

struct eval;
struct value;
struct window;

struct function {
	const char *name;
	/* What it takes: s scalar, t text, v vector, m matrix; behind ? it may be left out, the
	 * one behind * may come again and again. */
	const char *args;
	enum value_type result;
	/* One of them. Over the samples of a window, at least one; a number, or VALUE_ABSENT. */
	double (*over)(const struct window *window, const double *scalars);
	double (*math)(double v);
	int (*call)(struct eval *ev, const struct node *node, struct value *out);
	bool keeps_name;
};

const struct function *function_find(struct sb_str name); /* NULL: there is none */
