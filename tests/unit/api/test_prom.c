/* What stands between HTTP and PromQL: forms, times, HTTP Basic, names. */
#include <errno.h>
#include <string.h>

#include "api/prom/basic.h"
#include "api/prom/naming.h"
#include "api/prom/params.h"
#include "api/prom/prom.h"
#include "base/own.h"
#include "base/text.h"
#include "check.h"

static struct sb_str str(const char *text)
{
	return sb_str_of(text, strlen(text));
}

static void forms_are_decoded(void **state)
{
	_own_(params_fini) struct params params = { 0 };
	(void)state;
	assert_int_equal(params_take(&params,
	                             str("query=a%2Bb+c&match[]=x&match%5B%5D=y&&empty=&alone"),
	                             str("query=body&step=1")),
	                 0);
	assert_int_equal(params.n, 7);
	assert_true(text_is(params_get(&params, "query"), "body")); /* the body goes first */
	assert_true(text_is(params.at[2].value, "a+b c"));
	assert_true(text_is(params.at[3].name, "match[]"));
	assert_true(text_is(params.at[4].name, "match[]"));
	assert_int_equal(params_get(&params, "alone").n, 0);
}

static void what_is_no_form_is_refused(void **state)
{
	static const char *const wrong[] = { "a=%", "a=%4", "%zz=1", "a=%4g" };
	char many[2 * PARAMS_MAX + 8];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		_own_(params_fini) struct params params = { 0 };
		assert_int_equal(params_take(&params, str(wrong[i]), str("")), -EINVAL);
	}
	for (size_t i = 0; i < sizeof(many); i++)
		many[i] = i % 2 ? '&' : 'a';
	_own_(params_fini) struct params params = { 0 };
	assert_int_equal(params_take(&params, sb_str_of(many, sizeof(many)), str("")), -EINVAL);
}

static void times_are_seconds_or_rfc_3339(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{ "0", 0 },
		{ "1700000000.123", 1700000000123 },
		{ "-1.5", -1500 },
		{ "1e3", 1000000 },
		{ "2023-11-14T22:13:20Z", 1700000000000 },
		{ "2023-11-14T22:13:20.5Z", 1700000000500 },
		{ "2023-11-14T23:13:20+01:00", 1700000000000 },
		{ "2023-11-14T20:43:20-01:30", 1700000000000 },
	};
	static const char *const wrong[] = { "",
		                             "x",
		                             "1x",
		                             "inf",
		                             "nan",
		                             "1e300",
		                             "2023-11-14",
		                             "2023-11-14T22:13:20",
		                             "2023-11-14T22:13:20+1",
		                             "9999-01-01T00:00:00Z",
		                             " 1" };
	int64_t ms;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(params_time(str(good[i].text), &ms), 0);
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(params_time(str(wrong[i]), &ms), -EINVAL);
	assert_int_equal(params_duration(str("1m30s"), &ms), 0);
	assert_int_equal(ms, 90000);
	assert_int_equal(params_duration(str("0.25"), &ms), 0);
	assert_int_equal(ms, 250);
	assert_int_equal(params_duration(str("0"), &ms), -EINVAL);
	assert_int_equal(params_duration(str("-5"), &ms), -EINVAL);
	assert_int_equal(params_duration(str("0.0001"), &ms), -EINVAL);
}

static void users_log_in_with_password_or_token(void **state)
{
	_own_(basic_fini) struct basic basic = { 0 };
	char longest[4 * BASIC_MAX];
	(void)state;
	assert_true(basic_take(&basic, str("Basic YWxpY2U6YTpi"))); /* alice:a:b */
	assert_true(text_is(basic.user, "alice"));
	assert_true(text_is(basic.password, "a:b"));
	assert_false(basic_is_token(&basic));
	assert_true(basic_take(&basic, str("basic dDpleUouZS5z"))); /* t:eyJ.e.s */
	assert_true(basic_is_token(&basic));
	assert_false(basic_take(&basic, str("Basic YWxpY2U="))); /* alice */
	assert_false(basic_take(&basic, str("Basic !!!")));
	assert_false(basic_take(&basic, str("Basic ")));
	assert_false(basic_take(&basic, str("Bearer YWxpY2U6YTpi")));
	memset(longest, 'A', sizeof(longest));
	memcpy(longest, "Basic ", 6);
	assert_false(basic_take(&basic, sb_str_of(longest, sizeof(longest))));
}

static void names_become_metrics(void **state)
{
	static const char *const cases[][2] = {
		{ "temperature", "temperature" }, { "a.b-c/d e", "a_b_c_d_e" }, { "2nd", "_2nd" },
		{ "größe", "gr____e" },           { "job:rate", "job:rate" },   { "_x", "_x" },
	};
	char out[NAMING_METRIC_MAX];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t n = naming_metric(out, str(cases[i][0]));
		assert_true(text_is(sb_str_of(out, n), cases[i][1]));
	}
}

static void addresses_are_told_from_our_own(void **state)
{
	static const char *const ours[] = {
		"/api/v1",        "/api/v1/session",     "/api/v1/login",         "/",
		"/prometheus",    "/prometheus/api/v1/", "/api/v1/label//values", "/api/v1/queryx",
		"/x/api/v1/query"
	};
	static const char *const theirs[] = { "/api/v1/query", "/prometheus/api/v1/query_range",
		                              "/api/v1/label/__name__/values",
		                              "/prometheus/api/v1/status/buildinfo" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		assert_false(prom_is(str(ours[i])));
	for (size_t i = 0; i < ARRAY_LEN(theirs); i++)
		assert_true(prom_is(str(theirs[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_are_decoded),
		cmocka_unit_test(what_is_no_form_is_refused),
		cmocka_unit_test(times_are_seconds_or_rfc_3339),
		cmocka_unit_test(users_log_in_with_password_or_token),
		cmocka_unit_test(names_become_metrics),
		cmocka_unit_test(addresses_are_told_from_our_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
