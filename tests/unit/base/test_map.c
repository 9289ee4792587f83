#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "check.h"

enum { KEYS = 5000 };

static char values[KEYS];

static struct sb_str key_of(char buf[32], int i)
{
	return sb_str_of(buf, (size_t)snprintf(buf, 32, "device-%d", i));
}

static void what_is_put_is_found_until_it_is_removed(void **state)
{
	static bool there[KEYS];
	struct map *map = NULL;
	size_t count = 0;
	uint32_t random = 1;
	char buf[32];

	(void)state;
	assert_int_equal(map_new(&map), 0);
	for (int step = 0; step < 100000; step++) {
		int i = 0;
		void *old = NULL;

		random = random * 1664525 + 1013904223;
		i = (int)((random >> 8) % KEYS);
		old = there[i] ? &values[i] : NULL;
		assert_ptr_equal(map_find(map, key_of(buf, i)), old);
		if (random >> 31) {
			assert_int_equal(map_put(map, key_of(buf, i), &values[i]), 0);
			count += !there[i];
			there[i] = true;
		} else {
			assert_ptr_equal(map_remove(map, key_of(buf, i)), old);
			count -= there[i];
			there[i] = false;
		}
		assert_int_equal(map_count(map), count);
	}
	for (int i = 0; i < KEYS; i++)
		assert_ptr_equal(map_find(map, key_of(buf, i)), there[i] ? &values[i] : NULL);
	map_free(map);
}

static void putting_again_replaces(void **state)
{
	struct map *map = NULL;

	(void)state;
	assert_int_equal(map_new(&map), 0);
	assert_int_equal(map_put(map, SB_STR(""), &values[0]), 0);
	assert_int_equal(map_put(map, SB_STR(""), &values[1]), 0);
	assert_int_equal(map_count(map), 1);
	assert_ptr_equal(map_find(map, (struct sb_str){ 0 }), &values[1]);
	assert_null(map_free(map));
	assert_null(map_free(NULL));
}

static void numbers_and_bytes_are_different_keys(void **state)
{
	uint64_t number = 0x6465766963653031; /* also eight bytes of text */
	struct map *map = NULL;

	(void)state;
	assert_int_equal(map_new(&map), 0);
	assert_int_equal(map_put_u64(map, number, &values[0]), 0);
	assert_int_equal(map_put(map, sb_str_of((const char *)&number, 8), &values[1]), 0);
	assert_ptr_equal(map_find_u64(map, number), &values[0]);
	assert_ptr_equal(map_find(map, sb_str_of((const char *)&number, 8)), &values[1]);
	assert_ptr_equal(map_remove_u64(map, number), &values[0]);
	assert_null(map_remove_u64(map, number));
	assert_null(map_find_u64(map, number));
	assert_int_equal(map_count(map), 1);
	map_free(map);
}

static void each_entry_is_visited_once(void **state)
{
	static int visits[KEYS];
	struct map *map = NULL;
	size_t at = 0;
	char *value = NULL;

	(void)state;
	assert_int_equal(map_new(&map), 0);
	for (int i = 0; i < KEYS; i++)
		assert_int_equal(map_put_u64(map, (uint64_t)i * 0x100000001, &values[i]), 0);
	while ((value = map_each(map, &at)))
		visits[value - values]++;
	for (int i = 0; i < KEYS; i++)
		assert_int_equal(visits[i], 1);
	map_free(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_found_until_it_is_removed),
		cmocka_unit_test(putting_again_replaces),
		cmocka_unit_test(numbers_and_bytes_are_different_keys),
		cmocka_unit_test(each_entry_is_visited_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
