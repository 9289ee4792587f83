#include <string.h>

#include "base/own.h"
#include "base/request.h"
#include "base/upgrade.h"
#include "check.h"

#define HEAD "GET /mqtt HTTP/1.1\r\nHost: h:80\r\n"
#define GOOD                                                        \
	"Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

static struct request request;

static int check(const char *text)
{
	const char *why = NULL;
	assert_int_equal(request_read(&request,
	                              (struct sb_bytes){ (const uint8_t *)text, strlen(text) },
	                              &why),
	                 strlen(text));
	int status = upgrade_check(&request, &why);
	assert_true((status == 0) == (why == NULL));
	return status;
}

static void the_example_of_the_standard_is_accepted(void **state)
{
	char out[UPGRADE_ANSWER_MAX];
	(void)state;
	assert_int_equal(check(HEAD GOOD "\r\n"), 0);
	size_t n = upgrade_accept(out, &request, SB_STR("mqtt"));
	assert_int_equal(n, strlen(out));
	assert_non_null(strstr(out, "HTTP/1.1 101 Switching Protocols\r\n"));
	assert_non_null(strstr(out, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	assert_non_null(strstr(out, "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"));
}

static void what_is_missing_or_wrong_is_named(void **state)
{
	(void)state;
	assert_int_equal(check("POST / HTTP/1.1\r\nHost: h\r\n" GOOD "\r\n"), 400);
	assert_int_equal(check(HEAD GOOD "Content-Length: 5\r\n\r\n"), 400);
	assert_int_equal(check(HEAD GOOD "Transfer-Encoding: chunked\r\n\r\n"), 400);
	assert_int_equal(check(HEAD "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n"), 400);
	assert_int_equal(check(HEAD "Upgrade: websocket\r\n\r\n"), 400);
	assert_int_equal(check(HEAD "Upgrade: websocket\r\nConnection: upgrade\r\n"
	                            "Sec-WebSocket-Version: 8\r\n\r\n"),
	                 426);
	assert_int_equal(check(HEAD "Upgrade: websocket\r\nConnection: upgrade\r\n"
	                            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: abc\r\n\r\n"),
	                 400);
}

static void a_refusal_is_a_whole_answer(void **state)
{
	char out[UPGRADE_ANSWER_MAX];
	(void)state;
	size_t n = upgrade_refuse(out, 426, "13, please");
	assert_int_equal(n, strlen(out));
	assert_non_null(strstr(out, "Sec-WebSocket-Version: 13\r\n"));
	assert_non_null(strstr(out, "Content-Length: 11\r\n"));
	assert_string_equal(out + n - 15, "\r\n\r\n13, please\n");
}

static void an_upgrade_is_noticed_by_either_header(void **state)
{
	(void)state;
	check(HEAD "Upgrade: h2c\r\n\r\n");
	assert_true(upgrade_is_asked(&request));
	check(HEAD "Connection: close, upgrade\r\n\r\n");
	assert_true(upgrade_is_asked(&request));
	check(HEAD "Connection: close\r\n\r\n");
	assert_false(upgrade_is_asked(&request));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_standard_is_accepted),
		cmocka_unit_test(what_is_missing_or_wrong_is_named),
		cmocka_unit_test(a_refusal_is_a_whole_answer),
		cmocka_unit_test(an_upgrade_is_noticed_by_either_header),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
