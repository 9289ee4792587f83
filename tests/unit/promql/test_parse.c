#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "check.h"
#include "promql/arena.h"
#include "promql/error.h"
#include "promql/lex.h"
#include "promql/parse.h"

static struct sb_str str(const char *text)
{
	return sb_str_of(text, strlen(text));
}

static void what_prometheus_reads_is_read(void **state)
{
	static const struct {
		const char *text;
		enum value_type type;
	} good[] = {
		{ "1", VALUE_SCALAR },
		{ "-1e-3 + .5 * 0x1F", VALUE_SCALAR },
		{ "+Inf", VALUE_SCALAR },
		{ "NaN ^ 2 # a comment", VALUE_SCALAR },
		{ "'a\\n\\u00e9\\x41\\101'", VALUE_STRING },
		{ "`a\\b`", VALUE_STRING },
		{ "a", VALUE_VECTOR },
		{ "a:b:c", VALUE_VECTOR },
		{ "{__name__=~\"a.*\",b!=\"\"}", VALUE_VECTOR },
		{ "a{b=\"c\",}", VALUE_VECTOR },
		{ "a[5m]", VALUE_MATRIX },
		{ "a{b=\"c\"}[1h30m] offset 1d", VALUE_MATRIX },
		{ "a offset -5m", VALUE_VECTOR },
		{ "a @ 1609746000.5 offset 5m", VALUE_VECTOR },
		{ "a offset 5m @ end()", VALUE_VECTOR },
		{ "rate(a[5m])[1h:1m]", VALUE_MATRIX },
		{ "a[1h:]", VALUE_MATRIX },
		{ "sum(a) by (b, c)", VALUE_VECTOR },
		{ "sum without () (a)", VALUE_VECTOR },
		{ "topk by (x) (5, a)", VALUE_VECTOR },
		{ "count_values(\"v\", a)", VALUE_VECTOR },
		{ "SUM(a)", VALUE_VECTOR },
		{ "a + on(b) group_left(c) d", VALUE_VECTOR },
		{ "a == bool 1", VALUE_VECTOR },
		{ "1 > bool 2", VALUE_SCALAR },
		{ "a and b or c unless ignoring(x) d", VALUE_VECTOR },
		{ "-a ^ 2", VALUE_VECTOR },
		{ "count", VALUE_VECTOR }, /* a metric may have any name */
		{ "sum{by=\"x\"} + rate", VALUE_VECTOR },
		{ "offset offset 5m", VALUE_VECTOR },
		{ "((a))[5m:1m]", VALUE_MATRIX },
		{ "label_join(a, \"x\", \",\", \"b\", \"c\", \"d\")", VALUE_VECTOR },
		{ "hour()", VALUE_VECTOR },
		{ "round(a) + round(a, 5)", VALUE_VECTOR },
		{ "time()", VALUE_SCALAR },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		_own_(arena_fini) struct arena a = { .max = 1 << 20 };
		struct error error = { 0 };
		const struct node *node = parse_query(&a, str(good[i].text), &error);
		if (!node)
			print_error("%s: %s\n", good[i].text, error.text);
		assert_non_null(node);
		assert_int_equal(node->type, good[i].type);
	}
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "no expression found" },
		{ "a b", "1:3: " },
		{ "{}", "at least one non-empty matcher" },
		{ "{a=~\".*\"}", "at least one non-empty matcher" },
		{ "a{__name__=\"b\"}", "must not be set twice" },
		{ "a{b=c}", "expected a string" },
		{ "a{b=\"c\"", "expected ','" },
		{ "a{b=~\"(\"}", "missing )" },
		{ "a[5]", "expected a duration" },
		{ "a[0s]", "greater than 0" },
		{ "a[5m][5m]", "ranges only allowed" },
		{ "rate(a)",
		  "expected type range vector in call to function \"rate\", got instant" },
		{ "abs(a[5m])", "expected type instant vector" },
		{ "rate(a[5m], 1)", "unexpected number of arguments" },
		{ "clamp(a, 1)", "unexpected number of arguments" },
		{ "histogram_quantile(0.9, a)", "function with name \"histogram_quantile\"" },
		{ "sum(1)", "expected type instant vector in aggregation \"sum\"" },
		{ "topk(a)", "wrong number of arguments" },
		{ "1 > 2", "BOOL modifier" },
		{ "a + bool b", "bool modifier" },
		{ "a and 1", "set operator not allowed" },
		{ "a and on(x) group_left b", "no grouping allowed" },
		{ "a + on(x) 1", "only allowed between instant vectors" },
		{ "\"a\" + 1", "scalar and instant" },
		{ "-a[5m]", "unary expression" },
		{ "a offset 5m offset 5m", "multiple times" },
		{ "1 offset 5m", "must be preceded" },
		{ "a @ 1 @ 2", "multiple times" },
		{ "'abc", "unterminated" },
		{ "'\\z'", "escape" },
		{ "1d2", "bad number or duration" },
		{ "a ~ b", "unexpected character" },
		{ "(a", "expected ')'" },
		{ "a +", "unexpected end of input" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		_own_(arena_fini) struct arena a = { .max = 1 << 20 };
		struct error error = { 0 };
		if (parse_query(&a, str(bad[i].text), &error) || !strstr(error.text, bad[i].why))
			print_error("%s: %s\n", bad[i].text, error.text);
		assert_int_equal(error.fault, PROMQL_BAD_DATA);
		assert_non_null(strstr(error.text, bad[i].why));
	}
}

