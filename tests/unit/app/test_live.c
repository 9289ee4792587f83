#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "app.h"
#include "base/log.h"
#include "base/own.h"
#include "check.h"
#include "host/host.h"
#include "live.h"
#include "registry/registry.h"
#include "series/series.h"
#include "settings.h"

/* ---- the parts of the platform, which only note what they are told */

static struct {
	char calls[256];
	struct api_live api;
	struct ingest_limits ingest;
	enum provisioning provisioning;
	int64_t retention;
} told;

static void call(const char *name)
{
	strncat(told.calls, name, sizeof(told.calls) - strlen(told.calls) - 1);
}

void api_change(struct api *api, const struct api_live *live)
{
	(void)api;
	told.api = *live;
	call("api ");
}

void runner_change(struct runner *runner, const struct runner_plan *plan)
{
	(void)runner;
	(void)plan;
	call("backups ");
}

void host_set_origins(struct host *host, const char *origins)
{
	(void)host;
	(void)origins;
	call("origins ");
}

void registry_admit(struct registry *reg, enum provisioning how, uint32_t max_devices)
{
	(void)reg;
	(void)max_devices;
	told.provisioning = how;
	call("registry ");
}

void registry_believe(struct registry *reg, enum certificates how)
{
	(void)reg;
	(void)how;
	call("certificates ");
}

void ingest_limit(struct ingest *ingest, const struct ingest_limits *limits)
{
	(void)ingest;
	told.ingest = *limits;
	call("ingest ");
}

void series_db_compact_at(struct series_db *db, uint32_t blocks)
{
	(void)db;
	(void)blocks;
}

void series_db_retime(struct series_db *db, int64_t flush_every_ns,
                      const struct retention *retention, int64_t keep_ns)
{
	(void)db;
	(void)flush_every_ns;
	(void)keep_ns;
	told.retention = retention->at[0].keep_ns;
	call("series ");
}

void app_limit_descriptors(const struct settings *s)
{
	(void)s;
}

/* ---- */

static struct settings settings_of(const char *first, const char *second)
{
	struct settings s = { 0 };
	struct conf *conf = NULL;

	assert_int_equal(conf_new(&conf), 0);
	assert_int_equal(first ? conf_set(conf, first) : 0, 0);
	assert_int_equal(second ? conf_set(conf, second) : 0, 0);
	assert_int_equal(settings_fill(&s, conf), 0);
	conf_free(conf);
	return s;
}

/* From the defaults to these two keys. */
static void apply(struct app *app, const char *first, const char *second, bool tls_lives)
{
	struct settings next = settings_of(first, second);

	memset(&told, 0, sizeof(told));
	*app = APP_NULL;
	app->settings = settings_of(NULL, NULL);
	live_apply(app, &next, tls_lives);
	settings_fini(&next);
}

static void drop(struct app *app)
{
	live_fini(app);
	settings_fini(&app->settings);
}

static const struct option_spec *spec_of(const char *section, const char *key)
{
	const struct option_spec *spec = settings_table;

	while (spec->section && (strcmp(spec->section, section) || strcmp(spec->key, key)))
		spec++;
	assert_non_null(spec->section);
	return spec;
}

