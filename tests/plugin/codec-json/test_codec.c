#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/kit/json.h>

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
	return fake_decode(fake, text, strlen(text), "");
}

static const char *name_at(uint32_t i)
{
	return fake->names[fake->points[i].series - 1];
}

static void expect_f64(uint32_t i, const char *name, double v)
{
	assert_true(i < fake->batch.count);
	assert_string_equal(name_at(i), name);
	assert_int_equal(fake->points[i].type, SB_T_F64);
	assert_memory_equal(&fake->points[i].v.f, &v, sizeof(v));
}

static void expect_text(uint32_t i, const char *name, const char *text, size_t n)
{
	assert_true(i < fake->batch.count);
	assert_string_equal(name_at(i), name);
	assert_int_equal(fake->points[i].type, SB_T_STR);
	assert_int_equal(fake->points[i].v.blob.len, n);
	assert_memory_equal(fake->blob + fake->points[i].v.blob.off, text, n);
}

static void expect_fault(const char *text, int32_t r, const char *why)
{
	assert_int_equal(decode(text), r);
	if (!strstr(fake->decode.why, why))
		fail_msg("%s: why is \"%s\"", text, fake->decode.why);
}

static void an_object_is_a_row_of_metrics(void **state)
{
	(void)state;
	assert_int_equal(
		decode(" {\"temp\": 21.5, \"on\":true,\"mode\" : \"heat\" ,\"err\":null} \n"), 0);
	assert_int_equal(fake->batch.count, 3);
	expect_f64(0, "temp", 21.5);
	assert_int_equal(fake->points[0].ts_ns, SB_TS_UNKNOWN);
	assert_int_equal(fake->points[0].msg, 7);
	assert_int_equal(fake->points[0].flags, SB_P_REPLAYED);
	assert_int_equal(fake->points[1].type, SB_T_BOOL);
	assert_int_equal(fake->points[1].v.i, 1);
	expect_text(2, "mode", "heat", 4);
	assert_int_equal(decode("{}"), 0);
	assert_int_equal(decode("[]"), 0);
	assert_int_equal(fake->batch.count, 0);
}

static void a_time_may_stand_before_or_behind_the_values(void **state)
{
	(void)state;
	assert_int_equal(decode("{\"ts\":1790000000,\"values\":{\"a\":1}}"), 0);
	assert_int_equal(fake->points[0].ts_ns, 1790000000000000000);
	assert_int_equal(decode("{\"values\":{\"a\":1,\"b\":2},\"ts\":1790000000123}"), 0);
	assert_int_equal(fake->points[1].ts_ns, 1790000000123000000);
	assert_int_equal(decode("[{\"ts\":1790000000.5,\"values\":{\"a\":1}},{\"a\":2},"
	                        "{\"values\":{\"a\":3}}]"),
	                 0);
	assert_int_equal(fake->batch.count, 3);
	assert_int_equal(fake->points[0].ts_ns, 1790000000500000000);
	assert_int_equal(fake->points[1].ts_ns, SB_TS_UNKNOWN);
	assert_int_equal(fake->points[2].msg, fake->points[0].msg);
}

static void the_unit_of_a_time_is_seen_from_its_size(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} rows[] = {
		{ "1790000000", 1790000000000000000 },
		{ "1790000000.123456789", 1790000000123456789 },
		{ "1790000000123", 1790000000123000000 },
		{ "1790000000123.25", 1790000000123250000 },
		{ "1790000000123456", 1790000000123456000 },
		{ "1790000000123456789", 1790000000123456789 },
		{ "1.79e9", 1790000000000000000 },
		{ "0", 0 },
		{ "-1.5", -1500000000 },
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(text, sizeof(text), "{\"ts\":%s,\"values\":{\"a\":1}}", rows[i].text);
		assert_int_equal(decode(text), 0);
		assert_int_equal(fake->points[0].ts_ns, rows[i].ns);
	}
	expect_fault("{\"ts\":99999999999,\"values\":{}}", SB_E_RANGE, "ts is out of range");
	expect_fault("{\"ts\":1e400,\"values\":{}}", SB_E_RANGE, "ts is out of range");
	expect_fault("{\"ts\":\"now\",\"values\":{}}", SB_E_TYPE, "ts is no number");
	expect_fault("{\"ts\":1,\"ts\":2,\"values\":{}}", SB_E_MALFORMED, "twice");
	expect_fault("{\"ts\":1}", SB_E_MALFORMED, "ts without values");
	expect_fault("{\"ts\":1,\"temp\":2}", SB_E_MALFORMED, "metric temp");
	expect_fault("{\"temp\":1,\"values\":{\"a\":1}}", SB_E_MALFORMED, "metrics alone");
}

