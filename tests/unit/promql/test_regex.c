#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "check.h"
#include "promql/arena.h"
#include "promql/regex.h"

static struct sb_str str(const char *text)
{
	return sb_str_of(text, strlen(text));
}

static void is(const char *expression, const char *text, bool expected)
{
	_own_(arena_fini) struct arena a = { .max = 4 << 20 };
	const char *why = NULL;
	struct regex *re = regex_make(&a, str(expression), &why);
	if (!re)
		print_error("%s: %s\n", expression, why);
	assert_non_null(re);
	if (regex_matches(re, str(text)) != expected)
		print_error("/%s/ on '%s' should be %d\n", expression, text, expected);
	assert_int_equal(regex_matches(re, str(text)), expected);
}

static void expressions_match_whole_texts(void **state)
{
	static const struct {
		const char *expression, *text;
		bool matches;
	} cases[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "abc", "abc", true },
		{ "abc", "abcd", false },
		{ "a|bc|d", "bc", true },
		{ "a|bc|d", "ab", false },
		{ "a.c", "abc", true },
		{ "a.c", "a\nc", false },
		{ "(?s)a.c", "a\nc", true },
		{ "a.c", "aéc", true },
		{ ".*", "", true },
		{ ".+", "", false },
		{ "a*b+c?", "aabb", true },
		{ "a*b+c?", "aacc", false },
		{ "a{2}", "aa", true },
		{ "a{2}", "aaa", false },
		{ "a{2,}", "aaaa", true },
		{ "a{1,2}", "aaa", false },
		{ "a{,2}", "a{,2}", true },
		{ "[a-c]+", "abc", true },
		{ "[^a-c]+", "abc", false },
		{ "[^a-c]+", "xyz", true },
		{ "[]a]+", "]a", true },
		{ "[a-]+", "a-", true },
		{ "\\d+\\.\\d", "12.5", true },
		{ "\\w+\\s\\S", "a_1 x", true },
		{ "[[:digit:]]+", "123", true },
		{ "[\\d.]+", "1.2", true },
		{ "[^\\D]+", "12", true },
		{ "(?i)AbC", "aBc", true },
		{ "(?i:a)B", "AB", true },
		{ "(?i:a)B", "Ab", false },
		{ "(a(b|c)*)+", "abcab", true },
		{ "x(?:ab)?y", "xy", true },
		{ "(?P<n>a)b", "ab", true },
		{ "\\x41\\x{e9}", "Aé", true },
		{ "^a$", "a", true },
		{ "a^b", "ab", false },
		{ "a\\b-\\Bb", "a-b", false },
		{ "ab\\b.*", "ab c", true },
		{ "(a*)*", "aaa", true },
		{ "(a|a)*b", "aaab", true },
		{ "[é-ü]+", "éü", true },
		{ "node-1|node-2", "node-2", true },
		{ "a??b", "ab", true },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		is(cases[i].expression, cases[i].text, cases[i].matches);
}

static void what_is_no_expression_is_refused_with_a_reason(void **state)
{
	static const char *const wrong[] = { "(",
		                             ")",
		                             "a)",
		                             "[a",
		                             "*a",
		                             "a**",
		                             "a{3,2}",
		                             "a{2000}",
		                             "\\",
		                             "\\q",
		                             "[z-a]",
		                             "(?<a>b)",
		                             "(?=a)",
		                             "\\1",
		                             "\\pL",
		                             "\\Qa\\E",
		                             "[[:x:]]",
		                             "(?P<>a)",
		                             "((a{1000}){1000}){1000}" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		_own_(arena_fini) struct arena a = { .max = 4 << 20 };
		const char *why = NULL;
		if (regex_make(&a, str(wrong[i]), &why))
			print_error("accepted: %s\n", wrong[i]);
		assert_null(regex_make(&a, str(wrong[i]), &why));
		assert_non_null(why);
	}
}

static void groups_are_found(void **state)
{
	_own_(arena_fini) struct arena a = { .max = 4 << 20 };
	struct sb_str groups[REGEX_GROUPS];
	const char *why;
	struct regex *re = regex_make(&a, str("(a+)(b)?-(?P<tail>.*?)(z*)"), &why);
	(void)state;
	assert_true(regex_groups(re, str("aa-xyzz"), groups));
	assert_int_equal(groups[1].n, 2);
	assert_null(groups[2].p);
	assert_int_equal(groups[3].n, 2); /* xy: lazy */
	assert_int_equal(groups[4].n, 2);
	assert_int_equal(regex_group(re, str("tail")), 3);
	assert_int_equal(regex_group(re, str("head")), -1);
	assert_false(regex_groups(re, str("b"), groups));
}

/* What takes a backtracking matcher longer than the world exists. */
static void no_expression_is_slow(void **state)
{
	static const char *const evil[] = { "(a*)*b", "(a|aa)+b", "(a?){500}a{500}b", "(.*){20}b",
		                            "((a+)+)+b" };
	char text[501];
	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[500] = 0;
	int64_t begin_ns = clock_mono();
	for (size_t i = 0; i < ARRAY_LEN(evil); i++)
		is(evil[i], text, false);
	assert_true(clock_mono() - begin_ns < 5 * NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expressions_match_whole_texts),
		cmocka_unit_test(what_is_no_expression_is_refused_with_a_reason),
		cmocka_unit_test(groups_are_found),
		cmocka_unit_test(no_expression_is_slow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
