#include <stdlib.h>

#include "base/clock.h"
#include "check.h"
#include "registry/fake.h"
#include "registry/revoked.h"

#define NOW  (1790000000 * NS_PER_S)
#define HOUR (3600 * NS_PER_S)

static struct revoked *revoked;

static struct sb_str str(const char *s)
{
	return sb_str_of(s, strlen(s));
}

static int fresh(void **state)
{
	(void)state;
	fake_docs_clear();
	clock_set(NOW, NS_PER_S);
	return revoked_new(&revoked, fake_docs());
}

static int end(void **state)
{
	(void)state;
	revoked = revoked_free(revoked);
	clock_set(0, 0);
	return 0;
}

static void reload(void)
{
	revoked_free(revoked);
	assert_int_equal(revoked_new(&revoked, fake_docs()), 0);
	assert_int_equal(revoked_load(revoked), 0);
}

static void one_token_ends_and_no_other(void **state)
{
	(void)state;
	assert_false(revoked_has(revoked, str("eve"), NOW));
	assert_int_equal(revoked_add(revoked, str("eve"), NOW, NOW + HOUR), 0);
	assert_int_equal(revoked_add(revoked, str("eve"), NOW, NOW + HOUR), 0);
	for (int i = 0; i < 2; i++) {
		assert_true(revoked_has(revoked, str("eve"), NOW));
		assert_false(revoked_has(revoked, str("eve"), NOW + 1));
		assert_false(revoked_has(revoked, str("eva"), NOW));
		reload();
	}
	assert_int_equal(fake_docs_count(SB_STR("token.revoked")), 1);
}

static void what_has_ended_by_itself_is_forgotten(void **state)
{
	(void)state;
	assert_int_equal(revoked_add(revoked, str("eve"), NOW, NOW + HOUR), 0);
	assert_int_equal(revoked_add(revoked, str("eve"), NOW + 1, NOW + 3 * HOUR), 0);
	assert_int_equal(revoked_add(revoked, str("late"), NOW, NOW), 0);
	assert_int_equal(fake_docs_count(SB_STR("token.revoked")), 2);
	clock_set(NOW + 2 * HOUR, NS_PER_S);
	reload();
	assert_false(revoked_has(revoked, str("eve"), NOW));
	assert_true(revoked_has(revoked, str("eve"), NOW + 1));
	assert_int_equal(fake_docs_count(SB_STR("token.revoked")), 1);
}

static void there_is_an_end_to_them(void **state)
{
	(void)state;
	revoked_free(revoked);
	assert_int_equal(revoked_new(&revoked, NULL), 0);
	for (int64_t i = 0; i <= REVOKED_MAX; i++)
		assert_int_equal(revoked_add(revoked, str("eve"), i, NOW + HOUR + i), 0);
	assert_false(revoked_has(revoked, str("eve"), 0)); /* the one that would end first */
	assert_true(revoked_has(revoked, str("eve"), 1));
	assert_true(revoked_has(revoked, str("eve"), REVOKED_MAX));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fresh, end)
	const struct CMUnitTest tests[] = {
		TEST(one_token_ends_and_no_other),
		TEST(what_has_ended_by_itself_is_forgotten),
		TEST(there_is_an_end_to_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
