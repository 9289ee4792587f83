#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/civil.h"
#include "base/file.h"
#include "base/zone.h"
#include "base/zone_rule.h"
#include "check.h"

#define YEAR_S 31557600LL

static uint64_t seed = 88172645463325252ULL;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static int32_t offset_at(const struct zone *z, int64_t s)
{
	struct zone_span span;
	zone_at(z, s, &span);
	return span.offset_s;
}

/* The C library reads the same files in its own way. */
static void check_zone(const char *name)
{
	struct zone *z = NULL;
	assert_int_equal(zone_load(&z, sb_str_of(name, strlen(name))), 0);
	setenv("TZ", name, 1);
	tzset();
	for (int i = 0; i < 300; i++) {
		time_t t = (time_t)(rnd() % (uint64_t)(300 * YEAR_S)) - 100 * YEAR_S;
		struct zone_span span;
		struct tm tm;
		zone_at(z, t, &span);
		localtime_r(&t, &tm);
		if (tm.tm_gmtoff != span.offset_s)
			fail_msg("%s at %lld: %ld, not %d", name, (long long)t, tm.tm_gmtoff,
			         span.offset_s);
		/* Just around the change, too. */
		if (span.begin_s < -100 * YEAR_S)
			continue;
		t = (time_t)span.begin_s - 1;
		localtime_r(&t, &tm);
		if (tm.tm_gmtoff != span.offset_before)
			fail_msg("%s before %lld: %ld, not %d", name, (long long)t, tm.tm_gmtoff,
			         span.offset_before);
	}
	zone_free(z);
}

static void every_zone_of_the_system_is_read_as_the_c_library_does(void **state)
{
	(void)state;
	FILE *f = fopen("/usr/share/zoneinfo/zone1970.tab", "r");
	char line[512];
	char name[80];
	int n = 0;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#' || sscanf(line, "%*s\t%*s\t%79s", name) != 1)
			continue;
		check_zone(name);
		n++;
	}
	fclose(f);
	assert_true(n > 200);
	check_zone("UTC");
	check_zone("Etc/GMT-14");
	check_zone("EST5EDT");
	unsetenv("TZ");
}

static void names_lead_nowhere_else(void **state)
{
	(void)state;
	static const char *const bad[] = { "",
		                           "/etc/passwd",
		                           "../../etc/passwd",
		                           "Europe/",
		                           "Europe//Berlin",
		                           "Europe/../UTC",
		                           ".",
		                           "-1",
		                           "Europe/Ber lin",
		                           "Europe/B\xc3\xa9",
		                           "America/1x" };
	struct zone *z = NULL;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(zone_load(&z, sb_str_of(bad[i], strlen(bad[i]))), -EINVAL);
	assert_int_equal(zone_load(&z, sb_str_of("UTC\0x", 5)), -EINVAL);
	assert_int_equal(zone_load(&z, SB_STR("Europe/Atlantis")), -ENOENT);
	assert_int_equal(zone_load(&z, SB_STR("Europe")), -ENOENT);
	assert_int_equal(zone_load(&z, SB_STR("UTC/Berlin")), -ENOENT);
	assert_int_equal(zone_load(&z, SB_STR("tzdata/zi")), -ENOENT);
	assert_int_equal(zone_load(&z, SB_STR("leapseconds")), SB_E_MALFORMED);
	assert_true(zone_is_name(SB_STR("America/Argentina/Buenos_Aires")));
	assert_true(zone_is_name(SB_STR("Etc/GMT+12")));
	assert_null(z);
}

static void rules_in_every_form_are_understood(void **state)
{
	(void)state;
	struct zone_rule r;
	assert_int_equal(zone_rule_take(SB_STR("<-03>3"), &r), 0);
	assert_int_equal(r.standard_s, -3 * 3600);
	assert_false(r.has_summer);
	assert_int_equal(zone_rule_take(SB_STR("IST-1GMT0,M10.5.0,M3.5.0/1"), &r), 0);
	assert_int_equal(r.standard_s, 3600);
	assert_int_equal(r.summer_s, 0);
	assert_int_equal(zone_rule_take(SB_STR("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"), &r), 0);
	assert_int_equal(r.standard_s, 37800);
	assert_int_equal(zone_rule_take(SB_STR("XXX3,J60/-1:30,365/167"), &r), SB_E_MALFORMED);
	assert_int_equal(zone_rule_take(SB_STR("XXX3YYY,J60/-1:30,365/167"), &r), 0);
	/* March 1st, in a leap year or not, half past ten the day before, in UTC-3 */
	assert_int_equal(zone_rule_moment(&r.begin, 2023, -10800), 1677637800 - 3600);
	assert_int_equal(zone_rule_moment(&r.begin, 2024, -10800), 1709260200 - 3600);
	static const char *const bad[] = { "",
		                           "A",
		                           "ABC",
		                           "ABC25",
		                           "ABC1:60",
		                           "ABC1DEF",
		                           "ABC1DEF,M13.1.0,M4.1.0",
		                           "ABC1DEF,M3.6.0,M4.1.0",
		                           "ABC1DEF,M3.5.0,M4.1.0x",
		                           "<ABC1",
		                           "ABC99999999999" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(zone_rule_take(sb_str_of(bad[i], strlen(bad[i])), &r),
		                 SB_E_MALFORMED);
}

static void a_damaged_file_is_refused_not_followed(void **state)
{
	(void)state;
	struct buffer file = { 0 };
	struct zone *z = NULL;
	assert_int_equal(file_read_all("/usr/share/zoneinfo/America/St_Johns", 65536, &file), 0);
	for (size_t n = 0; n < file.n; n++) {
		uint8_t *cut = malloc(n ? n : 1);
		memcpy(cut, file.p, n);
		if (zone_of_bytes(&z, (struct sb_bytes){ cut, n }) == 0)
			fail_msg("%zu bytes of %zu are taken for a zone", n, file.n);
		free(cut);
	}
	for (int i = 0; i < 3000; i++) {
		uint8_t *p = malloc(file.n);
		memcpy(p, file.p, file.n);
		for (int k = 0; k < 3; k++)
			p[rnd() % (i % 2 ? file.n : 120)] = (uint8_t)rnd();
		if (zone_of_bytes(&z, (struct sb_bytes){ p, file.n }) == 0) {
			assert_in_range(offset_at(z, (int64_t)rnd()) + ZONE_OFFSET_MAX, 0,
			                2 * ZONE_OFFSET_MAX);
			z = zone_free(z);
		}
		free(p);
	}
	buffer_fini(&file);
}

static void the_calendar_holds_far_out(void **state)
{
	(void)state;
	assert_int_equal(civil_month_day(0), 0);
	assert_int_equal(civil_month_day(2), 59);
	assert_int_equal(civil_month_day((2000 - 1970) * 12 + 2), 11017);
	assert_int_equal(civil_month_of(-1), -1);
	for (int64_t m = -40000; m < 40000; m++) {
		int64_t day = civil_month_day(m);
		assert_int_equal(civil_month_of(day), m);
		assert_int_equal(civil_month_of(day - 1), m - 1);
		assert_in_range(civil_month_day(m + 1) - day, 28, 31);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_zone_of_the_system_is_read_as_the_c_library_does),
		cmocka_unit_test(names_lead_nowhere_else),
		cmocka_unit_test(rules_in_every_form_are_understood),
		cmocka_unit_test(a_damaged_file_is_refused_not_followed),
		cmocka_unit_test(the_calendar_holds_far_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
