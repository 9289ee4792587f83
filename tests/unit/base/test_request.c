#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/request.h"
#include "base/text.h"
#include "check.h"

static struct request request;

static int read_text(const char *text)
{
	const char *why = NULL;
	int r = request_read(&request, (struct sb_bytes){ (const uint8_t *)text, strlen(text) },
	                     &why);
	assert_true((r < 0) == (why != NULL));
	return r;
}

static void a_head_is_read_once_it_is_complete(void **state)
{
	static const char head[] =
		"GET /a/b?c=d HTTP/1.1\r\nHost: x:80\r\nX-One:\t two words \r\n\r\n";
	const char *why = NULL;
	(void)state;
	for (size_t n = 0; n < sizeof(head) - 1; n++)
		assert_int_equal(request_read(&request,
		                              (struct sb_bytes){ (const uint8_t *)head, n }, &why),
		                 0);
	assert_int_equal(read_text(head), sizeof(head) - 1);
	assert_true(text_is(request.method, "GET"));
	assert_true(text_is(request.path, "/a/b"));
	assert_true(text_is(request_field(&request, "x-ONE"), "two words"));
	assert_int_equal(request_field(&request, "other").n, 0);
	assert_int_equal(read_text("\r\nGET / HTTP/1.1\r\nHost:\r\n\r\nrest"), 27);
}

static void what_could_be_read_in_two_ways_is_refused(void **state)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = {
		{ "GET / HTTP/1.1\nHost: x\n\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\n\tfolded\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n: x\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nX: \x01\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nX: \x7F\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\n",
		  400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nOrigin: a\r\nOrigin: b\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Key: a\r\nSec-WebSocket-Key: a\r\n\r\n",
		  400 },
		{ "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400 },
		{ "GET / a HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "GET /\x80 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "GET /\r\n\r\n", 400 },
		{ "GE@T / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "\x16\x03\x01", 400 }, /* TLS to a plain port */
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400 },
		{ "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400 },
		{ "GET / HTTP/0.9\r\nHost: x\r\n\r\n", 505 },
		{ "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(read_text(rows[i].text), -rows[i].status);
}

static void http_1_0_needs_no_host(void **state)
{
	(void)state;
	assert_true(read_text("GET / HTTP/1.0\r\n\r\n") > 0);
	assert_true(request.is_1_0);
	assert_true(read_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n") > 0);
	assert_false(request.is_1_0);
}

static void a_head_has_8_kib_and_64_fields_at_most(void **state)
{
	static char text[REQUEST_MAX + 100];
	(void)state;
	int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\nX: ");
	memset(text + n, 'y', sizeof(text) - (size_t)n - 1);
	text[REQUEST_MAX - 1] = 0;
	assert_int_equal(read_text(text), 0);
	text[REQUEST_MAX - 1] = 'y';
	assert_int_equal(read_text(text), -431);
	n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\n");
	for (int i = 0; i < 64; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "X-%d: y\r\n", i);
	assert_int_equal(read_text(text), -431);
}

static void lists_are_joined_over_their_fields(void **state)
{
	(void)state;
	read_text("GET / HTTP/1.1\r\nHost: x\r\nP: a, b ,c\r\nP:d,\r\nConnection: keep-alive, "
	          "Upgrade\r\n\r\n");
	for (const char *word = "abcd"; *word; word++)
		assert_true(request_lists(&request, "p", (char[]){ *word, 0 }));
	assert_false(request_lists(&request, "p", "e"));
	assert_false(request_lists(&request, "q", "a"));
	assert_true(request_lists(&request, "connection", "upgrade"));
}

static void a_body_has_one_length(void **state)
{
	static const struct {
		const char *field;
		int64_t n;
	} rows[] = {
		{ "X: y", 0 },
		{ "Content-Length: 0", 0 },
		{ "Content-Length: 4711", 4711 },
		{ "Content-Length: ", -EINVAL },
		{ "Content-Length: -1", -EINVAL },
		{ "Content-Length: +1", -EINVAL },
		{ "Content-Length: 1, 1", -EINVAL },
		{ "Content-Length: 0x10", -EINVAL },
		{ "Content-Length: 9999999999999999", -EINVAL },
		{ "Transfer-Encoding: chunked", -EINVAL },
		{ "Content-Length: 1\r\nTransfer-Encoding: identity", -EINVAL },
	};
	char text[200];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n",
		         rows[i].field);
		assert_true(read_text(text) > 0);
		assert_int_equal(request_body(&request), rows[i].n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_is_read_once_it_is_complete),
		cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
		cmocka_unit_test(http_1_0_needs_no_host),
		cmocka_unit_test(a_head_has_8_kib_and_64_fields_at_most),
		cmocka_unit_test(lists_are_joined_over_their_fields),
		cmocka_unit_test(a_body_has_one_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
