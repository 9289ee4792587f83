#include <errno.h>
#include <string.h>

#include "check.h"
#include "series/retention.h"

#define DAY 86400000000000LL

static char why[200];

static int parse(struct retention *r, const char *text)
{
	*why = 0;
	return retention_parse(r, sb_str_of(text, strlen(text)), why, sizeof(why));
}

static int64_t keep(const struct retention *r, const char *class_)
{
	return retention_of(r, sb_str_of(class_, strlen(class_)));
}

static void each_class_has_its_time(void **state)
{
	struct retention r;
	(void)state;
	assert_int_equal(parse(&r, RETENTION_DEFAULT), 0);
	assert_int_equal(keep(&r, "raw"), 90 * DAY);
	assert_int_equal(keep(&r, "raw-fast"), 90 * DAY);
	assert_int_equal(keep(&r, "1m"), 365 * DAY);
	assert_int_equal(keep(&r, "1h"), 3650 * DAY);
	assert_int_equal(keep(&r, "1d"), 0);
	assert_int_equal(keep(&r, "events"), 730 * DAY);
	assert_int_equal(keep(&r, "unheard-of"), 0);
	assert_int_equal(retention_of_tiers(&r), 0);
}

static void what_is_not_named_keeps_its_default(void **state)
{
	struct retention r;
	(void)state;
	assert_int_equal(parse(&r, " raw 2w ,raw-fast   36h, 1d 20y"), 0);
	assert_int_equal(keep(&r, "raw"), 14 * DAY);
	assert_int_equal(keep(&r, "raw-fast"), 36 * DAY / 24);
	assert_int_equal(keep(&r, "1h"), 3650 * DAY);
	assert_int_equal(retention_of_tiers(&r), 7300 * DAY);
	assert_int_equal(parse(&r, "raw forever"), 0);
	assert_int_equal(keep(&r, "raw"), 0);
}

static void a_time_alone_is_for_all(void **state)
{
	struct retention r;
	(void)state;
	assert_int_equal(parse(&r, "365d"), 0);
	assert_int_equal(keep(&r, "raw"), 365 * DAY);
	assert_int_equal(keep(&r, "1d"), 365 * DAY);
	assert_int_equal(retention_of_tiers(&r), 365 * DAY);
	assert_int_equal(parse(&r, "0"), 0);
	assert_int_equal(keep(&r, "raw"), 0);
	assert_int_equal(keep(&r, "1m"), 0);
}

static void mistakes_are_named(void **state)
{
	static const char *const bad[] = { "raw",     "raw 90",  "raw 90d 1m 1y",
		                           "Raw 90d", "raw -1d", "raw 101y",
		                           ",",       "raw ever" };
	struct retention r;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(&r, bad[i]), -EINVAL);
		assert_non_null(strstr(why, "as \"raw 90d\""));
	}
	assert_int_equal(parse(&r, "a 1d,b 1d,c 1d,d 1d,e 1d,f 1d,g 1d,h 1d,i 1d,j 1d,k 1d,l 1d"),
	                 -EINVAL);
	assert_non_null(strstr(why, "16 classes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_class_has_its_time),
		cmocka_unit_test(what_is_not_named_keeps_its_default),
		cmocka_unit_test(a_time_alone_is_for_all),
		cmocka_unit_test(mistakes_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
