#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "host/host.h"
#include "kit.h"

/* One life of a process whose probe crashes in start(). Returns how it ended. */
static int die(struct kit *k)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit none = { 0, 0 };
		char log[160];
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGSEGV, SIG_DFL); /* not the test runner's */
		snprintf(log, sizeof(log), "probe.log=%s", k->log);
		kit_host(k);
		if (kit_configure(k, log, "probe.mode=crash", NULL) == 0)
			host_start(k->host, NULL);
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static json_t *life_after(struct kit *k)
{
	kit_host(k);
	assert_int_equal(kit_configure(k, "probe.mode=good", NULL), 0);
	assert_int_equal(host_start(k->host, NULL), 0);
	return kit_describe(k);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static void a_crash_names_plugin_and_function_in_the_next_life(void **state)
{
	(void)state;
	struct kit k;
	kit_begin(&k);
	kit_add(&k, "probe", 0, 0600);
	assert_true(WIFSIGNALED(die(&k)));
	json_t *doc = life_after(&k);
	const json_t *in = json_array_get(json_object_get(doc, "instances"), 0);
	const json_t *last = json_object_get(in, "last_crash");
	assert_string_equal(text_of(in, "state"), "running");
	assert_int_equal(json_integer_value(json_object_get(in, "crashes")), 1);
	assert_int_equal(json_integer_value(json_object_get(last, "signal")), SIGSEGV);
	assert_string_equal(text_of(last, "function"), "start");
	assert_string_equal(text_of(last, "thread"), "io/0");
	json_decref(doc);
	kit_end(&k);
}

static void three_crashes_put_an_instance_into_quarantine(void **state)
{
	(void)state;
	struct kit k;
	kit_begin(&k);
	kit_add(&k, "probe", 0, 0600);
	for (int i = 0; i < 3; i++)
		die(&k);
	json_t *doc = life_after(&k);
	const json_t *in = json_array_get(json_object_get(doc, "instances"), 0);
	assert_string_equal(text_of(in, "state"), "quarantined");
	assert_string_equal(text_of(in, "why"), "crashed three times within ten minutes");
	json_decref(doc);
	kit_end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crash_names_plugin_and_function_in_the_next_life),
		cmocka_unit_test(three_crashes_put_an_instance_into_quarantine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
