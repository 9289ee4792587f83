#include <stdlib.h>
#include <string.h>

#include "api/form.h"
#include "api/jsonwire.h"
#include "base/own.h"
#include "check.h"

#define HEX_MAX 4096

static size_t from_hex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	for (; hex[0] && hex[1]; hex += hex[0] == ' ' ? 1 : 2) {
		char two[3] = { hex[0], hex[1], 0 };

		if (hex[0] != ' ')
			out[n++] = (uint8_t)strtoul(two, NULL, 16);
	}
	return n;
}

/* What a CBOR document is in JSON, or the reason it was refused in <>. */
static void cbor_is(const char *hex, const char *json)
{
	uint8_t bytes[HEX_MAX];
	size_t n = from_hex(hex, bytes);
	_own_(freep)
		uint8_t *exact = malloc(n ? n : 1); /* so that a sanitizer sees one byte too far */
	const char *why = NULL;
	char got[512] = "";

	memcpy(exact, bytes, n);
	json_t *value = form_take(WIRE_CBOR, exact, n, &why);

	if (value) {
		_own_(buffer_fini) struct buffer text = { 0 };
		struct wire w = wire_on(&text, WIRE_JSON);

		assert_null(why);
		jsonwire_give(&w, value);
		assert_true(text.n < sizeof(got));
		memcpy(got, text.p, text.n);
	} else {
		assert_non_null(why);
		snprintf(got, sizeof(got), "<%s>", why);
	}
	json_decref(value);
	assert_string_equal(got, json);
}

static void values_of_every_kind_are_read(void **state)
{
	(void)state;
	cbor_is("00", "0");
	cbor_is("1b 7fffffffffffffff", "9223372036854775807");
	cbor_is("3b 7fffffffffffffff", "-9223372036854775808");
	cbor_is("fb 3fb999999999999a", "0.1");
	cbor_is("f9 3e00", "1.5");
	cbor_is("f5", "true");
	cbor_is("f6", "null");
	cbor_is("62 c3a9", "\"é\"");
	cbor_is("43 010203", "\"AQID\"");
	cbor_is("80", "[]");
	cbor_is("a0", "{}");
	cbor_is("83 01 a1 61 61 80 f4", "[1,{\"a\":[]},false]");
	cbor_is("a2 61 61 a1 61 62 82 01 02 61 63 03", "{\"a\":{\"b\":[1,2]},\"c\":3}");
}

static void things_of_unknown_length_are_read(void **state)
{
	(void)state;
	cbor_is("9f 01 9f ff bf ff ff", "[1,[],{}]");
	cbor_is("bf 61 61 01 61 62 9f 02 ff ff", "{\"a\":1,\"b\":[2]}");
	cbor_is("7f 61 61 62 c3a9 ff", "\"aé\"");
	cbor_is("7f ff", "\"\"");
	cbor_is("5f 41 01 42 0203 ff", "\"AQID\"");
	cbor_is("82 9f 01 ff 02", "[[1],2]");
}

static void a_document_is_whole_and_alone(void **state)
{
	(void)state;
	cbor_is("", "<cut off>");
	cbor_is("82 01", "<cut off>");
	cbor_is("a1 61 61", "<cut off>");
	cbor_is("62 61", "<cut off>");
	cbor_is("9f 01", "<cut off>");
	cbor_is("7f 61 61", "<cut off>");
	cbor_is("01 02", "<something stands behind the document>");
	cbor_is("80 80", "<something stands behind the document>");
	cbor_is("ff", "<an end without a beginning>");
	cbor_is("81 ff", "<an end without a beginning>");
	cbor_is("bf 61 61 ff", "<an end without a beginning>");
}

static void announced_sizes_cost_nothing(void **state)
{
	(void)state;
	cbor_is("9a 10000000", "<too many items>");
	cbor_is("ba 10000000", "<too many items>");
	cbor_is("9b ffffffffffffffff", "<too many items>");
	cbor_is("5a 7fffffff", "<cut off>");
	cbor_is("7b ffffffffffffffff", "<cut off>");
}

static void what_json_cannot_say_is_refused(void **state)
{
	(void)state;
	cbor_is("1b 8000000000000000", "<a number is out of range>");
	cbor_is("3b 8000000000000000", "<a number is out of range>");
	cbor_is("fb 7ff8000000000000", "<a number is not finite>");
	cbor_is("f9 7c00", "<a number is not finite>");
	cbor_is("c0 60", "<tags mean nothing here>");
	cbor_is("62 c328", "<text is not UTF-8 or has a zero byte>");
	cbor_is("61 00", "<text is not UTF-8 or has a zero byte>");
	cbor_is("a1 01 02", "<a key is not text>");
	cbor_is("a1 80 02", "<a key is not text>");
	cbor_is("a2 61 61 01 61 61 02", "<a key stands twice>");
	cbor_is("7f 41 00 ff", "<a chunk of the wrong kind>");
	cbor_is("7f 7f", "<a string inside a string>");
	cbor_is("7f 01", "<something else stands inside a string>");
}

static void depth_has_an_end(void **state)
{
	char text[200];
	uint8_t deep[64];
	const char *why;

	(void)state;
	memset(deep, 0x81, 31);
	deep[31] = 0x80;
	json_t *value = form_take(WIRE_CBOR, deep, 32, &why);

	assert_non_null(value);
	json_decref(value);
	memset(deep, 0x81, 32);
	deep[32] = 0x80;
	assert_null(form_take(WIRE_CBOR, deep, 33, &why));
	memset(text, '[', 100);
	memset(text + 100, ']', 100);
	assert_null(form_take(WIRE_JSON, text, sizeof(text), &why));
	assert_string_equal(why, "nested too deeply, 32 levels at most");
	value = form_take(WIRE_JSON, text + 68, 64, &why);
	assert_non_null(value);
	json_decref(value);
}

static void json_is_strict(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"{\"a\":1,\"a\":2}",
		"[1,]",
		"{} {}",
		"\"x\"",
		"[NaN]",
		"[1e999]",
		"[\"\\u0000\"]",
		"[\"\xc3\x28\"]",
		"{'a':1}",
		"[18446744073709551616]",
	};
	static const char brackets[] = "[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[\"]";
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		why = NULL;
		assert_null(form_take(WIRE_JSON, bad[i], strlen(bad[i]), &why));
		assert_non_null(why);
	}
	json_t *value = form_take(WIRE_JSON, brackets, strlen(brackets), &why);

	assert_non_null(value); /* brackets in text do not nest */
	json_decref(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_every_kind_are_read),
		cmocka_unit_test(things_of_unknown_length_are_read),
		cmocka_unit_test(a_document_is_whole_and_alone),
		cmocka_unit_test(announced_sizes_cost_nothing),
		cmocka_unit_test(what_json_cannot_say_is_refused),
		cmocka_unit_test(depth_has_an_end),
		cmocka_unit_test(json_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
