#include <pthread.h>
#include <string.h>

#include "api/marks.h"
#include "base/own.h"
#include "check.h"

static struct marks marks;
static uint32_t seen[4096], n_seen;

static void see(void *ud, uint32_t no)
{
	(void)ud;
	seen[n_seen++ % 4096] = no;
}

static int tear_down(void **state)
{
	(void)state;
	marks_fini(&marks);
	memset(&marks, 0, sizeof(marks));
	n_seen = 0;
	return 0;
}

static void a_number_marked_twice_comes_once(void **state)
{
	(void)state;
	marks_set(&marks, 7);
	marks_set(&marks, 7);
	marks_set(&marks, 5000000);
	assert_true(marks_has(&marks, 7));
	assert_false(marks_has(&marks, 8));
	assert_false(marks_has(&marks, 4000000));
	marks_take(&marks, see, NULL);
	assert_int_equal(n_seen, 2);
	assert_int_equal(seen[0], 7);
	assert_int_equal(seen[1], 5000000);
	marks_take(&marks, see, NULL);
	assert_int_equal(n_seen, 2);
}

static void numbers_beyond_the_end_are_ignored(void **state)
{
	(void)state;
	marks_set(&marks, UINT32_MAX);
	marks_unset(&marks, UINT32_MAX);
	assert_false(marks_has(&marks, UINT32_MAX));
	marks_take(&marks, see, NULL);
	assert_int_equal(n_seen, 0);
}

static void *mark_many(void *ud)
{
	uint32_t from = *(const uint32_t *)ud;

	for (uint32_t no = 0; no < 20000; no++)
		marks_set(&marks, from + no);
	return NULL;
}

static void threads_lose_no_mark(void **state)
{
	uint32_t from[2] = { 0, 10000 };
	pthread_t threads[2];

	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, mark_many, &from[i]), 0);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	marks_take(&marks, see, NULL);
	assert_int_equal(n_seen, 30000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_number_marked_twice_comes_once, tear_down),
		cmocka_unit_test_teardown(numbers_beyond_the_end_are_ignored, tear_down),
		cmocka_unit_test_teardown(threads_lose_no_mark, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
