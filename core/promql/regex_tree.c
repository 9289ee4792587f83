#include "promql/regex_tree.h"

#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "promql/arena.h"

#define DEPTH_MAX  100
#define RUNE_MAX   0x10FFFFU
#define REPEAT_MAX 1000
#define RANGES_MAX 512 /* of one class */

struct reader {
	struct regex_tree *tree;
	struct arena *arena;
	struct sb_str text;
	size_t at;
	const char *why; /* NULL: well so far */
	uint32_t depth;
	bool fold, dot_all; /* flags i and s */
	struct regex_range ranges[RANGES_MAX];
	uint16_t n_ranges;
};

static struct regex_node *alternatives(struct reader *rd);

uint32_t regex_tree_rune(struct sb_str text, size_t *at)
{
	const unsigned char *p = (const unsigned char *)text.p + *at;
	size_t left = text.n - *at;
	size_t n = *p < 0x80 ? 1 : *p >= 0xC2 && *p < 0xE0 ? 2 : *p >= 0xE0 && *p < 0xF0 ? 3 : 4;
	if (n > left || !text_is_utf8(sb_str_of((const char *)p, n))) {
		*at += 1;
		return 0xFFFD;
	}
	*at += n;
	if (n == 1)
		return *p;
	uint32_t rune = *p & (0x7FU >> n);
	for (size_t i = 1; i < n; i++)
		rune = rune << 6 | (p[i] & 0x3FU);
	return rune;
}

static struct regex_node *fail(struct reader *rd, const char *why)
{
	if (!rd->why)
		rd->why = why;
	return NULL;
}

static struct regex_node *node(struct reader *rd, enum regex_kind kind)
{
	struct regex_node *one = arena_take(rd->arena, sizeof(*one));
	if (!one)
		return fail(rd, "the expression is too large");
	one->kind = (uint8_t)kind;
	return one;
}

/* Takes the member in; NULL stays NULL. */
static struct regex_node *join(struct regex_node *list, struct regex_node *member)
{
	if (!list || !member)
		return NULL;
	if (list->last)
		list->last->next = member;
	else
		list->first = member;
	list->last = member;
	return list;
}

static bool more(const struct reader *rd)
{
	return !rd->why && rd->at < rd->text.n;
}

static bool next_is(struct reader *rd, char c)
{
	return more(rd) && rd->text.p[rd->at] == c;
}

static bool skip(struct reader *rd, const char *word)
{
	size_t n = strlen(word);
	bool there = !rd->why && rd->text.n - rd->at >= n &&
	             memcmp(rd->text.p + rd->at, word, n) == 0;
	rd->at += there ? n : 0;
	return there;
}

/* ---- classes */

static void add_plain(struct reader *rd, uint32_t first, uint32_t last)
{
	if (rd->n_ranges == RANGES_MAX)
		fail(rd, "a character class has too many members");
	else
		rd->ranges[rd->n_ranges++] = (struct regex_range){ first, last };
}

static void add(struct reader *rd, uint32_t first, uint32_t last)
{
	add_plain(rd, first, last);
	if (!rd->fold)
		return;
	uint32_t a = MAX(first, (uint32_t)'a');
	uint32_t z = MIN(last, (uint32_t)'z');
	if (a <= z)
		add_plain(rd, a - 32, z - 32);
	a = MAX(first, (uint32_t)'A');
	z = MIN(last, (uint32_t)'Z');
	if (a <= z)
		add_plain(rd, a + 32, z + 32);
}

static void add_list(struct reader *rd, const char *list, bool negated)
{
	uint32_t from = 0;
	for (; *list; list += 2) { /* pairs in order */
		uint32_t first = (unsigned char)list[0];
		uint32_t last = (unsigned char)list[1];
		if (!negated)
			add(rd, first, last);
		else if (first > from)
			add_plain(rd, from, first - 1);
		from = last + 1;
	}
	if (negated)
		add_plain(rd, from, RUNE_MAX);
}

