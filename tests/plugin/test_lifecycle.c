#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/own.h"
#include "host/host.h"
#include "kit.h"

static void begin(struct kit *k, const char *section, const char *mode, const char *more)
{
	char log[160];
	char set[64];
	kit_begin(k);
	kit_add(k, "probe", 0, 0600);
	kit_host(k);
	snprintf(log, sizeof(log), "%s.log=%s", section, k->log);
	snprintf(set, sizeof(set), "%s.mode=%s", section, mode);
	int r = kit_configure(k, log, set, more, NULL);
	assert_int_equal(r, strcmp(mode, "refuse") == 0 ? SB_E_RANGE : 0);
}

static void assert_story(const struct kit *k, const char *story)
{
	_own_(buffer_fini) struct buffer b = { 0 };
	assert_int_equal(file_read_all(k->log, 1u << 20, &b), 0);
	buffer_give_u8(&b, 0);
	assert_string_equal((const char *)b.p, story);
}

static void live(const char *section)
{
	struct kit k;
	begin(&k, section, "good", NULL);
	assert_int_equal(host_start(k.host, NULL), 0);
	kit_assert_instance(&k, section, "state", "running");
	assert_true(kit_told(&k, "posted"));
	assert_true(kit_told(&k, "pipe"));
	host_stop(k.host, NULL, clock_mono() + NS_PER_S);
	kit_assert_instance(&k, section, "state", "stopped");
	k.host = host_free(k.host);
	assert_story(&k, "configure\nstart\npipe\ntimer\nposted\ndrain\ndrain\nstop\ndestroy\n");
	kit_end(&k);
}

static void an_instance_on_a_shared_loop_lives_from_create_to_destroy(void **state)
{
	(void)state;
	live("probe");
}

static void an_instance_with_its_own_thread_lives_from_create_to_destroy(void **state)
{
	(void)state;
	live("probe-thread");
}

static void a_failed_start_is_named_and_the_others_go_on(void **state)
{
	(void)state;
	struct kit k;
	begin(&k, "probe", "fail", "probe second.mode=good");
	assert_int_equal(host_start(k.host, NULL), -EADDRINUSE);
	kit_assert_instance(&k, "probe", "state", "failed");
	kit_assert_instance(&k, "probe", "why", "the port is taken");
	kit_assert_instance(&k, "probe second", "state", "running");
	kit_end(&k);
}

static void a_refused_configuration_is_an_error_at_startup(void **state)
{
	(void)state;
	struct kit k;
	begin(&k, "probe", "refuse", NULL);
	kit_assert_instance(&k, "probe", "why", "/mode asks for refusal");
	kit_end(&k);
}

static void an_unknown_key_is_an_error_at_startup(void **state)
{
	(void)state;
	struct kit k;
	kit_begin(&k);
	kit_add(&k, "probe", 0, 0600);
	kit_host(&k);
	assert_int_equal(kit_configure(&k, "probe.colour=red", NULL), SB_E_MALFORMED);
	kit_end(&k);
}

static void a_singleton_has_one_instance(void **state)
{
	(void)state;
	struct kit k;
	kit_begin(&k);
	kit_add(&k, "probe", 0, 0600);
	kit_host(&k);
	assert_int_equal(kit_configure(&k, "probe-thread.mode=good", "probe-thread b.mode=good",
	                               NULL),
	                 SB_E_EXISTS);
	kit_end(&k);
}

static void a_disabled_section_makes_no_instance(void **state)
{
	(void)state;
	struct kit k;
	begin(&k, "probe", "good", "probe.enabled=no");
	assert_int_equal(host_start(k.host, NULL), 0);
	assert_null(host_instance(k.host, NULL, 0));
	kit_end(&k);
}

static void secrets_are_not_shown(void **state)
{
	(void)state;
	struct kit k;
	begin(&k, "probe", "good", "probe.key=hunter2");
	json_t *doc = kit_describe(&k);
	_own_(freep) char *text = json_dumps(doc, 0);
	assert_null(strstr(text, "hunter2"));
	assert_non_null(strstr(text, "***"));
	json_decref(doc);
	kit_end(&k);
}

