#include "promql/regex.h"

#include <string.h>

#include "base/own.h"
#include "promql/arena.h"
#include "promql/regex_tree.h"

#define PROGRAM_FIRST 64
#define PROGRAM_MAX   10000
#define NOWHERE       SIZE_MAX

/* The tree becomes a program that runs over the text once, all its threads side by side; there is
 * at most one thread at each instruction, so that no expression can make it slow. */
enum op { OP_RANGES, OP_SPLIT, OP_JUMP, OP_SAVE, OP_ASSERT, OP_MATCH };

struct instruction {
	uint8_t op, kind; /* kind: of assertion */
	bool negated;
	uint16_t n_ranges; /* or which place to save */
	const struct regex_range *ranges;
	uint32_t x, y; /* where to go on; x first */
};

struct threads { /* a set in order of priority */
	uint32_t n;
	uint32_t *dense, *sparse;
	size_t (*places)[2 * REGEX_GROUPS]; /* by instruction */
};

struct todo {
	uint32_t at;
	int16_t place; /* -1: go on at; else what stood there comes back */
	size_t old;
};

struct regex {
	struct arena *arena;
	struct regex_tree tree;
	struct instruction *program;
	uint32_t n, cap;
	struct threads now, then;
	struct todo *todo;
	bool literal; /* nothing but one text */
	struct sb_str text;
};

/* ---- from tree to program */

static uint32_t emit(struct regex *re, enum op op)
{
	if (re->n == re->cap) {
		uint32_t cap = re->cap * 2;
		struct instruction *p = NULL;
		if (re->n < PROGRAM_MAX)
			p = arena_take(re->arena, cap * sizeof(*p));
		if (!p) {
			re->arena->full = true;
			return 0;
		}
		memcpy(p, re->program, re->n * sizeof(*p));
		re->program = p;
		re->cap = cap;
	}
	re->program[re->n].op = (uint8_t)op;
	return re->n++;
}

static void compile(struct regex *re, const struct regex_node *node);

static void compile_either(struct regex *re, const struct regex_node *node)
{
	uint32_t last = 0; /* jumps to the end are chained through y, from 1 */
	for (const struct regex_node *one = node->first; one && !re->arena->full; one = one->next) {
		if (!one->next) {
			compile(re, one);
			break;
		}
		uint32_t split = emit(re, OP_SPLIT);
		re->program[split].x = re->n;
		compile(re, one);
		uint32_t jump = emit(re, OP_JUMP);
		re->program[jump].y = last;
		last = jump + 1;
		re->program[split].y = re->n;
	}
	while (last && !re->arena->full) {
		struct instruction *jump = &re->program[last - 1];
		last = jump->y;
		jump->x = re->n;
	}
}

static void compile_split(struct regex *re, uint32_t split, bool lazy)
{
	struct instruction *in = &re->program[split];
	in->x = lazy ? re->n : split + 1;
	in->y = lazy ? split + 1 : re->n;
}

static void compile_repeat(struct regex *re, const struct regex_node *node)
{
	for (uint32_t i = 0; i < node->least && !re->arena->full; i++)
		compile(re, node->first);
	if (node->most == REGEX_MANY) {
		uint32_t split = emit(re, OP_SPLIT);
		compile(re, node->first);
		uint32_t jump = emit(re, OP_JUMP);
		re->program[jump].x = split;
		compile_split(re, split, node->lazy);
		return;
	}
	for (uint32_t i = node->least; i < node->most && !re->arena->full; i++) {
		uint32_t split = emit(re, OP_SPLIT);
		compile(re, node->first);
		compile_split(re, split, node->lazy);
	}
}

static void compile_group(struct regex *re, const struct regex_node *node)
{
	uint32_t at = emit(re, OP_SAVE);
	re->program[at].n_ranges = (uint16_t)(2 * node->group);
	re->program[at].x = at + 1;
	compile(re, node->first);
	at = emit(re, OP_SAVE);
	re->program[at].n_ranges = (uint16_t)(2 * node->group + 1);
	re->program[at].x = at + 1;
}

