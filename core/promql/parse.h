/* A query as a tree. Nodes and what they point to live in the arena of the query; types are checked
 * while it is read, so that every node has operands it can work on. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct arena;
struct error;
struct function;
struct regex;

#define PARSE_TEXT_MAX     8192 /* bytes of a query */
#define PARSE_DEPTH_MAX    64
#define PARSE_NODES_MAX    1000
#define PARSE_MATCHERS_MAX 32 /* of a selector */
#define PARSE_NAMES_MAX    32 /* of on(), by() ... */

enum value_type { VALUE_SCALAR, VALUE_STRING, VALUE_VECTOR, VALUE_MATRIX };
extern const char *const value_type_names[]; /* as in messages: "instant vector" */

enum matcher_kind { MATCHER_EQUAL, MATCHER_UNEQUAL, MATCHER_REGEX, MATCHER_NO_REGEX };

struct matcher {
	enum matcher_kind kind;
	struct sb_str name, value;
	struct regex *regex;
};

enum node_kind {
	NODE_NUMBER,
	NODE_STRING,
	NODE_SELECTOR, /* a vector, or with range_ms a matrix */
	NODE_SUBQUERY, /* of left */
	NODE_NEGATE,   /* of left */
	NODE_BINARY,
	NODE_AGGREGATE, /* of left, with a parameter in right */
	NODE_CALL
};

enum at_kind { AT_NONE, AT_TIME, AT_START, AT_END };

enum binary_op {
	OP_OR,
	OP_AND,
	OP_UNLESS,
	OP_EQUAL,
	OP_UNEQUAL,
	OP_LESS,
	OP_LESS_EQUAL,
	OP_GREATER,
	OP_GREATER_EQUAL,
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV,
	OP_MOD,
	OP_ATAN2,
	OP_POW
};

enum aggregate {
	AGGREGATE_SUM,
	AGGREGATE_AVG,
	AGGREGATE_MIN,
	AGGREGATE_MAX,
	AGGREGATE_COUNT,
	AGGREGATE_GROUP,
	AGGREGATE_STDDEV,
	AGGREGATE_STDVAR,
	AGGREGATE_TOPK, /* from here on with a parameter */
	AGGREGATE_BOTTOMK,
	AGGREGATE_QUANTILE,
	AGGREGATE_COUNT_VALUES
};

enum side { SIDE_NONE, SIDE_LEFT, SIDE_RIGHT }; /* which may have many: group_left is LEFT */

struct names_list {
	uint32_t n;
	struct sb_str *names;
};

struct node {
	enum node_kind kind;
	enum value_type type;
	uint32_t from, depth; /* place in the text; levels below */
	struct node *left, *right;
	double number;
	struct sb_str text;
	/* selectors and subqueries */
	struct matcher *matchers;
	uint32_t n_matchers;
	int64_t range_ms, step_ms, offset_ms, at_ms; /* step_ms 0: the default */
	enum at_kind at;
	/* binary */
	enum binary_op op;
	bool is_bool, on; /* on: names are what must be equal, else what need not */
	enum side many;
	struct names_list names, include; /* names: also of by and without */
	/* aggregates */
	enum aggregate aggregate;
	bool without;
	/* calls */
	const struct function *function;
	struct node **args;
	uint32_t n_args;
};

/* NULL: error was set. */
struct node *parse_query(struct arena *a, struct sb_str text, struct error *error);
/* Only a selector without time, as in match[]. */
struct node *parse_selector(struct arena *a, struct sb_str text, struct error *error);
bool parse_is_label(struct sb_str name);  /* [a-zA-Z_][a-zA-Z0-9_]* */
bool parse_is_metric(struct sb_str name); /* the same with colons */
