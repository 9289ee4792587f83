#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/conf.h"
#include "base/file.h"
#include "base/own.h"
#include "host/host.h"
#include "host/revise.h"
#include "kit.h"

/* A host with [probe], and more, running; what was told until now is forgotten. */
static void begin(struct kit *k, const char *more)
{
	char log[160];
	kit_begin(k);
	kit_add(k, "probe-live", 0, 0600);
	kit_host(k);
	snprintf(log, sizeof(log), "probe.log=%s", k->log);
	assert_int_equal(kit_configure(k, log, "probe.mode=good", more, NULL), 0);
	assert_int_equal(host_start(k->host, NULL), 0);
	assert_true(kit_told(k, "posted"));
	assert_int_equal(unlink(k->log), 0);
}

/* The story since, without what the clock does. */
static void assert_story(const struct kit *k, const char *story)
{
	_own_(buffer_fini) struct buffer b = { 0 };
	char told[512] = "";
	if (access(k->log, F_OK) == 0)
		assert_int_equal(file_read_all(k->log, 1u << 20, &b), 0);
	buffer_give_u8(&b, 0);
	char *at = NULL;
	for (char *word = strtok_r((char *)b.p, "\n", &at); word; word = strtok_r(NULL, "\n", &at))
		if (strcmp(word, "pipe") != 0 && strcmp(word, "timer") != 0 &&
		    strcmp(word, "posted") != 0)
			snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s ", word);
	assert_string_equal(told, story);
}

static struct conf *conf_of(const struct kit *k, va_list ap)
{
	char log[160];
	struct conf *conf = NULL;
	snprintf(log, sizeof(log), "probe.log=%s", k->log);
	assert_int_equal(conf_new(&conf), 0);
	assert_int_equal(conf_set(conf, log), 0);
	for (const char *set = va_arg(ap, const char *); set; set = va_arg(ap, const char *))
		assert_int_equal(conf_set(conf, set), 0);
	return conf;
}

/* [probe] with its log, and these assignments. */
static int plan(const struct kit *k, struct revise **v, ...)
{
	va_list ap;
	va_start(ap, v);
	struct conf *conf = conf_of(k, ap);
	va_end(ap);
	int r = revise_new(v, k->host, conf);
	conf_free(conf);
	return r;
}

struct heard {
	char text[512];
};

static void hear(void *ud, const struct revise_change *c)
{
	static const char *const words[] = { "live", "instance", "added", "removed", "process" };
	struct heard *h = ud;
	size_t at = strlen(h->text);
	snprintf(h->text + at, sizeof(h->text) - at, "%s/%s %s>%s %s\n", c->section, c->key,
	         c->from ? c->from : "", c->to ? c->to : "", words[c->effect]);
}

static void assert_changes(const struct revise *v, const char *text)
{
	struct heard h = { "" };
	revise_each(v, hear, &h);
	assert_string_equal(h.text, text);
}

static void what_an_instance_takes_live_does_not_stop_it(void **state)
{
	(void)state;
	struct kit k;
	struct revise *v = NULL;
	begin(&k, NULL);
	assert_int_equal(plan(&k, &v, "probe.limit=2", NULL), 0);
	assert_story(&k, "configure destroy ");
	assert_changes(v, "probe/limit 1>2 instance\n");
	assert_int_equal(revise_apply(v, NULL), 0);
	assert_changes(v, "probe/limit 1>2 live\n");
	assert_story(&k, "configure destroy reconfigure ");
	kit_assert_instance(&k, "probe", "state", "running");
	revise_free(v);
	kit_end(&k);
}

static void what_it_cannot_take_live_restarts_this_instance_alone(void **state)
{
	(void)state;
	struct kit k;
	struct revise *v = NULL;
	begin(&k, "probe second.mode=good");
	assert_int_equal(plan(&k, &v, "probe.listen=127.0.0.1:0", "probe second.mode=good", NULL),
	                 0);
	assert_int_equal(revise_apply(v, NULL), 0);
	assert_changes(v, "probe/listen >\"127.0.0.1:0\" instance\n");
	assert_story(&k, "configure destroy reconfigure drain drain stop destroy configure start ");
	kit_assert_instance(&k, "probe", "state", "running");
	revise_free(v);
	kit_end(&k);
}

static void nothing_changed_does_nothing(void **state)
{
	(void)state;
	struct kit k;
	struct revise *v = NULL;
	begin(&k, NULL);
	assert_int_equal(plan(&k, &v, "probe.limit=1", NULL), 0);
	assert_int_equal(revise_apply(v, NULL), 0);
	assert_changes(v, "");
	assert_story(&k, "");
	revise_free(v);
	kit_end(&k);
}

static void a_plugin_of_before_is_restarted(void **state)
{
	(void)state;
	struct kit k;
	struct revise *v = NULL;
	begin(&k, "probe-old.limit=1");
	assert_int_equal(plan(&k, &v, "probe-old.limit=2", NULL), 0);
	assert_int_equal(revise_apply(v, NULL), 0);
	assert_changes(v, "probe-old/limit 1>2 instance\n");
	kit_assert_instance(&k, "probe-old", "state", "running");
	revise_free(v);
	kit_end(&k);
}

