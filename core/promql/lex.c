#include "promql/lex.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "promql/arena.h"
#include "promql/error.h"

#define NUMBER_MAX   64
#define DURATION_MAX (200 * 366 * 86400000LL)

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static char peek(const struct lex *lex, uint32_t ahead)
{
	return lex->at + ahead < lex->text.n ? lex->text.p[lex->at + ahead] : '\0';
}

static int fail(struct lex *lex, const char *why)
{
	return error_set(lex->error, PROMQL_BAD_DATA, "1:%u: parse error: %s", lex->from + 1, why);
}

static void skip_space(struct lex *lex)
{
	for (;; lex->at++) {
		char c = peek(lex, 0);
		if (c == '#')
			while (lex->at < lex->text.n && peek(lex, 1) != '\n')
				lex->at++;
		else if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return;
		if (lex->at >= lex->text.n)
			return;
	}
}

/* ---- numbers and durations */

int64_t lex_duration(struct sb_str text)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "ms", 1 },
		      { "s", 1000 },
		      { "m", 60000 },
		      { "h", 3600000 },
		      { "d", 86400000 },
		      { "w", 7 * 86400000LL },
		      { "y", 365 * 86400000LL } };
	int64_t ms = 0;
	size_t at = 0;
	while (at < text.n) {
		int64_t v = 0;
		size_t from = at;
		for (; at < text.n && is_digit(text.p[at]) && v <= DURATION_MAX; at++)
			v = v * 10 + (text.p[at] - '0');
		if (at == from)
			return -1;
		size_t unit = 0;
		for (; unit < ARRAY_LEN(units); unit++) {
			size_t n = strlen(units[unit].name);
			bool alone = at + n == text.n || is_digit(text.p[MIN(at + n, text.n - 1)]);
			if (text.n - at >= n && alone &&
			    memcmp(text.p + at, units[unit].name, n) == 0)
				break;
		}
		if (unit == ARRAY_LEN(units) || v > DURATION_MAX / units[unit].ms)
			return -1;
		at += strlen(units[unit].name);
		ms += v * units[unit].ms;
		if (ms > DURATION_MAX)
			return -1;
	}
	return text.n ? ms : -1;
}

static int take_number(struct lex *lex)
{
	char text[NUMBER_MAX];
	char *end;
	bool hex = peek(lex, 0) == '0' && (peek(lex, 1) == 'x' || peek(lex, 1) == 'X');
	uint32_t n = 0;
	for (char c; (c = peek(lex, n)); n++) {
		char before = n ? peek(lex, n - 1) : '\0';
		bool exponent = !hex && (before == 'e' || before == 'E');
		if (!is_digit(c) && !is_letter(c) && c != '.' && !(exponent && strchr("+-", c)))
			break;
	}
	lex->word = sb_str_of(lex->text.p + lex->at, n);
	if (n >= sizeof(text))
		return fail(lex, "a number is too long");
	memcpy(text, lex->word.p, n);
	text[n] = '\0';
	lex->at += n;
	lex->duration_ms = lex_duration(lex->word);
	lex->kind = LEX_DURATION;
	if (lex->duration_ms >= 0)
		return 0;
	lex->kind = LEX_NUMBER;
	lex->number = strtod(text, &end);
	return *end ? fail(lex, "bad number or duration syntax") : 0;
}

/* ---- strings */

static int64_t digits_of(struct lex *lex, uint32_t *at, int n, int base)
{
	int64_t v = 0;
	for (int i = 0; i < n; i++, ++*at) {
		char c = *at < lex->text.n ? lex->text.p[*at] : '\0';
		int digit = is_digit(c)            ? c - '0'
		            : c >= 'a' && c <= 'f' ? c - 'a' + 10
		            : c >= 'A' && c <= 'F' ? c - 'A' + 10
		                                   : 99;
		if (digit >= base)
			return -1;
		v = v * base + digit;
	}
	return v;
}

static size_t rune_put(char *out, uint32_t rune)
{
	if (rune < 0x80) {
		out[0] = (char)rune;
		return 1;
	}
	size_t n = rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--, rune >>= 6)
		out[i] = (char)(0x80 | (rune & 0x3F));
	out[0] = (char)((0xF00U >> n) | rune);
	return n;
}

