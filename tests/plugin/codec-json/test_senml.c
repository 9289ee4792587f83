#include <stdio.h>
#include <string.h>

#include "check.h"
#include "fake.h"

static struct fake *fake;

static int set_up(void **state)
{
	(void)state;
	fake = fake_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fake = fake_free(fake);
	return 0;
}

static int32_t decode(const char *text)
{
	return fake_decode(fake, text, strlen(text), "application/senml+json");
}

static void expect_fault(const char *text, int32_t r, const char *why)
{
	assert_int_equal(decode(text), r);
	if (!strstr(fake->decode.why, why))
		fail_msg("%s: why is \"%s\"", text, fake->decode.why);
}

static void base_values_hold_from_their_record_on(void **state)
{
	const struct sb_point *p = fake->points;

	(void)state;
	assert_int_equal(
		decode("[{\"bn\":\"urn:dev:1:\",\"bt\":1.790000000001e9,\"bu\":\"A\",\"bver\":5,"
	               "\"n\":\"voltage\",\"u\":\"V\",\"v\":120.1},"
	               "{\"n\":\"current\",\"t\":-5,\"v\":1.2},"
	               "{\"n\":\"current\",\"t\":-4.25,\"v\":1.30}]"),
		0);
	assert_int_equal(fake->batch.count, 3);
	assert_string_equal(fake->names[0], "urn:dev:1:voltage");
	assert_string_equal(fake->units[0], "V");
	assert_string_equal(fake->names[1], "urn:dev:1:current");
	assert_string_equal(fake->units[1], "A");
	assert_int_equal(p[0].ts_ns, 1790000000001000000);
	assert_int_equal(p[1].ts_ns, 1789999995001000000);
	assert_int_equal(p[2].ts_ns, 1789999995751000000);
	assert_true(p[2].v.f == 1.3);
	assert_int_equal(p[2].msg, 7);
}

static void every_kind_of_value_is_read(void **state)
{
	const struct sb_point *p = fake->points;

	(void)state;
	assert_int_equal(
		decode("[{\"n\":\"label\",\"vs\":\"Machine \\u0052oom\"},{\"vb\":false,\"n\":\"open\"},"
	               "{\"n\":\"nfv\",\"vd\":\"aGkgCg\"},{\"n\":\"pad\",\"vd\":\"aGkgCg==\"},"
	               "{\"bv\":20,\"n\":\"sum\",\"v\":1.5,\"s\":3},{\"n\":\"big\",\"v\":2,\"x\":[{}]}]"),
		0);
	assert_int_equal(fake->batch.count, 6);
	assert_memory_equal(fake->blob + p[0].v.blob.off, "Machine Room", 12);
	assert_int_equal(p[1].type, SB_T_BOOL);
	assert_int_equal(p[2].type, SB_T_BYTES);
	assert_int_equal(p[2].v.blob.len, 4);
	assert_memory_equal(fake->blob + p[2].v.blob.off, "hi \n", 4);
	assert_int_equal(p[3].v.blob.len, 4);
	assert_true(p[4].v.f == 21.5);
	assert_true(p[5].v.f == 22);
}

static void small_times_count_from_now(void **state)
{
	const struct sb_point *p = fake->points;

	(void)state;
	assert_int_equal(decode("[{\"n\":\"a\",\"v\":1},{\"n\":\"a\",\"t\":-10,\"v\":2},"
	                        "{\"n\":\"a\",\"t\":268435456,\"v\":3}]"),
	                 0);
	assert_int_equal(p[0].ts_ns, SB_TS_UNKNOWN);
	assert_int_equal(p[1].ts_ns, (FAKE_NOW - 10) * 1000000000LL);
	assert_int_equal(p[2].ts_ns, 268435456000000000);
}

static void it_is_known_without_its_content_type(void **state)
{
	static const char text[] = "[{\"bt\":1790000000,\"bn\":\"x\",\"v\":1}]";

	(void)state;
	assert_int_equal(fake_decode(fake, text, strlen(text), ""), 0);
	assert_int_equal(fake->batch.count, 1);
	assert_string_equal(fake->names[0], "x");
	assert_int_equal(decode("[{\"bn\":\"only base\"},{\"v\":1}]"), 0);
	assert_int_equal(fake->batch.count, 1);
}

static void broken_packs_are_refused(void **state)
{
	(void)state;
	expect_fault("{\"n\":\"a\",\"v\":1}", SB_E_MALFORMED, "an array is expected");
	expect_fault("[{\"v\":1}]", SB_E_MALFORMED, "without a name");
	expect_fault("[{\"n\":\"a\"}]", SB_E_TYPE, "one of v, vs, vb, vd");
	expect_fault("[{\"n\":\"a\",\"s\":1}]", SB_E_TYPE, "one of v, vs, vb, vd");
	expect_fault("[{\"n\":\"a\",\"v\":1,\"vs\":\"x\"}]", SB_E_TYPE, "metric a");
	expect_fault("[{\"n\":\"a\",\"v\":1,\"v\":2}]", SB_E_MALFORMED, "twice");
	expect_fault("[{\"n\":\"a\",\"v\":\"1\"}]", SB_E_MALFORMED, "a number is expected");
	expect_fault("[{\"n\":\"a\",\"v\":1,\"new_\":2}]", SB_E_MALFORMED, "must be understood");
	expect_fault("[{\"bver\":11,\"n\":\"a\",\"v\":1}]", SB_E_RANGE, "version");
	expect_fault("[{\"n\":\"a\",\"vd\":\"a\"}]", SB_E_MALFORMED, "base64");
	expect_fault("[{\"n\":\"a\",\"vd\":\"a===\"}]", SB_E_MALFORMED, "base64");
	expect_fault("[{\"n\":\"a\",\"vd\":\"a!cd\"}]", SB_E_MALFORMED, "base64");
	expect_fault("[{\"n\":\"a\",\"v\":1e309}]", SB_E_RANGE, "metric a");
	expect_fault("[{\"n\":\"a\",\"bv\":1e308,\"v\":1e308}]", SB_E_RANGE, "metric a");
	expect_fault("[{\"n\":\"a\",\"bt\":9e9,\"t\":9e9,\"v\":1}]", SB_E_RANGE, "time");
	expect_fault("[{\"n\":\"a\",\"v\":1},", SB_E_MALFORMED, "an object is expected");
	expect_fault("[{\"n\":\"a\",\"v\":1}]]", SB_E_MALFORMED, "bytes behind the end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base_values_hold_from_their_record_on),
		cmocka_unit_test(every_kind_of_value_is_read),
		cmocka_unit_test(small_times_count_from_now),
		cmocka_unit_test(it_is_known_without_its_content_type),
		cmocka_unit_test(broken_packs_are_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