static bool add_perl(struct reader *rd, char c)
{
	static const struct {
		char c;
		const char *list;
	} known[] = { { 'd', "09" }, { 'w', "09AZ__az" }, { 's', "\t\n\f\r  " } };
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		bool negated = c == known[i].c - 32;
		if (c == known[i].c || negated) {
			add_list(rd, known[i].list, negated);
			return true;
		}
	}
	return false;
}

static bool add_posix(struct reader *rd)
{
	static const struct {
		const char *name, *list;
	} known[] = {
		{ "alnum:]", "09AZaz" },   { "alpha:]", "AZaz" },
		{ "ascii:]", "\x01\x7F" }, { "blank:]", "\t\t  " },
		{ "digit:]", "09" },       { "lower:]", "az" },
		{ "space:]", "\t\r  " },   { "upper:]", "AZ" },
		{ "word:]", "09AZ__az" },  { "xdigit:]", "09AFaf" },
		{ "graph:]", "!~" },       { "print:]", " ~" },
		{ "punct:]", "!/:@[`{~" }, { "cntrl:]", "\x01\x1F\x7F\x7F" },
	};
	if (!skip(rd, "[:"))
		return false;
	bool negated = skip(rd, "^");
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (skip(rd, known[i].name)) {
			add_list(rd, known[i].list, negated);
			return true;
		}
	fail(rd, "an unknown character class");
	return true;
}

static uint32_t hex(struct reader *rd)
{
	bool braces = skip(rd, "{");
	uint32_t v = 0;
	int n = 0;
	for (; more(rd) && n < (braces ? 6 : 2); n++, rd->at++) {
		char c = rd->text.p[rd->at];
		int digit = c >= '0' && c <= '9'   ? c - '0'
		            : c >= 'a' && c <= 'f' ? c - 'a' + 10
		            : c >= 'A' && c <= 'F' ? c - 'A' + 10
		                                   : -1;
		if (digit < 0)
			break;
		v = v * 16 + (uint32_t)digit;
	}
	if (n == 0 || v > RUNE_MAX || (braces ? !skip(rd, "}") : n != 2))
		fail(rd, "\\x is followed by two hexadecimal digits, or by some in braces");
	return v;
}

/* What stands behind a backslash and is one character. */
static uint32_t escaped(struct reader *rd)
{
	static const char letters[] = "a\at\tn\nr\rf\fv\v";
	if (!more(rd)) {
		fail(rd, "a backslash stands at the end");
		return 0;
	}
	char c = rd->text.p[rd->at];
	if (skip(rd, "x"))
		return hex(rd);
	for (size_t i = 0; letters[i]; i += 2)
		if (letters[i] == c) {
			rd->at++;
			return (uint32_t)letters[i + 1];
		}
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
		fail(rd, "an escape that is not spoken here");
	return regex_tree_rune(rd->text, &rd->at);
}

static struct regex_node *class_made(struct reader *rd, bool negated)
{
	struct regex_node *one = node(rd, REGEX_RANGES);
	if (!one)
		return NULL;
	one->ranges = arena_take(rd->arena, MAX(rd->n_ranges, 1) * sizeof(one->ranges[0]));
	if (!one->ranges)
		return fail(rd, "the expression is too large");
	memcpy(one->ranges, rd->ranges, rd->n_ranges * sizeof(one->ranges[0]));
	one->n_ranges = rd->n_ranges;
	one->negated = negated;
	return one;
}

static struct regex_node *single(struct reader *rd, uint32_t rune)
{
	rd->n_ranges = 0;
	add(rd, rune, rune);
	return class_made(rd, false);
}

