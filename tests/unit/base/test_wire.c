#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/wire.h"
#include "check.h"

static void expect_hex(const struct buffer *b, const char *hex)
{
	char text[512] = "";

	for (size_t i = 0; i < b->n && i < 250; i++)
		snprintf(text + 2 * i, 3, "%02x", b->p[i]);
	assert_string_equal(text, hex);
}

static void expect_text(struct buffer *b, const char *text)
{
	buffer_give_u8(b, 0);
	assert_false(b->bad);
	assert_string_equal((const char *)b->p, text);
}

static void write_document(struct wire *w)
{
	wire_map(w);
	wire_key(w, "a");
	wire_array(w);
	wire_i64(w, -1);
	wire_u64(w, UINT64_MAX);
	wire_f64(w, 21.5);
	wire_null(w);
	wire_array(w);
	wire_array_end(w);
	wire_array_end(w);
	wire_key_n(w, SB_STR("b"));
	wire_bool(w, true);
	wire_key(w, "c");
	wire_map(w);
	wire_map_end(w);
	wire_map_end(w);
}

static void one_document_leaves_in_both_forms(void **state)
{
	struct buffer b = { 0 };
	struct wire w = wire_on(&b, WIRE_JSON);

	(void)state;
	write_document(&w);
	expect_text(&b, "{\"a\":[-1,18446744073709551615,21.5,null,[]],\"b\":true,\"c\":{}}");
	buffer_reset(&b);
	w = wire_on(&b, WIRE_CBOR);
	write_document(&w);
	expect_hex(&b, "bf61619f201bfffffffffffffffffa41ac0000f69fffff6162f56163bfffff");
	buffer_fini(&b);
}

static void integers_are_exact(void **state)
{
	struct buffer b = { 0 };
	struct wire w = wire_on(&b, WIRE_JSON);

	(void)state;
	wire_array(&w);
	wire_i64(&w, INT64_MIN);
	wire_i64(&w, INT64_MAX);
	wire_i64(&w, 0);
	wire_array_end(&w);
	expect_text(&b, "[-9223372036854775808,9223372036854775807,0]");
	buffer_reset(&b);
	w = wire_on(&b, WIRE_CBOR);
	wire_i64(&w, INT64_MIN);
	wire_u64(&w, 23);
	wire_u64(&w, 24);
	wire_u64(&w, 256);
	wire_u64(&w, 65536);
	wire_i64(&w, -500);
	expect_hex(&b, "3b7fffffffffffffff1718181901001a000100003901f3");
	buffer_fini(&b);
}

static void doubles_are_exact_and_never_nan_in_json(void **state)
{
	struct buffer b = { 0 };
	struct wire w = wire_on(&b, WIRE_JSON);

	(void)state;
	wire_array(&w);
	wire_f64(&w, 0.1);
	wire_f64(&w, -0.0);
	wire_f64(&w, (double)NAN);
	wire_f64(&w, -(double)INFINITY);
	wire_f64(&w, 1e300);
	wire_array_end(&w);
	expect_text(&b, "[0.1,-0.0,null,null,1e300]");
	buffer_reset(&b);
	w = wire_on(&b, WIRE_CBOR);
	wire_f64(&w, 0.1);
	wire_f64(&w, 1e300);
	wire_f64(&w, (double)INFINITY);
	expect_hex(&b, "fb3fb999999999999afb7e37e43c8800759cfa7f800000");
	buffer_fini(&b);
}

static void texts_are_escaped_and_mended(void **state)
{
	struct buffer b = { 0 };
	struct wire w = wire_on(&b, WIRE_JSON);

	(void)state;
	wire_array(&w);
	wire_text(&w, "q\"\\\n\x01\x7f \xc3\xbc");
	wire_str(&w, SB_STR("a\xff\xc3(\xf0\x9f\x98"));
	wire_text(&w, "");
	wire_array_end(&w);
	expect_text(&b, "[\"q\\\"\\\\\\n\\u0001\\u007f \xc3\xbc\",\"a\xef\xbf\xbd\xef\xbf\xbd("
	                "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"\"]");
	buffer_reset(&b);
	w = wire_on(&b, WIRE_CBOR);
	wire_str(&w, SB_STR("a\xff"));
	expect_hex(&b, "6461efbfbd");
	buffer_fini(&b);
}

static void bytes_are_base64url_in_json(void **state)
{
	static const uint8_t bytes[] = { 0xfb, 0xff, 0x00, 0x01 };
	static const char *const texts[] = { "\"\"", "\"-w\"", "\"-_8\"", "\"-_8A\"",
		                             "\"-_8AAQ\"" };
	struct buffer b = { 0 };
	struct wire w;

	(void)state;
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		buffer_reset(&b);
		w = wire_on(&b, WIRE_JSON);
		wire_bytes(&w, (struct sb_bytes){ bytes, n });
		expect_text(&b, texts[n]);
	}
	buffer_reset(&b);
	w = wire_on(&b, WIRE_CBOR);
	wire_bytes(&w, (struct sb_bytes){ bytes, 4 });
	expect_hex(&b, "44fbff0001");
	buffer_fini(&b);
}

static void raw_values_and_commas_go_together(void **state)
{
	struct buffer b = { 0 };
	struct wire w = wire_on(&b, WIRE_JSON);

	(void)state;
	wire_array(&w);
	wire_raw(&w, (struct sb_bytes){ (const uint8_t *)"{}", 2 });
	wire_raw(&w, (struct sb_bytes){ (const uint8_t *)"[1]", 3 });
	wire_map(&w);
	wire_key(&w, "k");
	wire_raw(&w, (struct sb_bytes){ (const uint8_t *)"2", 1 });
	wire_map_end(&w);
	wire_array_end(&w);
	expect_text(&b, "[{},[1],{\"k\":2}]");
	buffer_fini(&b);
}

static void too_many_levels_make_the_buffer_bad(void **state)
{
	struct buffer b = { 0 };
	struct wire w = wire_on(&b, WIRE_JSON);

	(void)state;
	for (int i = 0; i < 64; i++)
		wire_array(&w);
	assert_true(b.bad);
	buffer_reset(&b);
	w = wire_on(&b, WIRE_JSON);
	wire_array_end(&w);
	assert_true(b.bad);
	buffer_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_document_leaves_in_both_forms),
		cmocka_unit_test(integers_are_exact),
		cmocka_unit_test(doubles_are_exact_and_never_nan_in_json),
		cmocka_unit_test(texts_are_escaped_and_mended),
		cmocka_unit_test(bytes_are_base64url_in_json),
		cmocka_unit_test(raw_values_and_commas_go_together),
		cmocka_unit_test(too_many_levels_make_the_buffer_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