static void compile_one(struct regex *re, const struct regex_node *node)
{
	uint32_t at = emit(re, node->kind == REGEX_RANGES ? OP_RANGES : OP_ASSERT);
	struct instruction *in = &re->program[at];
	in->kind = node->kind;
	in->negated = node->negated;
	in->ranges = node->ranges;
	in->n_ranges = node->n_ranges;
	in->x = at + 1;
}

/* As deep as the tree, which is limited; what is too large sets arena->full. */
static void compile(struct regex *re, const struct regex_node *node)
{
	if (re->arena->full)
		return;
	switch ((enum regex_kind)node->kind) {
	case REGEX_EMPTY:
		return;
	case REGEX_ALL:
		for (const struct regex_node *one = node->first; one; one = one->next)
			compile(re, one);
		return;
	case REGEX_EITHER:
		compile_either(re, node);
		return;
	case REGEX_REPEAT:
		compile_repeat(re, node);
		return;
	case REGEX_GROUP:
		compile_group(re, node);
		return;
	case REGEX_RANGES:
	case REGEX_BEGIN:
	case REGEX_END:
	case REGEX_WORD:
	case REGEX_NO_WORD:
		compile_one(re, node);
		return;
	}
}

static bool threads_make(struct arena *a, struct threads *t, uint32_t n)
{
	t->dense = arena_take(a, n * sizeof(*t->dense));
	t->sparse = arena_take(a, n * sizeof(*t->sparse));
	return t->dense && t->sparse;
}

static bool is_literal(struct sb_str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == 0 || strchr("\\.+*?()|[]{}^$", text.p[i]))
			return false;
	return true;
}

struct regex *regex_make(struct arena *a, struct sb_str text, const char **why)
{
	struct regex *re = arena_take(a, sizeof(*re));
	*why = "there is no memory for the expression";
	if (!re || !(re->program = arena_take(a, PROGRAM_FIRST * sizeof(*re->program))))
		return NULL;
	re->cap = PROGRAM_FIRST;
	re->arena = a;
	re->text = text;
	re->literal = is_literal(text);
	if (regex_tree_parse(&re->tree, a, text, why) < 0)
		return NULL;
	compile(re, re->tree.root);
	emit(re, OP_MATCH);
	*why = "the expression is too large";
	if (a->full || !threads_make(a, &re->now, re->n) || !threads_make(a, &re->then, re->n))
		return NULL;
	re->todo = arena_take(a, (2 * re->n + 1) * sizeof(*re->todo));
	if (!re->todo)
		return NULL;
	*why = NULL;
	return re;
}

int regex_group(const struct regex *re, struct sb_str name)
{
	for (uint32_t i = 1; i < MIN(re->tree.n_groups, (uint32_t)REGEX_GROUPS); i++)
		if (name.n && re->tree.names[i].n == name.n &&
		    memcmp(re->tree.names[i].p, name.p, name.n) == 0)
			return (int)i;
	return -1;
}

/* ---- running */

struct run {
	struct regex *re;
	struct sb_str text;
	bool keeps;                      /* places are wanted */
	size_t places[2 * REGEX_GROUPS]; /* of the thread that is followed */
};

static bool is_word(struct sb_str text, size_t at)
{
	char c = at < text.n ? text.p[at] : ' ';
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '_';
}

static bool holds(const struct run *run, uint8_t kind, size_t at)
{
	bool edge = is_word(run->text, at) != (at > 0 && is_word(run->text, at - 1));
	switch (kind) {
	case REGEX_BEGIN:
		return at == 0;
	case REGEX_END:
		return at == run->text.n;
	case REGEX_WORD:
		return edge;
	default:
		return !edge;
	}
}

static bool enter(struct threads *t, uint32_t at)
{
	uint32_t where = t->sparse[at];
	if (where < t->n && t->dense[where] == at)
		return false;
	t->sparse[at] = t->n;
	t->dense[t->n++] = at;
	return true;
}