static void class_member(struct reader *rd)
{
	if (add_posix(rd))
		return;
	bool escape = skip(rd, "\\");
	if (escape && more(rd) && add_perl(rd, rd->text.p[rd->at])) {
		rd->at++;
		return;
	}
	uint32_t first = escape ? escaped(rd) : regex_tree_rune(rd->text, &rd->at);
	uint32_t last = first;
	if (next_is(rd, '-') && rd->at + 1 < rd->text.n && rd->text.p[rd->at + 1] != ']') {
		rd->at++;
		last = skip(rd, "\\") ? escaped(rd) : regex_tree_rune(rd->text, &rd->at);
	}
	if (last < first)
		fail(rd, "a range of characters ends before it begins");
	else
		add(rd, first, last);
}

static struct regex_node *class_read(struct reader *rd)
{
	bool negated = skip(rd, "^");
	rd->n_ranges = 0;
	for (bool first = true; more(rd) && (first || !next_is(rd, ']')); first = false)
		class_member(rd);
	if (!skip(rd, "]"))
		return fail(rd, "missing ]");
	return class_made(rd, negated);
}

/* ---- pieces */

static struct regex_node *group_end(struct reader *rd, struct regex_node *inner)
{
	return skip(rd, ")") ? inner : fail(rd, "missing )");
}

static struct regex_node *group_kept(struct reader *rd, struct sb_str name)
{
	uint32_t number = rd->tree->n_groups++;
	if (number < REGEX_GROUPS)
		rd->tree->names[number] = name;
	struct regex_node *inner = alternatives(rd);
	struct regex_node *one = group_end(rd, inner);
	if (!one || number >= REGEX_GROUPS)
		return one;
	one = join(node(rd, REGEX_GROUP), inner);
	if (one)
		one->group = (uint16_t)number;
	return one;
}

static struct regex_node *group_named(struct reader *rd)
{
	size_t from = rd->at;
	while (more(rd) && rd->text.p[rd->at] != '>')
		rd->at++;
	struct sb_str name = sb_str_of(rd->text.p + from, rd->at - from);
	return skip(rd, ">") && name.n ? group_kept(rd, name) : fail(rd, "a group without a name");
}

/* Behind "(?": flags, then : or ). */
static struct regex_node *group_flags(struct reader *rd)
{
	bool fold = rd->fold;
	bool dot_all = rd->dot_all;
	bool on = true;
	for (; more(rd) && !next_is(rd, ':') && !next_is(rd, ')'); rd->at++) {
		char c = rd->text.p[rd->at];
		if (c == 'i')
			rd->fold = on;
		else if (c == 's')
			rd->dot_all = on;
		else if (c == '-' && on)
			on = false;
		else
			return fail(rd, "of flags only i and s are spoken here");
	}
	if (skip(rd, ")"))
		return node(rd, REGEX_EMPTY);
	skip(rd, ":");
	struct regex_node *inner = group_end(rd, alternatives(rd));
	rd->fold = fold;
	rd->dot_all = dot_all;
	return inner;
}

static struct regex_node *group_read(struct reader *rd)
{
	bool fold = rd->fold;
	bool dot_all = rd->dot_all;
	if (skip(rd, "?P<"))
		return group_named(rd);
	if (skip(rd, "?"))
		return group_flags(rd);
	struct regex_node *one = group_kept(rd, sb_str_of(NULL, 0));
	rd->fold = fold;
	rd->dot_all = dot_all;
	return one;
}

static struct regex_node *backslash(struct reader *rd)
{
	rd->n_ranges = 0;
	if (more(rd) && add_perl(rd, rd->text.p[rd->at])) {
		rd->at++;
		return class_made(rd, false);
	}
	if (skip(rd, "b"))
		return node(rd, REGEX_WORD);
	if (skip(rd, "B"))
		return node(rd, REGEX_NO_WORD);
	if (skip(rd, "A"))
		return node(rd, REGEX_BEGIN);
	if (skip(rd, "z"))
		return node(rd, REGEX_END);
	return single(rd, escaped(rd));
}

