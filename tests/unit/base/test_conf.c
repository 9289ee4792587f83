#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/own.h"
#include "check.h"

struct target {
	char *listen;
	bool anonymous;
	int64_t inflight;
	uint64_t size;
	int64_t keep_ns;
	int mode;
};

#define AT(member) offsetof(struct target, member)

static const struct option_spec table[] = {
	{ "mqtt", "listen", OPTION_TEXT, AT(listen), "127.0.0.1:1883", NULL, 0, 0, "address" },
	{ "mqtt", "anonymous", OPTION_BOOL, AT(anonymous), "no", NULL, 0, 0, "let nameless in" },
	{ "mqtt", "inflight", OPTION_INT, AT(inflight), "20", NULL, 1, 65535, "window" },
	{ "store", "size", OPTION_SIZE, AT(size), "16M", NULL, 1 << 20, 1 << 30, "of a file" },
	{ "store", "keep", OPTION_TIME, AT(keep_ns), "7d", NULL, 1000000000, 86400000000000 * 365,
	  "age" },
	{ "store", "mode", OPTION_CHOICE, AT(mode), "off", "off|pending|active", 0, 0, "mode" },
	{ 0 },
};

struct reports {
	int n;
	char text[8][768];
};

static void report(void *ud, const char *text)
{
	struct reports *reports = ud;

	if (reports->n < 8)
		snprintf(reports->text[reports->n], sizeof(reports->text[0]), "%s", text);
	reports->n++;
}

static void target_fini(struct target *t)
{
	free(t->listen);
}

static void conf_freep(struct conf **conf)
{
	conf_free(*conf);
}

static int load_bytes(struct conf **conf, const char *text, size_t n)
{
	char path[] = "conf-XXXXXX";
	int fd = mkstemp(path);
	int r = 0;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	close(fd);
	assert_int_equal(conf_new(conf), 0);
	r = conf_load(*conf, path);
	unlink(path);
	return r;
}

static int load(struct conf **conf, const char *text)
{
	return load_bytes(conf, text, strlen(text));
}

static void without_a_file_the_fallbacks_hold(void **state)
{
	_own_(conf_freep) struct conf *conf = NULL;
	_own_(target_fini) struct target t = { 0 };
	struct reports reports = { 0 };

	(void)state;
	assert_int_equal(conf_new(&conf), 0);
	assert_int_equal(conf_fill(conf, table, &t, report, &reports), 0);
	assert_string_equal(t.listen, "127.0.0.1:1883");
	assert_false(t.anonymous);
	assert_int_equal(t.inflight, 20);
	assert_int_equal(t.size, 16 << 20);
	assert_int_equal(t.keep_ns, 7 * 86400 * 1000000000LL);
	assert_int_equal(t.mode, 0);
}

static void what_the_file_says_is_taken(void **state)
{
	_own_(conf_freep) struct conf *conf = NULL;
	_own_(target_fini) struct target t = { 0 };
	struct reports reports = { 0 };

	(void)state;
	assert_int_equal(load(&conf, "# a comment\n"
	                             "[mqtt]\n"
	                             "  listen = [::]:8883 ; taken as it is\r\n"
	                             "anonymous=yes\n"
	                             "; another\n"
	                             "[store]\nsize = 1G\nkeep = 90s\nmode = active"),
	                 0);
	assert_int_equal(conf_fill(conf, table, &t, report, &reports), 0);
	assert_string_equal(t.listen, "[::]:8883 ; taken as it is");
	assert_true(t.anonymous);
	assert_int_equal(t.size, 1 << 30);
	assert_int_equal(t.keep_ns, 90 * 1000000000LL);
	assert_int_equal(t.mode, 2);
}

static void a_set_key_takes_the_place_of_the_file(void **state)
{
	_own_(conf_freep) struct conf *conf = NULL;
	_own_(target_fini) struct target t = { 0 };
	struct reports reports = { 0 };

	(void)state;
	assert_int_equal(load(&conf,
	                      "[mqtt]\nlisten = a\n[modbus plant.1]\nho_st = x\nho-st = y\n"),
	                 0);
	assert_int_equal(conf_set(conf, "mqtt.listen=b=c"), 0);
	assert_int_equal(conf_set(conf, "modbus plant.1.ho-st=z"), 0);
	assert_int_equal(conf_set(conf, "modbus plant.1.ho_st=u"), 0);
	assert_int_equal(conf_fill(conf, table, &t, report, &reports), 0);
	assert_string_equal(t.listen, "b=c");
	assert_string_equal(conf_section(conf, 1), "modbus plant.1");
	assert_null(conf_section(conf, 2));
	assert_string_equal(conf_entry(conf, "modbus plant.1", 0)->value, "z");
	assert_string_equal(conf_entry(conf, "modbus plant.1", 0)->origin, "--set");
	assert_string_equal(conf_entry(conf, "modbus plant.1", 1)->value, "u");
	assert_null(conf_entry(conf, "modbus plant.1", 2));
	assert_null(conf_entry(conf, "nowhere", 0));
}

