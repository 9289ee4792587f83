#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "check.h"

static struct sb_str str(const char *s)
{
	return sb_str_of(s, strlen(s));
}

static void utf8_is_told_from_other_bytes(void **state)
{
	static const char *const good[] = { "",
		                            "a",
		                            "Gr\xc3\xbc\xc3\x9f",
		                            "\xe2\x82\xac",
		                            "\xf0\x9f\x98\x80",
		                            "\xed\x9f\xbf",
		                            "\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = { "\x80",
		                           "\xc3",
		                           "\xc0\xaf",
		                           "\xe0\x80\x80",
		                           "\xed\xa0\x80",
		                           "\xf4\x90\x80\x80",
		                           "\xf8\x88\x80\x80\x80",
		                           "\xe2\x82",
		                           "\xff",
		                           "a\xf0\x9f\x98" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(text_is_utf8(str(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(text_is_utf8(str(bad[i])));
}

static void names_hold_no_controls(void **state)
{
	static const char *const bad[] = {
		"",           "a\n",          "\x1b[2J",       "\x7f",
		"x\xc2\x9by", "\xe2\x80\xa8", "\xe2\x80\xaex", "\xe2\x81\xa6",
		"\xff"
	};

	(void)state;
	assert_true(text_is_name(str("temp.supply"), 128));
	assert_true(text_is_name(str("Au\xc3\x9f"
	                             "en / 1 \xf0\x9f\x98\x80"),
	                         128));
	assert_false(text_is_name(str("12345"), 4));
	assert_false(text_is_name(sb_str_of("a\0b", 3), 128));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(text_is_name(str(bad[i]), 128));
}

static void device_ids_fit_into_topics(void **state)
{
	static const char *const bad[] = {
		"", "a/b", "a+", "#", "$sys", " a", "a ", "a\r", "\xc3"
	};
	char longest[130];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	assert_true(text_is_device_id(str("boiler 2")));
	assert_true(text_is_device_id(sb_str_of(longest, 128)));
	assert_false(text_is_device_id(sb_str_of(longest, 129)));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(text_is_device_id(str(bad[i])));
}

static void what_is_shown_is_harmless_and_bounded(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(text_show(buf, sizeof(buf), str("a\nb\x1b\xff\xc3\xbc")),
	                    "a\\x0ab\\x1b\\xff\xc3\xbc");
	assert_string_equal(text_show(buf, sizeof(buf), str("x\xc2\x9b")), "x\\xc2\\x9b");
	assert_string_equal(text_show(buf, 8, str("1234567")), "1234567");
	assert_string_equal(text_show(buf, 8, str("12345678")), "1234...");
	assert_string_equal(text_show(buf, 8, str("123\xf0\x9f\x98\x80")), "123\xf0\x9f\x98\x80");
	assert_string_equal(text_show(buf, 8, str("1234\xf0\x9f\x98\x80")), "1234...");
	assert_string_equal(text_show(buf, 3, str("12345")), "..");
	assert_string_equal(text_show(buf, 1, str("12345")), "");
	for (size_t cap = 1; cap < sizeof(buf); cap++)
		assert_true(strlen(text_show(buf, cap, str("\n\n\xc3\xbc\n\xff\xff 123456789"))) <
		            cap);
}

static void expect_f64(double v, const char *text)
{
	char buf[32];

	assert_int_equal(text_f64(buf, v), strlen(text));
	assert_string_equal(buf, text);
}

static void doubles_are_written_as_short_as_they_can_be(void **state)
{
	(void)state;
	expect_f64(0, "0");
	expect_f64(-0.0, "-0");
	expect_f64(21.5, "21.5");
	expect_f64(-0.1, "-0.1");
	expect_f64(1000000, "1000000");
	expect_f64(0.00123, "0.00123");
	expect_f64(0.1 + 0.2, "0.30000000000000004");
	expect_f64(1e-7, "0.0000001");
	expect_f64(1.5e300, "1.5e300");
	expect_f64(1.23456789012e-05, "1.23456789012e-5");
	expect_f64(5e-324, "5e-324");
	expect_f64(1.7976931348623157e308, "1.7976931348623157e308");
	expect_f64(9007199254740993.0, "9007199254740992");
}

static void doubles_read_back_the_same(void **state)
{
	uint64_t seed = 1;
	char buf[32];

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint64_t bits = 0;
		double v = 0;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		bits = seed ^ seed >> 31;
		if (i % 2)
			bits = (bits & 0x800FFFFFFFFFFFFFu) | (1003 + bits % 60) << 52;
		memcpy(&v, &bits, sizeof(v));
		if (i % 4 == 3)
			v = (double)(int64_t)(seed >> 20) / 1000;
		if (!isfinite(v))
			continue;
		assert_true(text_f64(buf, v) < sizeof(buf));
		assert_true(strtod(buf, NULL) == v);
		assert_true(strlen(buf) <= 24);
	}
}

static void durations_have_a_unit(void **state)
{
	static const char *const bad[] = { "", "10", "s", "10 s", "-1s", "1.5s", "10sec", "1m30s" };
	int64_t ns = 0;

	(void)state;
	assert_int_equal(text_duration(str("500ms"), &ns), 0);
	assert_int_equal(ns, 500000000);
	assert_int_equal(text_duration(str("7d"), &ns), 0);
	assert_int_equal(ns, 7 * 86400 * 1000000000LL);
	assert_int_equal(text_duration(str("0"), &ns), 0);
	assert_int_equal(ns, 0);
	assert_int_equal(text_duration(str("99999999999d"), &ns), -ERANGE);
	assert_int_equal(text_duration(str("99999999999999999999s"), &ns), -ERANGE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(text_duration(str(bad[i]), &ns), -EINVAL);
}

static void sizes_are_binary(void **state)
{
	uint64_t bytes = 0;

	(void)state;
	assert_int_equal(text_size(str("4096"), &bytes), 0);
	assert_int_equal(bytes, 4096);
	assert_int_equal(text_size(str("64K"), &bytes), 0);
	assert_int_equal(bytes, 65536);
	assert_int_equal(text_size(str("2G"), &bytes), 0);
	assert_int_equal(bytes, 2ULL << 30);
	assert_int_equal(text_size(str("16Q"), &bytes), -EINVAL);
	assert_int_equal(text_size(str("99999999T"), &bytes), -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_is_told_from_other_bytes),
		cmocka_unit_test(names_hold_no_controls),
		cmocka_unit_test(device_ids_fit_into_topics),
		cmocka_unit_test(what_is_shown_is_harmless_and_bounded),
		cmocka_unit_test(doubles_are_written_as_short_as_they_can_be),
		cmocka_unit_test(doubles_read_back_the_same),
		cmocka_unit_test(durations_have_a_unit),
		cmocka_unit_test(sizes_are_binary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
