#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/conf.h"
#include "base/own.h"
#include "check.h"
#include "host/config.h"
#include "host/schema.h"
#include "host/section.h"

#define SCHEMA                                                                         \
	"{\"type\":\"object\",\"properties\":{"                                        \
	"\"flag\":{\"type\":\"boolean\",\"default\":false},"                           \
	"\"count\":{\"type\":\"integer\",\"minimum\":1},"                              \
	"\"ratio\":{\"type\":\"number\"},"                                             \
	"\"name\":{\"type\":\"string\"},"                                              \
	"\"wait\":{\"type\":\"string\",\"format\":\"duration\",\"default\":\"2s\"},"   \
	"\"listen\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"             \
	"\"ids\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},"               \
	"\"map\":{\"type\":\"object\",\"properties\":{\"k\":{\"type\":\"integer\"}}}," \
	"\"max_wait_s\":{\"type\":\"integer\"},"                                       \
	"\"secret\":{\"type\":\"string\",\"x-sb\":{\"secret\":true}}}}"

struct fixture {
	struct conf *conf;
	struct schema *schema;
};

static int begin(void **state)
{
	char why[160];
	struct fixture *f = calloc(1, sizeof(*f));
	assert_int_equal(conf_new(&f->conf), 0);
	assert_int_equal(schema_new(&f->schema, SCHEMA, why, sizeof(why)), 0);
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;
	conf_free(f->conf);
	schema_free(f->schema);
	free(f);
	return 0;
}

static void set(const struct fixture *f, const char *assignment)
{
	assert_int_equal(conf_set(f->conf, assignment), 0);
}

static void assert_reads(const struct fixture *f, const char *json)
{
	json_t *doc = NULL;
	assert_int_equal(section_read(&doc, f->conf, "x", f->schema), 0);
	_own_(freep) char *text = json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text, json);
	json_decref(doc);
}

static void assert_refuses(const struct fixture *f)
{
	json_t *doc = NULL;
	assert_int_equal(section_read(&doc, f->conf, "x", f->schema), SB_E_MALFORMED);
	assert_null(doc);
}

static void text_becomes_what_the_schema_says(void **state)
{
	const struct fixture *f = *state;
	set(f, "x.flag=on");
	set(f, "x.count=42");
	set(f, "x.ratio=2.5");
	set(f, "x.name=42");
	assert_reads(f,
	             "{\"count\":42,\"flag\":true,\"name\":\"42\",\"ratio\":2.5,\"wait\":\"2s\"}");
}

static void a_section_that_is_missing_has_the_defaults(void **state)
{
	assert_reads(*state, "{\"flag\":false,\"wait\":\"2s\"}");
}

static void a_json_value_fits_objects_and_lists(void **state)
{
	const struct fixture *f = *state;
	set(f, "x.map={\"k\":3}");
	set(f, "x.ids=[1,2]");
	assert_reads(f, "{\"flag\":false,\"ids\":[1,2],\"map\":{\"k\":3},\"wait\":\"2s\"}");
}

static void one_value_of_a_list_is_a_list(void **state)
{
	const struct fixture *f = *state;
	set(f, "x.listen=127.0.0.1:0");
	set(f, "x.listen=[::1]:0"); /* an address, though it begins like JSON */
	assert_reads(f,
	             "{\"flag\":false,\"listen\":[\"127.0.0.1:0\",\"[::1]:0\"],\"wait\":\"2s\"}");
}

static void wrong_values_are_refused(void **state)
{
	static const char *const wrong[] = { "x.flag=maybe",  "x.count=7.5",        "x.count=0",
		                             "x.ratio=fast",  "x.wait=soon",        "x.ids=one",
		                             "x.colour=blue", "x.map={\"k\":\"v\"}" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		void *fresh = NULL;
		begin(&fresh);
		set(fresh, wrong[i]);
		assert_refuses(fresh);
		end(&fresh);
	}
}

