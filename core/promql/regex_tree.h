/* What a regular expression says, as a tree. For regex.c. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

#include "promql/regex.h"

struct arena;

enum regex_kind {
	REGEX_EMPTY,
	REGEX_RANGES, /* one character out of ranges, or, negated, one that is not */
	REGEX_ALL,    /* its members, one after the other */
	REGEX_EITHER, /* the first of its members that does */
	REGEX_REPEAT, /* its member, least to most times */
	REGEX_GROUP,  /* its member, as group */
	REGEX_BEGIN,  /* of the text */
	REGEX_END,
	REGEX_WORD,    /* where a word begins or ends */
	REGEX_NO_WORD, /* where not */
};

struct regex_range {
	uint32_t first, last;
};

#define REGEX_MANY UINT16_MAX /* most: no end */

struct regex_node {
	uint8_t kind;
	bool negated, lazy;
	uint16_t least, most, group;
	uint16_t n_ranges;
	struct regex_range *ranges;
	struct regex_node *first, *last, *next; /* members; the next member beside this one */
};

struct regex_tree {
	struct regex_node *root;
	uint32_t n_groups; /* with 0 */
	struct sb_str names[REGEX_GROUPS];
};

/* 0, or -1 and why (a literal). Nodes live in the arena. */
int regex_tree_parse(struct regex_tree *tree, struct arena *a, struct sb_str text,
                     const char **why);
/* A character of UTF-8 at *at, which moves behind it; a broken byte is U+FFFD. */
uint32_t regex_tree_rune(struct sb_str text, size_t *at);