/* Follows one instruction that takes no character; more to follow goes to the list. */
static uint32_t follow_one(struct run *run, const struct instruction *in, uint32_t n, size_t at)
{
	struct todo *todo = run->re->todo;
	if (in->op == OP_SPLIT)
		todo[n++] = (struct todo){ in->y, -1, 0 };
	if (in->op == OP_SAVE && run->keeps) {
		todo[n++] = (struct todo){ 0, (int16_t)in->n_ranges, run->places[in->n_ranges] };
		run->places[in->n_ranges] = at;
	}
	if (in->op != OP_ASSERT || holds(run, in->kind, at))
		todo[n++] = (struct todo){ in->x, -1, 0 };
	return n;
}

/* Everything that can be reached from an instruction without a character. */
static void follow(struct run *run, struct threads *t, uint32_t from, size_t at)
{
	struct regex *re = run->re;
	uint32_t n = 0;
	re->todo[n++] = (struct todo){ from, -1, 0 };
	while (n) {
		struct todo one = re->todo[--n];
		if (one.place >= 0) {
			run->places[one.place] = one.old;
			continue;
		}
		if (!enter(t, one.at))
			continue;
		const struct instruction *in = &re->program[one.at];
		if (in->op != OP_RANGES && in->op != OP_MATCH)
			n = follow_one(run, in, n, at);
		else if (run->keeps)
			memcpy(t->places[one.at], run->places, sizeof(run->places));
	}
}

static bool takes(const struct instruction *in, uint32_t rune)
{
	bool in_one = false;
	for (uint16_t i = 0; i < in->n_ranges && !in_one; i++)
		in_one = rune >= in->ranges[i].first && rune <= in->ranges[i].last;
	return in_one != in->negated;
}

static bool step(struct run *run, size_t at, uint32_t rune)
{
	struct threads *now = &run->re->now;
	struct threads *then = &run->re->then;
	then->n = 0;
	for (uint32_t i = 0; i < now->n; i++) {
		const struct instruction *in = &run->re->program[now->dense[i]];
		if (in->op != OP_RANGES || !takes(in, rune))
			continue;
		if (run->keeps)
			memcpy(run->places, now->places[now->dense[i]], sizeof(run->places));
		follow(run, then, in->x, at);
	}
	struct threads other = *now;
	*now = *then;
	*then = other;
	return now->n > 0;
}

static bool run_all(struct run *run)
{
	struct regex *re = run->re;
	size_t at = 0;
	re->now.n = 0;
	follow(run, &re->now, 0, 0);
	while (at < run->text.n) {
		uint32_t rune = regex_tree_rune(run->text, &at);
		if (!step(run, at, rune))
			return false;
	}
	for (uint32_t i = 0; i < re->now.n; i++)
		if (re->program[re->now.dense[i]].op == OP_MATCH) {
			if (run->keeps)
				memcpy(run->places, re->now.places[re->now.dense[i]],
				       sizeof(run->places));
			return true;
		}
	return false;
}

bool regex_matches(struct regex *re, struct sb_str text)
{
	struct run run = { .re = re, .text = text };
	if (re->literal)
		return text.n == re->text.n && (!text.n || !memcmp(text.p, re->text.p, text.n));
	return run_all(&run);
}

bool regex_groups(struct regex *re, struct sb_str text, struct sb_str groups[REGEX_GROUPS])
{
	struct run run = { .re = re, .text = text, .keeps = true };
	size_t bytes = re->n * sizeof(*re->now.places);
	if (!re->now.places)
		re->now.places = arena_take(re->arena, bytes);
	if (!re->then.places)
		re->then.places = arena_take(re->arena, bytes);
	if (!re->now.places || !re->then.places)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(run.places); i++)
		run.places[i] = NOWHERE;
	if (!run_all(&run))
		return false;
	groups[0] = text;
	for (int i = 1; i < REGEX_GROUPS; i++) {
		size_t from = run.places[2 * i];
		size_t to = run.places[2 * i + 1];
		groups[i] = from == NOWHERE || to == NOWHERE ? sb_str_of(NULL, 0)
		                                             : sb_str_of(text.p + from, to - from);
	}
	return true;
}