static void dash_and_underscore_are_one_character_of_keys(void **state)
{
	struct fixture *f = *state;
	set(f, "x.max-wait_s=7");
	assert_reads(f, "{\"flag\":false,\"max_wait_s\":7,\"wait\":\"2s\"}");
	set(f, "x.max_wait-s=8"); /* the same option, given twice */
	assert_refuses(f);
}

static void a_plugin_without_options_takes_none(void **state)
{
	const struct fixture *f = *state;
	json_t *doc = NULL;
	assert_int_equal(section_read(&doc, f->conf, "x", NULL), 0);
	json_decref(doc);
	set(f, "x.flag=on");
	assert_int_equal(section_read(&doc, f->conf, "x", NULL), SB_E_MALFORMED);
}

static void enabled_is_the_hosts_own_key(void **state)
{
	const struct fixture *f = *state;
	int enabled = 0;
	assert_int_equal(section_enabled(f->conf, "x", &enabled), 0);
	assert_int_equal(enabled, 1);
	set(f, "x.enabled=no");
	assert_int_equal(section_enabled(f->conf, "x", &enabled), 0);
	assert_int_equal(enabled, 0);
	assert_reads(f, "{\"flag\":false,\"wait\":\"2s\"}");
}

static void getters_find_by_pointer_and_check_types(void **state)
{
	const struct fixture *f = *state;
	json_t *doc = json_loads("{\"count\":5,\"flag\":true,\"ratio\":2,\"listen\":[\"a\",\"b\"],"
	                         "\"wait\":\"500ms\",\"map\":{\"a/b\":1},\"secret\":\"s3\"}",
	                         0, NULL);
	struct config c;
	int64_t i = 0;
	double d = 0;
	int32_t flag = 0;
	uint32_t n = 0;
	struct sb_str s = { NULL, 0 };
	assert_int_equal(config_init(&c, doc, f->schema), 0);
	const struct sb_config *t = &c.table;
	assert_int_equal(t->i64(t, "/count", &i), 0);
	assert_int_equal(i, 5);
	assert_int_equal(t->i64(t, "/wait", &i), 0);
	assert_int_equal(i, 500000000);
	assert_int_equal(t->i64(t, "/map/a~1b", &i), 0);
	assert_int_equal(t->f64(t, "/ratio", &d), 0);
	assert_int_equal(t->boolean(t, "/flag", &flag), 0);
	assert_int_equal(flag, 1);
	assert_int_equal(t->length(t, "/listen", &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(t->str(t, "/listen/1", &s), 0);
	assert_memory_equal(s.p, "b", 1);
	assert_int_equal(t->str(t, "/listen/2", &s), SB_E_NOT_FOUND);
	assert_int_equal(t->str(t, "nonsense", &s), SB_E_NOT_FOUND);
	assert_int_equal(t->str(t, "/count", &s), SB_E_TYPE);
	assert_int_equal(t->i64(t, "/flag", &i), SB_E_TYPE);
	_own_(freep) char *shown = config_show(&c);
	assert_null(strstr(shown, "s3"));
	assert_non_null(strstr(c.text, "s3"));
	config_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(text_becomes_what_the_schema_says, begin, end),
		cmocka_unit_test_setup_teardown(a_section_that_is_missing_has_the_defaults, begin,
		                                end),
		cmocka_unit_test_setup_teardown(a_json_value_fits_objects_and_lists, begin, end),
		cmocka_unit_test_setup_teardown(one_value_of_a_list_is_a_list, begin, end),
		cmocka_unit_test_setup_teardown(wrong_values_are_refused, begin, end),
		cmocka_unit_test_setup_teardown(dash_and_underscore_are_one_character_of_keys,
		                                begin, end),
		cmocka_unit_test_setup_teardown(a_plugin_without_options_takes_none, begin, end),
		cmocka_unit_test_setup_teardown(enabled_is_the_hosts_own_key, begin, end),
		cmocka_unit_test_setup_teardown(getters_find_by_pointer_and_check_types, begin,
		                                end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