static void numbers_keep_every_bit(void **state)
{
	(void)state;
	assert_int_equal(
		decode("{\"a\":9007199254740992,\"b\":-0,\"c\":0.1,\"d\":5e-324,\"e\":-1.5E+3,"
	               "\"f\":1.7976931348623157e308,\"g\":21.299999999999997,\"h\":-0.0,"
	               "\"i\":1e-400,\"j\":123456789012345678901234567890}"),
		SB_E_RANGE);
	assert_non_null(strstr(fake->decode.why, "metric j"));
	assert_int_equal(
		decode("{\"a\":9007199254740992,\"b\":-0,\"c\":0.1,\"d\":5e-324,\"e\":-1.5E+3,"
	               "\"f\":1.7976931348623157e308,\"g\":21.299999999999997,\"h\":-0.0,"
	               "\"i\":1e-400,\"j\":123456789012345678901234567890.0}"),
		0);
	expect_f64(0, "a", 9007199254740992.0);
	expect_f64(1, "b", -0.0);
	expect_f64(2, "c", 0.1);
	expect_f64(3, "d", 5e-324);
	expect_f64(4, "e", -1500);
	expect_f64(5, "f", 1.7976931348623157e308);
	expect_f64(6, "g", 21.299999999999997);
	expect_f64(7, "h", -0.0);
	expect_f64(8, "i", 0);
	expect_f64(9, "j", 123456789012345678901234567890.0);
	expect_fault("{\"a\":1e309}", SB_E_RANGE, "metric a");
}

static void large_integers_stay_integers(void **state)
{
	(void)state;
	assert_int_equal(decode("{\"a\":9007199254740993,\"b\":-9007199254740993,"
	                        "\"c\":9223372036854775808,\"d\":18446744073709551615,"
	                        "\"e\":-9223372036854775808,\"f\":9223372036854775807}"),
	                 0);
	assert_int_equal(fake->points[0].type, SB_T_I64);
	assert_int_equal(fake->points[0].v.i, 9007199254740993);
	assert_int_equal(fake->points[1].v.i, -9007199254740993);
	assert_int_equal(fake->points[2].type, SB_T_U64);
	assert_int_equal(fake->points[2].v.u, 9223372036854775808u);
	assert_int_equal(fake->points[3].v.u, UINT64_MAX);
	assert_int_equal(fake->points[4].type, SB_T_I64);
	assert_int_equal(fake->points[4].v.i, INT64_MIN);
	assert_int_equal(fake->points[5].v.i, INT64_MAX);
	expect_fault("{\"a\":18446744073709551616}", SB_E_RANGE,
	             "metric a: the number is too large");
	expect_fault("{\"a\":-9223372036854775809}", SB_E_RANGE, "metric a");
}

static void doubles_as_programs_print_them_come_back(void **state)
{
	uint64_t seed = 3;
	char text[64];

	(void)state;
	for (int i = 0; i < 200000; i++) {
		union {
			uint64_t bits;
			double v;
		} u;
		struct sb_number number;
		double back = 0;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		u.bits = seed ^ seed >> 29;
		if (i % 2) /* 1e-5 to 1e5, as sensors have them */
			u.bits = (u.bits & 0x800FFFFFFFFFFFFFu) | (1007 + u.bits % 33) << 52;
		if (!isfinite(u.v))
			continue;
		snprintf(text, sizeof(text), i % 3 ? "%.17g" : "%.16e", u.v);
		assert_ptr_equal(sb_number_scan(text, text + strlen(text), &number),
		                 text + strlen(text));
		assert_int_equal(sb_number_f64(&number, &back), 0);
		assert_memory_equal(&back, &u.v, sizeof(back));
	}
}

static void texts_lose_their_escapes_and_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(
		decode("{\"a\":\"\\u0041\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00fc\\u20ac\\ud83d\\ude00\","
	               "\"b\":\"\",\"\\u0063\":\"x\\u0000y\",\"d\":\"\xf0\x9f\x98\x80\"}"),
		0);
	expect_text(0, "a", "A\"\\/\b\f\n\r\t\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 18);
	expect_text(1, "b", "", 0);
	expect_text(2, "c", "x\0y", 3);
	expect_text(3, "d", "\xf0\x9f\x98\x80", 4);
}