static void an_assignment_without_section_key_and_value_is_refused(void **state)
{
	static const char *const bad[] = { "",          "x",       "mqtt.listen", "listen=1",
		                           ".listen=1", "mqtt.=1", "mqtt.a b=1" };
	_own_(conf_freep) struct conf *conf = NULL;

	(void)state;
	assert_int_equal(conf_new(&conf), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(conf_set(conf, bad[i]), -EINVAL);
}

static void every_bad_value_is_named_with_line_limit_and_remedy(void **state)
{
	_own_(conf_freep) struct conf *conf = NULL;
	_own_(target_fini) struct target t = { 0 };
	struct reports reports = { 0 };

	(void)state;
	assert_int_equal(load(&conf, "[mqtt]\nanonymous = maybe\ninflight = 70000\nlisen = x\n"
	                             "[store]\nsize = 12\nmode = on\nkeep = 3\n[other]\nx = y\n"),
	                 0);
	assert_int_equal(conf_fill(conf, table, &t, report, &reports), -EINVAL);
	assert_int_equal(reports.n, 6);
	assert_non_null(strstr(reports.text[0], ":2: [mqtt] anonymous = maybe is not understood: "
	                                        "give yes or no (default no)"));
	assert_non_null(strstr(reports.text[1],
	                       ":3: [mqtt] inflight = 70000 is out of range: give a "
	                       "whole number, 1 to 65535 (default 20)"));
	assert_non_null(strstr(reports.text[2], ":6: [store] size = 12 is out of range"));
	assert_non_null(strstr(reports.text[2], "1M to 1G"));
	assert_non_null(strstr(reports.text[3], ":8: [store] keep = 3 is not understood"));
	assert_non_null(strstr(reports.text[3], "1s to 365d"));
	assert_non_null(strstr(reports.text[4], ":7: [store] mode = on"));
	assert_non_null(strstr(reports.text[4], "one of off|pending|active"));
	assert_non_null(strstr(reports.text[5], ":4: [mqtt] has no key lisen: give one of listen"));
}

static void a_key_that_is_given_twice_is_a_mistake(void **state)
{
	_own_(conf_freep) struct conf *conf = NULL;
	_own_(target_fini) struct target t = { 0 };
	struct reports reports = { 0 };

	(void)state;
	assert_int_equal(load(&conf, "[mqtt]\ninflight = 1\n[mqtt]\ninflight = 2\n"), 0);
	assert_int_equal(conf_fill(conf, table, &t, report, &reports), -EINVAL);
	assert_int_equal(reports.n, 1);
	assert_non_null(strstr(reports.text[0], ":4: [mqtt] inflight is given twice, first in "));
}

static void broken_files_are_refused(void **state)
{
	static const char *const bad[] = {
		"key = before section\n",
		"[mqtt\nx = y\n",
		"[mqtt]\nno value\n",
		"[mqtt]\n= nothing\n",
		"[mqtt]\nKEY = 1\n",
		"[mqtt]\nx = \xff\n",
		"[a234567890123456789012345678901234567890123456789]\nx = y\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		_own_(conf_freep) struct conf *conf = NULL;

		assert_int_equal(load(&conf, bad[i]), -EINVAL);
	}
}

static void zero_bytes_and_endless_lines_are_refused(void **state)
{
	static char text[100000] = "[mqtt]\nlisten = ";
	_own_(conf_freep) struct conf *zero = NULL;
	_own_(conf_freep) struct conf *endless = NULL;
	_own_(conf_freep) struct conf *fits = NULL;
	size_t n = strlen(text);

	(void)state;
	assert_int_equal(load_bytes(&zero, "[mqtt]\nx = \0y\n", 14), -EINVAL);
	memset(text + n, 'x', sizeof(text) - n);
	text[n + 3900] = '\n';
	assert_int_equal(load_bytes(&fits, text, n + 3901), 0);
	assert_int_equal(strlen(conf_entry(fits, "mqtt", 0)->value), 3900);
	text[n + 3900] = 'x';
	assert_int_equal(load_bytes(&endless, text, sizeof(text)), -EINVAL);
}

static void a_missing_file_is_a_fault(void **state)
{
	_own_(conf_freep) struct conf *conf = NULL;

	(void)state;
	assert_int_equal(conf_new(&conf), 0);
	assert_int_equal(conf_load(conf, "/nowhere/signalbox.conf"), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_file_the_fallbacks_hold),
		cmocka_unit_test(what_the_file_says_is_taken),
		cmocka_unit_test(a_set_key_takes_the_place_of_the_file),
		cmocka_unit_test(an_assignment_without_section_key_and_value_is_refused),
		cmocka_unit_test(every_bad_value_is_named_with_line_limit_and_remedy),
		cmocka_unit_test(a_key_that_is_given_twice_is_a_mistake),
		cmocka_unit_test(broken_files_are_refused),
		cmocka_unit_test(zero_bytes_and_endless_lines_are_refused),
		cmocka_unit_test(a_missing_file_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
