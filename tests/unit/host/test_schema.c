#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/own.h"
#include "check.h"
#include "host/schema.h"

#define SUITE "/usr/share/json-schema-test-suite/tests/draft7"

static void drop(json_t **v)
{
	json_decref(*v);
}

static void keep(void *ud, const char *pointer, const char *text)
{
	snprintf(ud, 256, "%s: %s", pointer, text);
}

/* The last complaint about a document, "" if it is right. */
static const char *complaint(const char *schema, const char *document)
{
	static char text[256];
	char why[160];
	_own_(schema_freep) struct schema *s = NULL;
	_own_(drop) json_t *doc = json_loads(document, JSON_DECODE_ANY, NULL);
	assert_non_null(doc);
	assert_int_equal(schema_new(&s, schema, why, sizeof(why)), 0);
	text[0] = 0;
	int r = schema_check(s, doc, keep, text);
	assert_int_equal(r, text[0] ? SB_E_MALFORMED : 0);
	return text;
}

static void a_complaint_says_where_and_what_would_be_right(void **state)
{
	(void)state;
	const char *schema =
		"{\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":9},"
		"\"m\":{\"enum\":[\"a\",\"b\"]},\"l\":{\"items\":{\"maxLength\":2}},"
		"\"d\":{\"format\":\"duration\"},\"h\":{\"pattern\":\"^x\\\\d+$\"}},"
		"\"required\":[\"n\"]}";
	assert_string_equal(complaint(schema, "{\"n\":3}"), "");
	assert_string_equal(complaint(schema, "{\"n\":0}"), "/n: must be at least 1");
	assert_string_equal(complaint(schema, "{\"n\":10}"), "/n: must be at most 9");
	assert_string_equal(complaint(schema, "{\"n\":\"3\"}"), "/n: must be of type integer");
	assert_string_equal(complaint(schema, "{}"), ": \"n\" is required");
	assert_string_equal(complaint(schema, "{\"n\":1,\"m\":\"c\"}"),
	                    "/m: must be one of \"a\", \"b\"");
	assert_string_equal(complaint(schema, "{\"n\":1,\"l\":[\"ab\",\"abc\"]}"),
	                    "/l/1: must have at most 2 characters");
	assert_string_equal(complaint(schema, "{\"n\":1,\"d\":\"soon\"}"),
	                    "/d: must be a duration such as 500ms, 10s, 5m, 2h, 7d");
	assert_string_equal(complaint(schema, "{\"n\":1,\"d\":\"10s\",\"h\":\"x12\"}"), "");
	assert_string_equal(complaint(schema, "{\"n\":1,\"h\":\"12\"}"), "/h: must match ^x\\d+$");
}

static void formats_are_checked(void **state)
{
	(void)state;
	const struct {
		const char *format, *right, *wrong;
	} rows[] = {
		{ "ipv4", "\"192.0.2.7\"", "\"192.0.2.256\"" },
		{ "ipv6", "\"2001:db8::1\"", "\"2001:db8::1::2\"" },
		{ "hostname", "\"plc-7.example.org\"", "\"-plc.example.org\"" },
		{ "address", "\"127.0.0.1:1883\"", "\"127.0.0.1\"" },
		{ "address", "\"[::1]:0\"", "\"[::1:0\"" },
		{ "address", "\"broker:65535\"", "\"broker:65536\"" },
		{ "port", "1883", "65536" },
		{ "size", "\"16M\"", "\"16 bananas\"" },
		{ "nobody-knows-it", "\"x\"", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char schema[64];
		snprintf(schema, sizeof(schema), "{\"format\":\"%s\"}", rows[i].format);
		assert_string_equal(complaint(schema, rows[i].right), "");
		if (rows[i].wrong)
			assert_string_not_equal(complaint(schema, rows[i].wrong), "");
	}
}

static void defaults_are_filled_in_at_every_level(void **state)
{
	(void)state;
	char why[160];
	_own_(schema_freep) struct schema *s = NULL;
	_own_(drop) json_t *doc = json_loads("{\"l\":[{},{\"p\":2}],\"a\":1}", 0, NULL);
	assert_int_equal(
		schema_new(&s,
	                   "{\"properties\":{\"a\":{\"default\":7},\"b\":{\"default\":\"x\"},"
	                   "\"l\":{\"items\":{\"properties\":{\"p\":{\"default\":5}}}}}}",
	                   why, sizeof(why)),
		0);
	assert_int_equal(schema_fill(s, doc), 0);
	_own_(freep) char *text = json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text, "{\"a\":1,\"b\":\"x\",\"l\":[{\"p\":5},{\"p\":2}]}");
}

