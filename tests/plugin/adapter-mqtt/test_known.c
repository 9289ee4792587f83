#include <stdio.h>

#include "check.h"
#include "known.h"

static struct sb_str topic_of(char *buf, size_t cap, unsigned n)
{
	int len = snprintf(buf, cap, "devices/behind-%u/telemetry", n);
	return sb_str_of(buf, (size_t)len);
}

static void nothing_is_known_at_first(void **state)
{
	(void)state;
	assert_int_equal(known_find(NULL, SB_STR("devices/a/telemetry")), 0);
	known_forget(NULL, 1);
	assert_null(known_free(NULL));
}

static void every_device_behind_a_gateway_is_known(void **state)
{
	(void)state;
	struct known *k = NULL;
	char buf[64];
	unsigned found = 0;
	for (unsigned n = 1; n <= 64; n++)
		known_add(&k, topic_of(buf, sizeof(buf), n), n);
	for (unsigned n = 1; n <= 64; n++) {
		sb_device device = known_find(k, topic_of(buf, sizeof(buf), n));
		assert_true(device == 0 || device == n);
		found += device == n;
	}
	assert_true(found > 56);
	assert_int_equal(known_find(k, SB_STR("devices/behind-1/telemetr")), 0);
	known_free(k);
}

static void the_newest_topic_is_always_known(void **state)
{
	(void)state;
	struct known *k = NULL;
	char buf[64];
	for (unsigned n = 1; n <= 5000; n++) {
		known_add(&k, topic_of(buf, sizeof(buf), n), n);
		assert_int_equal(known_find(k, topic_of(buf, sizeof(buf), n)), n);
	}
	known_free(k);
}

static void a_device_can_be_forgotten(void **state)
{
	(void)state;
	struct known *k = NULL;
	known_add(&k, SB_STR("devices/a/telemetry"), 1);
	known_add(&k, SB_STR("devices/b/telemetry"), 2);
	known_forget(k, 1);
	assert_int_equal(known_find(k, SB_STR("devices/a/telemetry")), 0);
	assert_int_equal(known_find(k, SB_STR("devices/b/telemetry")), 2);
	known_add(&k, SB_STR("devices/a/telemetry"), 3);
	assert_int_equal(known_find(k, SB_STR("devices/a/telemetry")), 3);
	known_free(k);
}

static void long_topics_do_not_fill_the_memory(void **state)
{
	(void)state;
	struct known *k = NULL;
	char buf[1000];
	memset(buf, 'x', sizeof(buf));
	for (unsigned n = 1; n <= 3; n++) {
		buf[0] = (char)('0' + n);
		known_add(&k, sb_str_of(buf, sizeof(buf)), n);
	}
	/* One long topic is a device's own; more are looked up each time. */
	assert_int_equal(known_find(k, sb_str_of(buf, sizeof(buf))), 3);
	known_add(&k, SB_STR("short"), 7);
	buf[0] = '9';
	known_add(&k, sb_str_of(buf, sizeof(buf)), 9);
	assert_int_equal(known_find(k, sb_str_of(buf, sizeof(buf))), 0);
	assert_int_equal(known_find(k, SB_STR("short")), 7);
	known_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_known_at_first),
		cmocka_unit_test(every_device_behind_a_gateway_is_known),
		cmocka_unit_test(the_newest_topic_is_always_known),
		cmocka_unit_test(a_device_can_be_forgotten),
		cmocka_unit_test(long_topics_do_not_fill_the_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