static int dial(const char *ready)
{
	const char *colon = strrchr(ready, ':');
	assert_non_null(colon);
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons((uint16_t)strtol(colon + 1, NULL, 10)),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (void *)&to, sizeof(to)), 0);
	return fd;
}

static void a_listener_serves_and_closes_its_connections_before_stop(void **state)
{
	(void)state;
	struct kit k;
	char ready[128];
	char echo[8] = "";
	begin(&k, "probe", "good", "probe.listen=127.0.0.1:0");
	assert_int_equal(host_start(k.host, NULL), 0);
	assert_true(host_ready_text(k.host, ready, sizeof(ready)) > 0);
	assert_int_equal(strncmp(ready, "probe=127.0.0.1:", 16), 0);
	int fd = dial(ready);
	assert_int_equal(write(fd, "hello", 5), 5);
	assert_int_equal(recv(fd, echo, 5, MSG_WAITALL), 5);
	assert_string_equal(echo, "hello");
	host_stop(k.host, NULL, clock_mono() + NS_PER_S);
	assert_int_equal(recv(fd, echo, 1, 0), 0);
	close(fd);
	assert_true(kit_told(&k, "close by stop"));
	assert_true(kit_told(&k, "stop"));
	kit_end(&k);
}

static void a_bad_address_fails_the_start(void **state)
{
	(void)state;
	struct kit k;
	begin(&k, "probe", "good", "probe.listen=256.0.0.1:0");
	assert_true(host_start(k.host, NULL) < 0);
	kit_assert_instance(&k, "probe", "state", "failed");
	kit_end(&k);
}

static void sum(void *ud, const char *instance, const char *name, const char *kind,
                const char *help, double value)
{
	(void)kind;
	(void)help;
	double *total = ud;
	if (strcmp(name, "probe_beats") == 0 && strcmp(instance, "probe") == 0)
		*total += value;
}

static void metrics_of_a_plugin_are_found(void **state)
{
	(void)state;
	struct kit k;
	double beats = 0;
	begin(&k, "probe", "good", NULL);
	assert_int_equal(host_start(k.host, NULL), 0);
	assert_true(kit_told(&k, "posted"));
	host_stop(k.host, NULL, clock_mono() + NS_PER_S);
	host_metrics(k.host, sum, &beats);
	assert_true(beats >= 1);
	kit_end(&k);
}

static void a_stalled_call_is_counted_and_named(void **state)
{
	(void)state;
	struct kit k;
	begin(&k, "probe", "stall", NULL);
	assert_int_equal(host_start(k.host, NULL), 0);
	json_t *doc = kit_describe(&k);
	const json_t *in = json_array_get(json_object_get(doc, "instances"), 0);
	assert_int_equal(json_integer_value(json_object_get(in, "stalls")), 1);
	json_decref(doc);
	kit_end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_instance_on_a_shared_loop_lives_from_create_to_destroy),
		cmocka_unit_test(an_instance_with_its_own_thread_lives_from_create_to_destroy),
		cmocka_unit_test(a_failed_start_is_named_and_the_others_go_on),
		cmocka_unit_test(a_refused_configuration_is_an_error_at_startup),
		cmocka_unit_test(an_unknown_key_is_an_error_at_startup),
		cmocka_unit_test(a_singleton_has_one_instance),
		cmocka_unit_test(a_disabled_section_makes_no_instance),
		cmocka_unit_test(secrets_are_not_shown),
		cmocka_unit_test(a_listener_serves_and_closes_its_connections_before_stop),
		cmocka_unit_test(a_bad_address_fails_the_start),
		cmocka_unit_test(metrics_of_a_plugin_are_found),
		cmocka_unit_test(a_stalled_call_is_counted_and_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
