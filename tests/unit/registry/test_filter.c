#include <string.h>

#include "check.h"
#include "registry/filter.h"

static struct sb_str str(const char *s)
{
	return sb_str_of(s, strlen(s));
}

static void wildcards_stand_alone_and_the_many_level_one_last(void **state)
{
	(void)state;
	for (const char *const *f = (const char *const[]){ "a", "/", "+", "#", "a/+/b", "a/#",
	                                                   "$SYS/#", "//", "+/+/#", NULL };
	     *f; f++)
		assert_true(filter_is_ok(str(*f)));
	for (const char *const *f = (const char *const[]){ "", "a+", "a/#/b", "#a", "a/b#", "\xff",
	                                                   "a\033b", NULL };
	     *f; f++)
		assert_false(filter_is_ok(str(*f)));
	assert_false(filter_is_ok(sb_str_of("a\0b", 3)));
}

static void a_filter_covers_what_it_matches_and_narrower_filters(void **state)
{
	static const struct {
		const char *wide, *narrow;
		bool covers;
	} rows[] = {
		{ "a/b", "a/b", true },     { "a/b", "a/c", false },      { "a/b", "a/b/c", false },
		{ "a/b/c", "a/b", false },  { "a/#", "a", true },         { "a/#", "a/b/c", true },
		{ "a/#", "b", false },      { "a/+", "a/b", true },       { "a/+", "a", false },
		{ "a/+", "a/b/c", false },  { "a/+", "a/#", false },      { "a/+", "a/+", true },
		{ "a/#", "a/+/b", true },   { "a/#", "a/#", true },       { "#", "#", true },
		{ "#", "a/b", true },       { "#", "/", true },           { "#", "$SYS/x", false },
		{ "+/x", "$SYS/x", false }, { "$SYS/#", "$SYS/x", true }, { "#", "$SYS/#", false },
		{ "+/+", "a/b", true },     { "a/b", "a/+", false },      { "a/b", "#", false },
		{ "+/#", "a", true },       { "", "a", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (filter_covers(str(rows[i].wide), str(rows[i].narrow)) != rows[i].covers)
			fail_msg("%s, %s", rows[i].wide, rows[i].narrow);
	}
}

static void filters_meet_where_a_topic_matches_both(void **state)
{
	static const struct {
		const char *a, *b;
		bool meet;
	} rows[] = {
		{ "a/+", "+/b", true },
		{ "a/+", "b/+", false },
		{ "#", "a", true },
		{ "a/#", "a", true },
		{ "a/b/#", "a", false },
		{ "a/b", "a/b/+", false },
		{ "+/#", "$SYS/x", false },
		{ "a/#", "+/b/c", true },
		{ "$SYS/#", "$SYS/+", true },
		{ "a/+/c", "a/b/#", true },
		{ "a", "b", false },
		{ "devices/+/#", "#", true },
		{ "devices/+/#", "+/x", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (filter_meets(str(rows[i].a), str(rows[i].b)) != rows[i].meet ||
		    filter_meets(str(rows[i].b), str(rows[i].a)) != rows[i].meet)
			fail_msg("%s, %s", rows[i].a, rows[i].b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wildcards_stand_alone_and_the_many_level_one_last),
		cmocka_unit_test(a_filter_covers_what_it_matches_and_narrower_filters),
		cmocka_unit_test(filters_meet_where_a_topic_matches_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
