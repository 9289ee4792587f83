#include <string.h>

#include "api/access.h"
#include "check.h"

static struct sb_str str(const char *s)
{
	return sb_str_of(s, strlen(s));
}

static void is(struct sb_str got, const char *want)
{
	assert_int_equal(got.n, strlen(want));
	assert_memory_equal(got.p, want, got.n);
}

static void a_bearer_token_is_found(void **state)
{
	(void)state;
	is(access_bearer(str("Bearer abc.def")), "abc.def");
	is(access_bearer(str("bearer x")), "x");
	is(access_bearer(str("Bearer ")), "");
	is(access_bearer(str("Basic abc")), "");
	is(access_bearer(str("")), "");
}

static void our_cookie_is_found_among_others(void **state)
{
	(void)state;
	is(access_cookie(str("signalbox-8080=tok"), "signalbox-8080"), "tok");
	is(access_cookie(str("a=b; signalbox-8080=tok; c=d"), "signalbox-8080"), "tok");
	is(access_cookie(str("xsignalbox-8080=bad; signalbox-80801=bad"), "signalbox-8080"), "");
	is(access_cookie(str("signalbox-8080"), "signalbox-8080"), "");
	is(access_cookie(str(";;; ; "), "signalbox-8080"), "");
	is(access_cookie(str(""), "signalbox-8080"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bearer_token_is_found),
		cmocka_unit_test(our_cookie_is_found_among_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
