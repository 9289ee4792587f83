#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "backup/manifest.h"
#include "base/buffer.h"
#include "check.h"

static const char sum[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void example(struct manifest *m)
{
	*m = (struct manifest){ .version = "1.2.3",
		                .made_ns = 1790000000000000000,
		                .seq = 7,
		                .documents = 1,
		                .blocks = 2,
		                .chunks = 3,
		                .rows = 4,
		                .records = 5 };
	assert_int_equal(manifest_add(m, "data/registry.db", 100, sum), 0);
	assert_int_equal(manifest_add(m, "data/journal/seg-1.log", 20, sum), 0);
	manifest_sort(m);
}

static int take(struct manifest *m, const char *text, char why[static 256])
{
	*m = (struct manifest){ 0 };
	why[0] = '\0';
	return manifest_take(m, text, strlen(text), why, 256);
}

static char *text_of(const struct manifest *m)
{
	struct buffer b = { 0 };

	assert_int_equal(manifest_give(m, &b), 0);
	buffer_give_u8(&b, 0);
	return (char *)b.p;
}

static void what_is_written_is_read(void **state)
{
	struct manifest m;
	struct manifest again;
	char why[256];

	(void)state;
	example(&m);
	char *text = text_of(&m);

	assert_int_equal(take(&again, text, why), 0);
	assert_string_equal(again.version, "1.2.3");
	assert_int_equal(again.made_ns, m.made_ns);
	assert_int_equal(again.seq, 7);
	assert_int_equal(again.records, 5);
	assert_int_equal(again.bytes, 120);
	assert_int_equal(again.n, 2);
	assert_int_equal(manifest_find(&again, "data/registry.db")->bytes, 100);
	assert_null(manifest_find(&again, "data/other"));
	manifest_fini(&again);
	manifest_fini(&m);
	free(text);
}

static char *changed(const char *text, const char *from, const char *to)
{
	char *at = strstr(text, from);
	char *out = NULL;

	assert_non_null(at);
	assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) > 0);
	return out;
}

static void what_is_not_one_is_refused_with_a_reason(void **state)
{
	static const char *const changes[][2] = {
		{ "\"format\": 1", "\"format\": \"1\"" },
		{ "\"bytes\": 120", "\"bytes\": 121" },
		{ "\"seq\"", "\"sek\"" },
		{ "data/registry.db", "data/../registry.db" },
		{ "data/registry.db", "/etc/passwd" },
		{ "data/registry.db", "data//x" },
		{ "data/registry.db", "data/journal/seg-1.log" },
		{ "cdef\"", "cdeF\"" },
		{ "\"records\": 5", "\"records\": -5" },
		{ "{", "[" },
	};
	struct manifest m;
	char why[256];

	(void)state;
	example(&m);
	char *text = text_of(&m);

	manifest_fini(&m);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char *bad = changed(text, changes[i][0], changes[i][1]);
		assert_int_equal(take(&m, bad, why), SB_E_CORRUPT);
		assert_true(*why);
		manifest_fini(&m);
		free(bad);
	}
	char *newer = changed(text, "\"format\": 1", "\"format\": 9");

	assert_int_equal(take(&m, newer, why), SB_E_ABI);
	assert_non_null(strstr(why, "format 9"));
	assert_non_null(strstr(why, "1.2.3"));
	manifest_fini(&m);
	free(newer);
	free(text);
}

static void names_stay_below_the_data_directory(void **state)
{
	(void)state;
	assert_true(manifest_is_name("data/a"));
	assert_true(manifest_is_name("data/a/..b/c."));
	assert_false(manifest_is_name("data/"));
	assert_false(manifest_is_name("data"));
	assert_false(manifest_is_name("data/a/"));
	assert_false(manifest_is_name("data/./a"));
	assert_false(manifest_is_name("data/a/.."));
	assert_false(manifest_is_name("/data/a"));
	assert_false(manifest_is_name("other/a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_is_not_one_is_refused_with_a_reason),
		cmocka_unit_test(names_stay_below_the_data_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
