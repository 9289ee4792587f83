/* Reading of queries, shared by the files that do it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "promql/lex.h"
#include "promql/parse.h"

struct parser {
	struct arena *arena;
	struct error *error;
	struct lex lex; /* the word that comes next */
	uint32_t depth, nodes;
};

int parser_begin(struct parser *ps, struct arena *a, struct sb_str text, struct error *error);
int parser_next(struct parser *ps);
/* Sets the error and returns -1: "1:COLUMN: parse error: TEXT". */
int parser_fail(struct parser *ps, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool parser_is(const struct parser *ps, int sign);
bool parser_is_word(const struct parser *ps, const char *word); /* ignoring case */
/* Takes the sign, which must come. */
int parser_take(struct parser *ps, int sign, const char *where);
struct node *parser_node(struct parser *ps, enum node_kind kind, enum value_type type);

/* selector.c: {a="b"} behind a name, or alone; then [5m], offset and @. */
struct node *parser_selector(struct parser *ps, struct sb_str metric);
struct node *parser_times(struct parser *ps, struct node *node);
/* (a, b) */
int parser_names(struct parser *ps, struct names_list *out);
