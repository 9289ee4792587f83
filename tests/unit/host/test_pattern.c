#include <errno.h>

#include "base/own.h"
#include "check.h"
#include "host/pattern.h"

static void patterns_mean_what_json_schema_means(void **state)
{
	(void)state;
	const struct {
		const char *pattern, *text;
		int expected;
	} rows[] = {
		{ "^a*$", "aaa", 1 },         { "^a*$", "abc", 0 },
		{ "a+", "xxaayy", 1 },        { "^\\d{3}-\\w+$", "123-abc_9", 1 },
		{ "^[\\w.-]+$", "a.b-c", 1 }, { "^\\S+$", "a b", 0 },
		{ "^(?:ab)+$", "abab", 1 },   { "^\\/x\\.y$", "/x.y", 1 },
		{ "^\\/x\\.y$", "/xzy", 0 },  { "\\\\[a]", "\\a", 1 },
		{ "(?=a)", "a", -ENOTSUP },   { "(a)\\1", "aa", -ENOTSUP },
		{ "a*?", "a", -ENOTSUP },     { "a\\b", "a", -ENOTSUP },
		{ "(", "a", -EINVAL },        { "a\\", "a", -EINVAL },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(pattern_match(rows[i].pattern, rows[i].text), rows[i].expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_mean_what_json_schema_means),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
