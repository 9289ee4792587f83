#include <errno.h>
#include <string.h>

#include "base/base64url.h"
#include "check.h"

static void the_vectors_of_the_standard(void **state)
{
	static const char *const vectors[][2] = {
		{ "", "" },        { "f", "Zg" },        { "fo", "Zm8" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg" }, { "\xff\xfe\xfb", "__77" }
	};
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		char text[16] = "";
		uint8_t bytes[8];
		size_t n = strlen(vectors[i][0]);
		size_t len = base64url_put(text,
		                           (struct sb_bytes){ (const uint8_t *)vectors[i][0], n });
		assert_int_equal(len, BASE64URL_LEN(n));
		assert_string_equal(text, vectors[i][1]);
		assert_int_equal(base64url_take(bytes, sizeof(bytes), sb_str_of(text, len)), n);
		assert_memory_equal(bytes, vectors[i][0], n);
	}
}

static void what_no_bytes_become_is_refused(void **state)
{
	static const char *const wrong[] = { "Z",  "Zg==", "Zh",   "Zm9",
		                             "Z+", "Z/",   "Zm 8", "\xc3\xa9" };
	uint8_t bytes[8];
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(base64url_take(bytes, sizeof(bytes),
		                                sb_str_of(wrong[i], strlen(wrong[i]))),
		                 -EINVAL);
	assert_int_equal(base64url_take(bytes, 2, SB_STR("Zm9v")), -ENOBUFS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_standard),
		cmocka_unit_test(what_no_bytes_become_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