static struct regex_node *atom(struct reader *rd)
{
	if (skip(rd, "("))
		return group_read(rd);
	if (skip(rd, "["))
		return class_read(rd);
	if (skip(rd, "^"))
		return node(rd, REGEX_BEGIN);
	if (skip(rd, "$"))
		return node(rd, REGEX_END);
	if (skip(rd, "\\"))
		return backslash(rd);
	if (next_is(rd, '*') || next_is(rd, '+') || next_is(rd, '?'))
		return fail(rd, "nothing stands before a repetition");
	rd->n_ranges = 0;
	if (skip(rd, ".")) {
		add_plain(rd, 0, rd->dot_all ? RUNE_MAX : '\n' - 1);
		if (!rd->dot_all)
			add_plain(rd, '\n' + 1, RUNE_MAX);
		return class_made(rd, false);
	}
	return single(rd, regex_tree_rune(rd->text, &rd->at));
}

/* ---- repetitions */

static int number(struct reader *rd)
{
	int v = -1;
	for (; more(rd) && rd->text.p[rd->at] >= '0' && rd->text.p[rd->at] <= '9'; rd->at++) {
		v = MAX(v, 0) * 10 + rd->text.p[rd->at] - '0';
		v = MIN(v, REPEAT_MAX + 1);
	}
	return v;
}

/* {2}, {2,}, {2,4}; what is none of them is text. */
static bool counted(struct reader *rd, uint16_t *least, uint16_t *most)
{
	size_t from = rd->at;
	if (!skip(rd, "{"))
		return false;
	int a = number(rd);
	int b = a;
	if (skip(rd, ","))
		b = next_is(rd, '}') ? REGEX_MANY : number(rd);
	if (a < 0 || b < 0 || !skip(rd, "}")) {
		rd->at = from;
		return false;
	}
	if (a > REPEAT_MAX || (b > REPEAT_MAX && b != REGEX_MANY) || b < a)
		fail(rd, "a repetition is {LEAST,MOST}, 1,000 times at most");
	*least = (uint16_t)a;
	*most = (uint16_t)b;
	return true;
}

static bool repetition(struct reader *rd, uint16_t *least, uint16_t *most)
{
	*least = 0;
	*most = REGEX_MANY;
	if (skip(rd, "*"))
		return true;
	if (skip(rd, "+")) {
		*least = 1;
		return true;
	}
	if (skip(rd, "?")) {
		*most = 1;
		return true;
	}
	return counted(rd, least, most);
}

static struct regex_node *repeated(struct reader *rd)
{
	struct regex_node *one = atom(rd);
	uint16_t least;
	uint16_t most;
	uint32_t times = 0;
	while (one && repetition(rd, &least, &most)) {
		if (times++)
			return fail(rd, "a repetition of a repetition");
		one = join(node(rd, REGEX_REPEAT), one);
		if (!one)
			return NULL;
		one->least = least;
		one->most = most;
		one->lazy = skip(rd, "?");
	}
	return one;
}

static struct regex_node *sequence(struct reader *rd)
{
	struct regex_node *all = node(rd, REGEX_ALL);
	while (more(rd) && !next_is(rd, '|') && !next_is(rd, ')'))
		all = join(all, repeated(rd));
	return all;
}

static struct regex_node *alternatives(struct reader *rd)
{
	if (++rd->depth > DEPTH_MAX)
		return fail(rd, "nested too deeply, 100 levels at most");
	struct regex_node *all = join(node(rd, REGEX_EITHER), sequence(rd));
	while (skip(rd, "|"))
		all = join(all, sequence(rd));
	rd->depth--;
	return rd->why ? NULL : all;
}

int regex_tree_parse(struct regex_tree *tree, struct arena *a, struct sb_str text, const char **why)
{
	struct reader rd = { .tree = tree, .arena = a, .text = text };
	*tree = (struct regex_tree){ .n_groups = 1 };
	if (text.n > REGEX_TEXT_MAX)
		fail(&rd, "the expression is too long");
	tree->root = alternatives(&rd);
	if (!rd.why && rd.at < text.n)
		fail(&rd, "unexpected )");
	*why = rd.why;
	return rd.why ? -1 : 0;
}