static void keys_say_whether_they_change_while_it_runs(void **state)
{
	static const char *const live[][2] = {
		{ "log", "level" },
		{ "http", "origins" },
		{ "http", "max-clients" },
		{ "tls", "certificate" },
		{ "tls", "key" },
		{ "ingest", "rate" },
		{ "ingest", "burst" },
		{ "ingest", "max-payload" },
		{ "provisioning", "auto" },
		{ "provisioning", "max-devices" },
		{ "storage", "retention" },
		{ "storage", "keep" },
		{ "series", "flush-every" },
		{ "ingest", "max-series-per-device" },
	};
	static const char *const later[][2] = {
		{ "http", "listen" },     { "http", "insecure" },      { "http", "console" },
		{ "io", "threads" },      { "io", "max-connections" }, { "journal", "linger" },
		{ "journal", "profile" }, { "series", "class" },       { "series", "head-max" },
		{ "storage", "reserve" }, { "plugins", "dir" },        { "plugins", "allow" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(live); i++)
		assert_true(live_has(spec_of(live[i][0], live[i][1])));
	for (size_t i = 0; i < ARRAY_LEN(later); i++)
		assert_false(live_has(spec_of(later[i][0], later[i][1])));
}

static void values_differ_not_their_spelling(void **state)
{
	struct settings a = settings_of("journal.segment-size=16M", "log.level=info");
	struct settings b = settings_of("journal.segment-size=16384K", "log.level=warn");

	(void)state;
	assert_false(live_differs(spec_of("journal", "segment-size"), &a, &b));
	assert_true(live_differs(spec_of("log", "level"), &a, &b));
	assert_false(live_differs(spec_of("http", "listen"), &a, &b));
	settings_fini(&a);
	settings_fini(&b);
}

static void a_live_key_reaches_its_part_alone(void **state)
{
	struct app app;

	(void)state;
	apply(&app, "ingest.rate=7", "ingest.burst=9", false);
	assert_string_equal(told.calls, "ingest ");
	assert_true(told.ingest.max_messages_per_second == 7 && told.ingest.burst_messages == 9);
	assert_int_equal(app.settings.ingest_rate, 7);
	drop(&app);
	apply(&app, "provisioning.auto=pending", "storage.retention=30d", false);
	assert_int_equal(told.provisioning, PROVISION_PENDING);
	assert_int_equal(told.api.provisioning, PROVISION_PENDING);
	assert_int_equal(told.retention, 30LL * 86400 * 1000000000);
	drop(&app);
	apply(&app, "log.level=error", NULL, false);
	assert_string_equal(told.calls, "");
	assert_false(log_wanted(LOG_LEVEL_WARN));
	log_init(LOG_LEVEL_INFO);
	drop(&app);
}

static void what_waits_for_the_next_start_is_not_touched(void **state)
{
	struct app app;

	(void)state;
	apply(&app, "http.listen=127.0.0.1:9", "io.threads=3", false);
	assert_string_equal(told.calls, "");
	assert_string_equal(app.settings.http_listen, "127.0.0.1:8080");
	assert_int_equal(app.settings.io_threads, 0);
	drop(&app);
}

static void a_text_that_threads_read_is_kept(void **state)
{
	struct app app;
	struct settings next = settings_of("http.origins=https://b.example", NULL);

	(void)state;
	memset(&told, 0, sizeof(told));
	app = APP_NULL;
	app.settings = settings_of("http.origins=https://a.example", NULL);
	const char *before = app.settings.http_origins;
	live_apply(&app, &next, false);
	settings_fini(&next);
	assert_string_equal(before, "https://a.example");
	assert_string_equal(told.api.origins, "https://b.example");
	assert_string_equal(told.calls, "origins api ");
	drop(&app);
}

static void tls_changes_only_where_there_is_some(void **state)
{
	struct app app;

	(void)state;
	apply(&app, "tls.certificate=/a.pem", "tls.key=/a.key", false);
	assert_string_equal(app.settings.tls_cert, "");
	drop(&app);
	apply(&app, "tls.certificate=/a.pem", "tls.key=/a.key", true);
	assert_string_equal(app.settings.tls_cert, "/a.pem");
	drop(&app);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_say_whether_they_change_while_it_runs),
		cmocka_unit_test(values_differ_not_their_spelling),
		cmocka_unit_test(a_live_key_reaches_its_part_alone),
		cmocka_unit_test(what_waits_for_the_next_start_is_not_touched),
		cmocka_unit_test(a_text_that_threads_read_is_kept),
		cmocka_unit_test(tls_changes_only_where_there_is_some),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