/* Behind a backslash at *at. How many bytes were put, or -1. */
static int escape(struct lex *lex, uint32_t *at, char *out)
{
	static const char simple[] = "a\ab\bf\fn\nr\rt\tv\v\\\\'\'\"\"";
	char c = *at < lex->text.n ? lex->text.p[*at] : '\0';
	for (size_t i = 0; c && simple[i]; i += 2)
		if (simple[i] == c) {
			out[0] = simple[i + 1];
			++*at;
			return 1;
		}
	int64_t v;
	if (c >= '0' && c <= '7') {
		v = digits_of(lex, at, 3, 8);
		out[0] = (char)v;
		return v < 0 || v > 255 ? -1 : 1;
	}
	++*at;
	if (c == 'x') {
		v = digits_of(lex, at, 2, 16);
		out[0] = (char)v;
		return v < 0 ? -1 : 1;
	}
	v = c == 'u' ? digits_of(lex, at, 4, 16) : c == 'U' ? digits_of(lex, at, 8, 16) : -1;
	if (v < 0 || v > 0x10FFFF || (v >= 0xD800 && v < 0xE000))
		return -1;
	return (int)rune_put(out, (uint32_t)v);
}

static uint32_t string_end(const struct lex *lex)
{
	char quote = lex->text.p[lex->at];
	uint32_t at = lex->at + 1;
	while (at < lex->text.n && lex->text.p[at] != quote)
		at += lex->text.p[at] == '\\' && quote != '`' ? 2 : 1;
	return at + 1;
}

static int take_string(struct lex *lex)
{
	char quote = lex->text.p[lex->at];
	uint32_t at = lex->at + 1;
	size_t n = 0;
	char *out = arena_take(lex->arena, string_end(lex) - lex->at); /* never longer */
	if (!out)
		return error_set(lex->error, PROMQL_EXECUTION, "the query needs too much memory");
	while (at < lex->text.n && lex->text.p[at] != quote) {
		char c = lex->text.p[at++];
		if (c == '\n' && quote != '`')
			return fail(lex, "unterminated quoted string");
		if (c != '\\' || quote == '`') {
			out[n++] = c;
			continue;
		}
		int bytes = escape(lex, &at, out + n);
		if (bytes < 0)
			return fail(lex, "unknown escape sequence in a string");
		n += (size_t)bytes;
	}
	if (at >= lex->text.n)
		return fail(lex, "unterminated quoted string");
	lex->at = at + 1;
	lex->kind = LEX_STRING;
	lex->word = sb_str_of(out, n);
	return text_is_utf8(lex->word) ? 0 : fail(lex, "a string is not UTF-8");
}

/* ---- words */

static void take_identifier(struct lex *lex)
{
	uint32_t n = 0;
	for (char c; (c = peek(lex, n)) && (is_letter(c) || is_digit(c) || c == ':');)
		n++;
	lex->kind = LEX_IDENTIFIER;
	lex->word = sb_str_of(lex->text.p + lex->at, n);
	lex->at += n;
}

static int take_sign(struct lex *lex)
{
	static const struct {
		char text[3];
		int sign;
	} two[] = { { "==", LEX_EQUAL },         { "!=", LEX_UNEQUAL }, { "<=", LEX_LESS_EQUAL },
		    { ">=", LEX_GREATER_EQUAL }, { "=~", LEX_MATCH },   { "!~", LEX_NO_MATCH } };
	char c = peek(lex, 0);
	lex->kind = LEX_SIGN;
	for (size_t i = 0; i < ARRAY_LEN(two); i++)
		if (two[i].text[0] == c && two[i].text[1] == peek(lex, 1)) {
			lex->sign = two[i].sign;
			lex->at += 2;
			return 0;
		}
	if (!c || !strchr("(){}[],:@+-*/%^=<>", c))
		return fail(lex, "unexpected character");
	lex->sign = c;
	lex->at++;
	return 0;
}

int lex_next(struct lex *lex)
{
	skip_space(lex);
	lex->from = lex->at;
	lex->sign = 0;
	lex->word = sb_str_of(NULL, 0);
	if (lex->at >= lex->text.n) {
		lex->kind = LEX_END;
		return 0;
	}
	char c = peek(lex, 0);
	if (is_digit(c) || (c == '.' && is_digit(peek(lex, 1))))
		return take_number(lex);
	if (c == '"' || c == '\'' || c == '`')
		return take_string(lex);
	if (is_letter(c)) {
		take_identifier(lex);
		return 0;
	}
	return take_sign(lex);
}
