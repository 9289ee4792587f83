#include <string.h>

#include "api/guard.h"
#include "check.h"

static struct sb_str str(const char *s)
{
	return sb_str_of(s, strlen(s));
}

static struct guard_upgrade good(void)
{
	return (struct guard_upgrade){
		.upgrade = str("websocket"),
		.version = str("13"),
		.key = str("dGhlIHNhbXBsZSBub25jZQ=="),
		.ours = true,
		.host = str("localhost:8080"),
		.bearer = true,
	};
}

static int status(const struct guard_upgrade *request, const char *origins)
{
	const char *why = "";
	int r = guard_upgrade(request, origins, &why);

	assert_true((r == 0) == (why == NULL));
	return r;
}

static void a_program_with_a_token_may_enter(void **state)
{
	struct guard_upgrade request = good();

	(void)state;
	assert_int_equal(status(&request, NULL), 0);
	request.upgrade = str("WebSocket");
	assert_int_equal(status(&request, NULL), 0);
}

static void only_websocket_is_an_upgrade(void **state)
{
	static const char *const others[] = { "", "h2c", "websocket, h2c", "websockets",
		                              "TLS/1.0" };
	struct guard_upgrade request = good();

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		request.upgrade = str(others[i]);
		assert_int_equal(status(&request, NULL), 400);
	}
}

static void only_version_13_is_spoken(void **state)
{
	static const char *const others[] = { "", "8", "12", "14", "013", "13, 8", "1" };
	struct guard_upgrade request = good();

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		request.version = str(others[i]);
		assert_int_equal(status(&request, NULL), 426);
	}
}

static void a_key_is_16_bytes(void **state)
{
	static const char *const others[] = {
		"",
		"dGhlIHNhbXBsZSBub25jZQ=",   /* 23 characters */
		"dGhlIHNhbXBsZSBub25jZQ===", /* 25 */
		"dGhlIHNhbXBsZSBub25jZWE=",  /* 17 bytes */
		"dGhlIHNhbXBsZSBub25jZR==",  /* bits behind the end */
		"dGhl IHNhbXBsZSBub25jQ==",
		"dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==",
	};
	struct guard_upgrade request = good();

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		request.key = str(others[i]);
		assert_int_equal(status(&request, NULL), 400);
	}
}

static void a_subprotocol_of_ours_must_be_asked_for(void **state)
{
	struct guard_upgrade request = good();

	(void)state;
	request.ours = false;
	assert_int_equal(status(&request, NULL), 400);
}

static void pages_of_our_own_host_may_enter_with_a_cookie(void **state)
{
	struct guard_upgrade request = good();

	(void)state;
	request.bearer = false;
	request.origin = str("http://localhost:8080");
	assert_int_equal(status(&request, NULL), 0);
	request.origin = str("https://LOCALHOST:8080"); /* behind a proxy that speaks TLS */
	assert_int_equal(status(&request, NULL), 0);
}

static void foreign_pages_are_refused_even_with_a_token(void **state)
{
	static const char *const others[] = {
		"http://localhost",
		"http://localhost:8081",
		"http://evil.example",
		"null",
		"file://localhost:8080",
		"localhost:8080",
		"http://",
		"http://localhost:8080.evil",
		"http://evil@localhost:8080",
		"http://localhost:8080/",
	};
	struct guard_upgrade request = good();

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		request.origin = str(others[i]);
		assert_int_equal(status(&request, "https://console.example"), 403);
	}
}

static void configured_origins_may_enter(void **state)
{
	static const char origins[] = "https://console.example https://other.example:444";
	struct guard_upgrade request = good();

	(void)state;
	request.bearer = false;
	request.origin = str("https://console.example");
	assert_int_equal(status(&request, origins), 0);
	request.origin = str("https://other.example:444");
	assert_int_equal(status(&request, origins), 0);
	request.origin = str("https://other.example");
	assert_int_equal(status(&request, origins), 403);
	request.origin = str("https://console.example https://other.example:444");
	assert_int_equal(status(&request, origins), 403);
}

static void without_origin_a_token_is_needed(void **state)
{
	struct guard_upgrade request = good();

	(void)state;
	request.bearer = false;
	assert_int_equal(status(&request, NULL), 401);
}

static void this_machine_is_known_by_its_names(void **state)
{
	static const char *const ours[] = { "localhost",    "localhost:8080", "127.0.0.1",
		                            "127.0.0.1:80", "[::1]:8080",     "[::1]",
		                            "LocalHost:1" };
	static const char *const others[] = { "",
		                              "example.com",
		                              "127.0.0.1.evil.example",
		                              "10.0.0.1",
		                              "localhost.evil",
		                              "127.",
		                              "[::2]:80",
		                              "[",
		                              ":80" };

	(void)state;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		assert_true(guard_host_local(str(ours[i])));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(guard_host_local(str(others[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_with_a_token_may_enter),
		cmocka_unit_test(only_websocket_is_an_upgrade),
		cmocka_unit_test(only_version_13_is_spoken),
		cmocka_unit_test(a_key_is_16_bytes),
		cmocka_unit_test(a_subprotocol_of_ours_must_be_asked_for),
		cmocka_unit_test(pages_of_our_own_host_may_enter_with_a_cookie),
		cmocka_unit_test(foreign_pages_are_refused_even_with_a_token),
		cmocka_unit_test(configured_origins_may_enter),
		cmocka_unit_test(without_origin_a_token_is_needed),
		cmocka_unit_test(this_machine_is_known_by_its_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