static void nested_objects_become_dotted_names(void **state)
{
	(void)state;
	assert_int_equal(
		decode("{\"t\":{\"supply\":21,\"x\":{\"y\":{\"z\":1}},\"r\\u0065t\":2},\"p\":3}"),
		0);
	assert_int_equal(fake->batch.count, 4);
	expect_f64(0, "t.supply", 21);
	expect_f64(1, "t.x.y.z", 1);
	expect_f64(2, "t.ret", 2);
	expect_f64(3, "p", 3);
	expect_fault("{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":1}}}}}", SB_E_RANGE,
	             "metric a.b.c.d: names nest");
	expect_fault("{\"a\":[1]}", SB_E_TYPE, "metric a");
}

static void a_described_value_has_unit_and_quality(void **state)
{
	(void)state;
	assert_int_equal(
		decode("{\"t\":{\"unit\":\"Cel\",\"value\":21.5,\"quality\":\"bad\"},"
	               "\"r\":{\"a\":{\"value\":1,\"quality\":65}},\"n\":{\"value\":null}}"),
		0);
	assert_int_equal(fake->batch.count, 2);
	expect_f64(0, "t", 21.5);
	assert_string_equal(fake->units[0], "Cel");
	assert_int_equal(fake->points[0].quality, SB_Q_BAD);
	expect_f64(1, "r.a", 1);
	assert_int_equal(fake->points[1].quality, SB_Q_STALE);
	expect_fault("{\"t\":{\"value\":1,\"x\":2}}", SB_E_MALFORMED, "metric t");
	expect_fault("{\"t\":{\"value\":1,\"value\":2}}", SB_E_MALFORMED, "metric t");
	expect_fault("{\"t\":{\"value\":1,\"quality\":256}}", SB_E_RANGE, "0 to 255");
	expect_fault("{\"t\":{\"value\":1,\"quality\":\"fine\"}}", SB_E_RANGE, "good, uncertain");
	expect_fault("{\"t\":{\"value\":{}}}", SB_E_TYPE, "metric t");
}

static void no_name_is_given_twice(void **state)
{
	(void)state;
	expect_fault("{\"a\":1,\"b\":2,\"a\":3}", SB_E_MALFORMED, "metric a: is given twice");
	expect_fault("{\"a\":null,\"\\u0061\":3}", SB_E_MALFORMED, "metric a: is given twice");
	expect_fault("{\"a.b\":1,\"a\":{\"b\":2}}", SB_E_MALFORMED, "metric a.b: is given twice");
	expect_fault("{\"a\":{\"x\":1},\"a\":{\"y\":2}}", SB_E_MALFORMED,
	             "metric a: is given twice");
	assert_int_equal(decode("[{\"a\":1},{\"a\":2}]"), 0);
}

static void broken_documents_are_refused_with_their_place(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "ends too early at byte 0" },
		{ "  ", "ends too early at byte 2" },
		{ "{\"a\":1,}", "a string is expected at byte 7" },
		{ "{\"a\":1", "ends too early at byte 6" },
		{ "{\"a\":1} x", "bytes behind the end at byte 8" },
		{ "{\"a\" 1}", "':' is expected" },
		{ "{\"a\":1 \"b\":2}", "',' or '}' is expected at byte 7" },
		{ "{a:1}", "a string is expected" },
		{ "{\"a\":NaN}", "a value is expected at byte 5" },
		{ "{\"a\":-Infinity}", "a number is broken" },
		{ "{\"a\":+1}", "a value is expected" },
		{ "{\"a\":01}", "a number is broken" },
		{ "{\"a\":1.}", "a number is broken" },
		{ "{\"a\":.5}", "a value is expected" },
		{ "{\"a\":1e}", "a number is broken" },
		{ "{\"a\":tru}", "a value is expected" },
		{ "{\"a\":\"x\ny\"}", "control character in a string at byte 7" },
		{ "{\"a\":\"\\x\"}", "broken escape in a string" },
		{ "{\"a\":\"\\ud800\"}", "broken escape" },
		{ "{\"a\":\"\\udc00\"}", "broken escape" },
		{ "{\"a\":\"\xff\"}", "string is not UTF-8" },
		{ "{\"a\":\"\xc0\xaf\"}", "string is not UTF-8" },
		{ "{\"a\":\"\xed\xa0\x80\"}", "string is not UTF-8" },
		{ "{\"a\":\"x", "a string does not end" },
		{ "\xef\xbb\xbf{}", "a value is expected at byte 0" },
		{ "[{\"a\":1},]", "an object is expected" },
		{ "[1]", "an object is expected" },
		{ "[[]]", "an object is expected" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		expect_fault(rows[i].text, SB_E_MALFORMED, rows[i].why);
	expect_fault("21.5", SB_E_TYPE, "an object or an array is expected");
	expect_fault("{\"x\xc3\xbc\\u000ay\":[]}", SB_E_TYPE, "metric x\xc3\xbc?y: ");
}