/* prefix... middle ...suffix must be refused, and quickly. */
static void is_refused(const char *prefix, const char *suffix, const char *why)
{
	static char text[PARSE_TEXT_MAX + 64];
	_own_(arena_fini) struct arena a = { .max = 8 << 20 };
	struct error error = { 0 };
	size_t n = 0;
	while (n + strlen(prefix) + 1 + strlen(suffix) * (n / strlen(prefix) + 1) <
	       PARSE_TEXT_MAX) {
		memcpy(text + n, prefix, strlen(prefix));
		n += strlen(prefix);
	}
	size_t times = n / strlen(prefix);
	text[n++] = '1';
	for (size_t i = 0; i < times; i++) {
		memcpy(text + n, suffix, strlen(suffix));
		n += strlen(suffix);
	}
	assert_null(parse_query(&a, sb_str_of(text, n), &error));
	if (!strstr(error.text, why))
		print_error("%s: %s\n", prefix, error.text);
	assert_non_null(strstr(error.text, why));
}

static void depth_length_and_parts_are_limited(void **state)
{
	static char longest[PARSE_TEXT_MAX + 2];
	_own_(arena_fini) struct arena a = { .max = 8 << 20 };
	struct error error = { 0 };
	(void)state;
	is_refused("(", ")", "nested too deeply");
	is_refused("-", "", "nested too deeply");
	is_refused("abs(", ")", "nested too deeply");
	is_refused("2^", "", "nested too deeply");
	is_refused("1+", "", "nested too deeply");
	memset(longest, 'a', sizeof(longest) - 1);
	assert_null(parse_query(&a, str(longest), &error));
	assert_non_null(strstr(error.text, "8192 bytes at most"));
}

static void durations_are_read(void **state)
{
	(void)state;
	assert_int_equal(lex_duration(str("1h30m")), 5400000);
	assert_int_equal(lex_duration(str("15ms")), 15);
	assert_int_equal(lex_duration(str("2w")), 14LL * 86400000);
	assert_int_equal(lex_duration(str("1y")), 365LL * 86400000);
	assert_int_equal(lex_duration(str("")), -1);
	assert_int_equal(lex_duration(str("5")), -1);
	assert_int_equal(lex_duration(str("5x")), -1);
	assert_int_equal(lex_duration(str("m")), -1);
	assert_int_equal(lex_duration(str("99999999999999999999y")), -1);
}

static void a_match_is_a_selector_alone(void **state)
{
	static const char *const wrong[] = { "sum(a)", "a[5m]", "a offset 1m", "1" };
	_own_(arena_fini) struct arena a = { .max = 1 << 20 };
	struct error error = { 0 };
	(void)state;
	assert_non_null(parse_selector(&a, str("a{b=\"c\"}"), &error));
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		error = (struct error){ 0 };
		(void)parse_selector(&a, str(wrong[i]), &error);
		assert_int_equal(error.fault, PROMQL_BAD_DATA);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_prometheus_reads_is_read),
		cmocka_unit_test(what_is_wrong_is_told_with_its_place),
		cmocka_unit_test(depth_length_and_parts_are_limited),
		cmocka_unit_test(durations_are_read),
		cmocka_unit_test(a_match_is_a_selector_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
