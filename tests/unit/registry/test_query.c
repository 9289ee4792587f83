#include <string.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "check.h"
#include "registry/query.h"
#include "registry/registry.h"

static struct device device(void)
{
	struct device dev = {
		.no = 1,
		.id = "boiler-2",
		.admin = DEVICE_ACTIVE,
		.name = "Boiler Two",
		.model = "TX9",
		.site = "North",
		.tags = "heat spare",
	};
	return dev;
}

static int matches(const char *text)
{
	struct device dev = device();
	struct query q;
	int r = query_parse(&q, sb_str_of(text, strlen(text)));

	return r < 0 ? r : query_matches(&q, &dev, 1000 * NS_PER_S);
}

static void words_are_found_in_every_member_whatever_their_case(void **state)
{
	(void)state;
	assert_int_equal(matches(""), 1);
	assert_int_equal(matches("  "), 1);
	assert_int_equal(matches("boil"), 1);
	assert_int_equal(matches("TWO north tx heat"), 1);
	assert_int_equal(matches("two south"), 0);
	assert_int_equal(matches("00:11"), 0);
}

static void members_compare_whole_and_not_turns_round(void **state)
{
	(void)state;
	assert_int_equal(matches("state:active site:north model:tx9 tag:spare"), 1);
	assert_int_equal(matches("site:nor"), 0);
	assert_int_equal(matches("tag:spa"), 0);
	assert_int_equal(matches("state:pending"), 0);
	assert_int_equal(matches("NOT state:pending"), 1);
	assert_int_equal(matches("boiler NOT tag:spare"), 0);
	assert_int_equal(matches("session:no NOT fresh:yes"), 1);
}

static void what_cannot_be_meant_is_refused(void **state)
{
	char text[600];

	(void)state;
	assert_int_equal(matches("state:purple"), SB_E_MALFORMED);
	assert_int_equal(matches("session:maybe"), SB_E_MALFORMED);
	assert_int_equal(matches("boiler NOT"), SB_E_MALFORMED);
	assert_int_equal(matches("a b c d e f g h i j k l m n o p q"), SB_E_RANGE);
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	assert_int_equal(matches(text), SB_E_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_found_in_every_member_whatever_their_case),
		cmocka_unit_test(members_compare_whole_and_not_turns_round),
		cmocka_unit_test(what_cannot_be_meant_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