static void what_is_too_much_is_refused(void **state)
{
	static char text[200000];
	size_t n = 1;

	(void)state;
	text[0] = '{';
	for (int i = 0; i < 1025; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "\"m%d\":1,", i);
	text[n - 1] = '}';
	assert_int_equal(fake_decode(fake, text, n, ""), SB_E_RANGE);
	assert_non_null(strstr(fake->decode.why, "metric m1024: more than 1024 metrics"));
	memset(text, 'x', sizeof(text));
	memcpy(text, "{\"a\":\"", 6);
	memcpy(text + 70000, "\"}", 2);
	assert_int_equal(fake_decode(fake, text, 70002, ""), SB_E_RANGE);
	assert_non_null(strstr(fake->decode.why, "metric a: longer than 65536"));
	memcpy(text, "{\"aaaa", 6);
	memcpy(text + 70000, "\":1}", 4);
	assert_int_equal(fake_decode(fake, text, 70004, ""), SB_E_RANGE);
	assert_non_null(strstr(fake->decode.why, "name is longer than 512"));
	memset(text, '[', 1000);
	assert_int_equal(fake_decode(fake, text, 1000, "application/senml+json"), SB_E_MALFORMED);
}

static void a_full_batch_asks_for_a_larger_one(void **state)
{
	struct sb_decode *in = &fake->decode;

	(void)state;
	assert_int_equal(decode("{\"a\":1,\"b\":\"0123456789\"}"), 0);
	fake->batch.count = fake->batch.blob_len = 0;
	fake->batch.cap = 1;
	assert_int_equal(fake->codec->decode(fake->self, in), -ENOBUFS);
	fake->batch.count = fake->batch.blob_len = 0;
	fake->batch.cap = 2;
	fake->batch.blob_cap = 9;
	assert_int_equal(fake->codec->decode(fake->self, in), -ENOBUFS);
	fake->batch.count = fake->batch.blob_len = 0;
	fake->batch.blob_cap = 10;
	assert_int_equal(fake->codec->decode(fake->self, in), 0);
	/* and it appends behind what is there */
	fake->batch.cap = 4;
	fake->batch.blob_cap = 20;
	assert_int_equal(fake->codec->decode(fake->self, in), 0);
	assert_int_equal(fake->batch.count, 4);
	assert_int_equal(fake->points[3].v.blob.off, 10);
}

static void a_series_the_host_refuses_is_left_out(void **state)
{
	(void)state;
	fake->refuse_at = 2;
	assert_int_equal(decode("{\"a\":1,\"b\":\"x\",\"c\":3}"), 0);
	fake->refuse_at = 0;
	assert_int_equal(fake->batch.count, 2);
	assert_int_equal(fake->batch.blob_len, 0);
	expect_f64(1, "c", 3);
}

static void claims_follow_content_type_then_bytes(void **state)
{
	(void)state;
	assert_int_equal(fake_claims(fake, "", "x", "application/json"), 2);
	assert_int_equal(fake_claims(fake, "", "x", "Application/SenML+JSON; charset=utf-8"), 2);
	assert_int_equal(fake_claims(fake, "{}", "x", "application/jsonx"), 0);
	assert_int_equal(fake_claims(fake, " \n[1]", "telemetry", ""), 1);
	assert_int_equal(fake_claims(fake, "{\"a\":1}", "telemetry", "text/plain"), 1);
	assert_int_equal(fake_claims(fake, "{\"a\":1}", "events", ""), 0);
	assert_int_equal(fake_claims(fake, "21.5", "telemetry", ""), 0);
	assert_int_equal(fake_claims(fake, "", "telemetry", ""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_is_a_row_of_metrics),
		cmocka_unit_test(a_time_may_stand_before_or_behind_the_values),
		cmocka_unit_test(the_unit_of_a_time_is_seen_from_its_size),
		cmocka_unit_test(numbers_keep_every_bit),
		cmocka_unit_test(large_integers_stay_integers),
		cmocka_unit_test(doubles_as_programs_print_them_come_back),
		cmocka_unit_test(texts_lose_their_escapes_and_nothing_else),
		cmocka_unit_test(nested_objects_become_dotted_names),
		cmocka_unit_test(a_described_value_has_unit_and_quality),
		cmocka_unit_test(no_name_is_given_twice),
		cmocka_unit_test(broken_documents_are_refused_with_their_place),
		cmocka_unit_test(what_is_too_much_is_refused),
		cmocka_unit_test(a_full_batch_asks_for_a_larger_one),
		cmocka_unit_test(a_series_the_host_refuses_is_left_out),
		cmocka_unit_test(claims_follow_content_type_then_bytes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