static void a_bad_schema_is_refused_with_a_reason(void **state)
{
	(void)state;
	const struct {
		const char *schema, *why;
	} rows[] = {
		{ "{\"type\":\"wobble\"}", "\"wobble\" is not a type" },
		{ "{\"properties\":[]}", "the value of \"properties\" has the wrong type" },
		{ "{\"properties\":{\"x\":{\"minLength\":-1}}}", "\"minLength\" must be a count" },
		{ "{\"required\":[1]}", "\"required\" must be a list of names" },
		{ "{\"pattern\":\"(?=x)\"}", "the pattern (?=x) uses what is not supported" },
		{ "{\"pattern\":\"(x\"}", "the pattern (x is malformed" },
		{ "{\"type\":", "line 1: " },
		{ "7", "a schema must be an object, true or false" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char why[160] = "";
		struct schema *s = NULL;
		assert_int_equal(schema_new(&s, rows[i].schema, why, sizeof(why)), SB_E_MALFORMED);
		assert_int_equal(strncmp(why, rows[i].why, strlen(rows[i].why)), 0);
	}
}

static void a_deep_document_is_survived(void **state)
{
	(void)state;
	char deep[200] = "";
	for (int i = 0; i < 60; i++)
		strcat(deep, "[");
	for (int i = 0; i < 60; i++)
		strcat(deep, "]");
	const char *schema = "{\"items\":{\"items\":{\"items\":{\"type\":\"array\"}}}}";
	assert_string_equal(complaint(schema, deep), "");
}

/* ---- the public test suite, as far as our keywords go */

static const char *const foreign[] = {
	"$ref",
	"$id",
	"patternProperties",
	"allOf",
	"anyOf",
	"oneOf",
	"not",
	"if",
	"dependencies",
	"contains",
	"propertyNames",
	"definitions",
	"additionalItems",
	"$recursiveRef",
};

static bool is_foreign(json_t *schema)
{
	if (!json_is_object(schema))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
		if (json_object_get(schema, foreign[i]))
			return true;
	if (json_is_array(json_object_get(schema, "items")))
		return true; /* positional items are prefixItems since 2020-12 */
	const char *key = NULL;
	json_t *member = NULL;
	json_object_foreach(json_object_get(schema, "properties"), key,
	                    member) if (is_foreign(member)) return true;
	return is_foreign(json_object_get(schema, "items")) ||
	       is_foreign(json_object_get(schema, "additionalProperties"));
}

struct score {
	int passed, failed, skipped;
};

static void run_group(const char *file, json_t *group, struct score *score)
{
	char why[160] = "";
	_own_(schema_freep) struct schema *s = NULL;
	json_t *tests = json_object_get(group, "tests");
	_own_(freep) char *text = json_dumps(json_object_get(group, "schema"), JSON_ENCODE_ANY);
	if (is_foreign(json_object_get(group, "schema")) ||
	    schema_new(&s, text, why, sizeof(why)) < 0) {
		score->skipped += (int)json_array_size(tests);
		return;
	}
	for (size_t i = 0; i < json_array_size(tests); i++) {
		json_t *one = json_array_get(tests, i);
		bool is_right = schema_check(s, json_object_get(one, "data"), NULL, NULL) == 0;
		if (is_right == json_is_true(json_object_get(one, "valid"))) {
			score->passed++;
			continue;
		}
		score->failed++;
		print_error("%s: %s: %s\n", file,
		            json_string_value(json_object_get(group, "description")),
		            json_string_value(json_object_get(one, "description")));
	}
}

static void the_public_suite_passes_for_our_keywords(void **state)
{
	(void)state;
	static const char *const files[] = {
		"additionalProperties",
		"boolean_schema",
		"const",
		"default",
		"enum",
		"exclusiveMaximum",
		"exclusiveMinimum",
		"items",
		"maxItems",
		"maxLength",
		"maxProperties",
		"maximum",
		"minItems",
		"minLength",
		"minProperties",
		"minimum",
		"multipleOf",
		"pattern",
		"properties",
		"required",
		"type",
		"uniqueItems",
	};
	struct score score = { 0 };
	DIR *dir = opendir(SUITE);
	if (!dir) {
		if (getenv("CI"))
			fail_msg("json-schema-test-suite is not installed");
		skip();
	}
	closedir(dir);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char path[160];
		snprintf(path, sizeof(path), "%s/%s.json", SUITE, files[i]);
		_own_(drop) json_t *groups = json_load_file(path, JSON_ALLOW_NUL, NULL);
		if (!groups)
			continue; /* some files hold numbers that no C integer does */
		for (size_t g = 0; g < json_array_size(groups); g++)
			run_group(files[i], json_array_get(groups, g), &score);
	}
	print_message("# schema suite: %d passed, %d failed, %d of other keywords\n", score.passed,
	              score.failed, score.skipped);
	assert_int_equal(score.failed, 0);
	assert_true(score.passed > 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_complaint_says_where_and_what_would_be_right),
		cmocka_unit_test(formats_are_checked),
		cmocka_unit_test(defaults_are_filled_in_at_every_level),
		cmocka_unit_test(a_bad_schema_is_refused_with_a_reason),
		cmocka_unit_test(a_deep_document_is_survived),
		cmocka_unit_test(the_public_suite_passes_for_our_keywords),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