static void what_others_hold_tables_of_waits_for_the_next_start(void **state)
{
	(void)state;
	struct kit k;
	struct revise *v = NULL;
	kit_begin(&k);
	kit_add(&k, "memdocs", 0, 0600);
	kit_host(&k);
	assert_int_equal(kit_configure(&k, "memdocs.enabled=yes", NULL), 0);
	assert_int_equal(host_start(k.host, NULL), 0);
	struct conf *empty = NULL;
	assert_int_equal(conf_new(&empty), 0);
	assert_int_equal(revise_new(&v, k.host, empty), 0);
	assert_int_equal(revise_apply(v, NULL), 0);
	assert_changes(v, "memdocs/ > process\n");
	kit_assert_instance(&k, "memdocs", "state", "running");
	conf_free(empty);
	revise_free(v);
	kit_end(&k);
}

static int count(const struct kit *k)
{
	int n = 0;
	while (host_instance(k->host, NULL, (size_t)n))
		n++;
	return n;
}

static void sections_come_and_go(void **state)
{
	(void)state;
	struct kit k;
	struct revise *v = NULL;
	begin(&k, NULL);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(plan(&k, &v, "probe new.mode=good", NULL), 0);
		assert_changes(v, "probe new/ > added\n");
		assert_int_equal(count(&k), 1);
		assert_int_equal(revise_apply(v, NULL), 0);
		v = revise_free(v);
		kit_assert_instance(&k, "probe new", "state", "running");
		assert_int_equal(plan(&k, &v, "probe new.enabled=no", NULL), 0);
		assert_int_equal(revise_apply(v, NULL), 0);
		assert_changes(v, "probe new/ > removed\n");
		v = revise_free(v);
		assert_int_equal(count(&k), 1);
		json_t *doc = kit_describe(&k);
		assert_int_equal(json_array_size(json_object_get(doc, "instances")), 1);
		json_decref(doc);
	}
	assert_story(&k, "");
	kit_end(&k);
}

static void what_a_plugin_refuses_changes_nothing(void **state)
{
	(void)state;
	struct kit k;
	struct revise *v = NULL;
	begin(&k, NULL);
	assert_int_equal(plan(&k, &v, "probe.mode=refuse", "probe new.mode=good", NULL),
	                 SB_E_RANGE);
	assert_int_equal(plan(&k, &v, "probe.limit=many", NULL), SB_E_MALFORMED);
	assert_int_equal(plan(&k, &v, "probe-thread.mode=good", "probe-thread b.mode=good", NULL),
	                 SB_E_EXISTS);
	assert_null(v);
	assert_int_equal(count(&k), 1);
	assert_story(&k, "configure destroy ");
	kit_assert_instance(&k, "probe", "state", "running");
	kit_end(&k);
}

static void a_start_that_fails_brings_everything_back(void **state)
{
	(void)state;
	struct kit k;
	struct revise *v = NULL;
	begin(&k, "probe second.limit=1");
	assert_int_equal(plan(&k, &v, "probe.limit=7", "probe new.mode=good",
	                      "probe broken.mode=fail", NULL),
	                 0);
	assert_int_equal(revise_apply(v, NULL), -EADDRINUSE);
	v = revise_free(v);
	/* One was told live and told back, one stopped and runs again, one is gone, one never was.
	 */
	assert_story(&k, "configure destroy reconfigure reconfigure ");
	assert_int_equal(count(&k), 2);
	kit_assert_instance(&k, "probe", "state", "running");
	kit_assert_instance(&k, "probe second", "state", "running");
	assert_int_equal(plan(&k, &v, "probe second.limit=1", NULL), 0);
	assert_changes(v, "");
	revise_free(v);
	kit_end(&k);
}

static void secrets_are_told_to_nobody(void **state)
{
	(void)state;
	struct kit k;
	struct revise *v = NULL;
	begin(&k, "probe.key=hunter2");
	assert_int_equal(plan(&k, &v, "probe.key=hunter3", NULL), 0);
	assert_changes(v, "probe/key \"***\">\"***\" instance\n");
	assert_int_equal(revise_apply(v, NULL), 0);
	assert_changes(v, "probe/key \"***\">\"***\" live\n");
	revise_free(v);
	kit_end(&k);
}

static void a_listener_may_move_from_one_section_to_another(void **state)
{
	(void)state;
	struct kit k;
	struct revise *v = NULL;
	char ready[128];
	char address[64];
	char set[128];
	begin(&k, "probe second.listen=127.0.0.1:0");
	assert_true(host_ready_text(k.host, ready, sizeof(ready)) > 0);
	snprintf(address, sizeof(address), "%.*s", (int)strcspn(strchr(ready, '=') + 1, " "),
	         strchr(ready, '=') + 1);
	snprintf(set, sizeof(set), "probe third.listen=%s", address);
	assert_int_equal(plan(&k, &v, set, NULL), 0);
	assert_int_equal(revise_apply(v, NULL), 0);
	assert_changes(v, "probe third/ > added\nprobe second/ > removed\n");
	assert_true(host_ready_text(k.host, ready, sizeof(ready)) > 0);
	assert_non_null(strstr(ready, address));
	revise_free(v);
	kit_end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_an_instance_takes_live_does_not_stop_it),
		cmocka_unit_test(what_it_cannot_take_live_restarts_this_instance_alone),
		cmocka_unit_test(nothing_changed_does_nothing),
		cmocka_unit_test(a_plugin_of_before_is_restarted),
		cmocka_unit_test(what_others_hold_tables_of_waits_for_the_next_start),
		cmocka_unit_test(sections_come_and_go),
		cmocka_unit_test(what_a_plugin_refuses_changes_nothing),
		cmocka_unit_test(a_start_that_fails_brings_everything_back),
		cmocka_unit_test(secrets_are_told_to_nobody),
		cmocka_unit_test(a_listener_may_move_from_one_section_to_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
