#define LOG_MODULE "config"
#include "live.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "app.h"
#include "backup/runner.h"
#include "base/log.h"
#include "base/own.h"
#include "host/host.h"
#include "registry/registry.h"
#include "series/series.h"
#include "settings.h"

static void apply_log(struct app *app)
{
	log_init((enum log_level)app->settings.log_level);
}

static void apply_http(struct app *app)
{
	const struct settings *s = &app->settings;

	app_limit_descriptors(s);
	host_set_origins(app->host, s->http_origins);
	api_change(app->api, &(struct api_live){
				     .origins = s->http_origins,
				     .max_clients = (uint32_t)s->http_max_clients,
				     .provisioning = s->provisioning,
			     });
}

static void apply_provisioning(struct app *app)
{
	const struct settings *s = &app->settings;

	registry_admit(app->registry, (enum provisioning)s->provisioning,
	               (uint32_t)s->provisioning_max_devices);
	registry_believe(app->registry, (enum certificates)s->provisioning_certificates);
	apply_http(app);
}

struct ingest_limits live_limits(const struct settings *s)
{
	return (struct ingest_limits){
		.max_series_per_device = (uint32_t)s->ingest_max_series,
		.max_payload_bytes = (uint32_t)s->ingest_max_payload,
		.max_messages_per_second = (double)s->ingest_rate,
		.burst_messages = (uint32_t)s->ingest_burst,
	};
}

static void apply_ingest(struct app *app)
{
	struct ingest_limits limits = live_limits(&app->settings);

	ingest_limit(app->ingest, &limits);
}

/* The files were read before, whether their names changed or not. */
static void apply_tls(struct app *app)
{
	(void)app;
}

static void apply_times(struct app *app)
{
	const struct settings *s = &app->settings;
	struct retention retention;
	char why[200];

	/* It was good when it was read. */
	(void)retention_parse(&retention,
	                      sb_str_of(s->storage_retention, strlen(s->storage_retention)), why,
	                      sizeof(why));
	series_db_retime(app->series, s->series_flush_every, &retention, s->storage_keep);
	series_db_compact_at(app->series, (uint32_t)s->storage_compaction);
}

struct runner_plan live_backups(const struct settings *s)
{
	return (struct runner_plan){
		.directory = s->backup_directory,
		.every_ns = s->backup_every,
		.at_s = s->backup_at_s,
		.keep = (uint32_t)s->backup_keep,
	};
}

static void apply_backup(struct app *app)
{
	struct runner_plan plan = live_backups(&app->settings);

	runner_change(app->runner, &plan);
}

static const struct {
	const char *section, *key; /* NULL: every key of the section */
	void (*apply)(struct app *app);
} rows[] = {
	{ "backup", NULL, apply_backup },
	{ "http", "max-clients", apply_http },
	{ "http", "origins", apply_http },
	{ "ingest", NULL, apply_ingest },
	{ "log", "level", apply_log },
	{ "provisioning", NULL, apply_provisioning },
	{ "series", "flush-every", apply_times },
	{ "storage", "compaction", apply_times },
	{ "storage", "keep", apply_times },
	{ "storage", "retention", apply_times },
	{ "tls", NULL, apply_tls },
};

static size_t row_of(const struct option_spec *spec)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].section, spec->section) == 0 &&
		    (!rows[i].key || strcmp(rows[i].key, spec->key) == 0))
			return i;
	return ARRAY_LEN(rows);
}

bool live_has(const struct option_spec *spec)
{
	return row_of(spec) < ARRAY_LEN(rows);
}

static size_t size_of(enum option_kind kind)
{
	switch (kind) {
	case OPTION_TEXT:
		return sizeof(char *);
	case OPTION_BOOL:
		return sizeof(bool);
	case OPTION_CHOICE:
		return sizeof(int);
	case OPTION_INT:
	case OPTION_SIZE:
	case OPTION_TIME:
		return sizeof(int64_t);
	}
	return 0;
}

static void *at(struct settings *s, const struct option_spec *spec)
{
	return (char *)s + spec->offset;
}

bool live_differs(const struct option_spec *spec, const struct settings *a,
                  const struct settings *b)
{
	const void *left = (const char *)a + spec->offset;
	const void *right = (const char *)b + spec->offset;

	if (spec->kind == OPTION_TEXT)
		return strcmp(*(char *const *)left, *(char *const *)right) != 0;
	return memcmp(left, right, size_of(spec->kind)) != 0;
}

static void exchange(void *a, void *b, size_t n)
{
	char was[sizeof(int64_t)];

	memcpy(was, a, n);
	memcpy(a, b, n);
	memcpy(b, was, n);
}

struct live_retired {
	struct live_retired *next;
	char *text;
};

/* Other threads read it without a lock: it is kept, however often it changes. */
static void retire(struct app *app, char **text)
{
	struct live_retired *one = malloc(sizeof(*one));

	if (one) {
		*one = (struct live_retired){ app->retired, *text };
		app->retired = one;
	}
	*text = NULL;
}

void live_fini(struct app *app)
{
	while (app->retired) {
		struct live_retired *next = app->retired->next;

		free(app->retired->text);
		free(app->retired);
		app->retired = next;
	}
}

void live_apply(struct app *app, struct settings *next, bool tls_lives)
{
	bool touched[ARRAY_LEN(rows)] = { false };

	for (const struct option_spec *spec = settings_table; spec->section; spec++) {
		size_t row = row_of(spec);

		if (row == ARRAY_LEN(rows) || !live_differs(spec, &app->settings, next))
			continue;
		if (rows[row].apply == apply_tls && !tls_lives)
			continue;
		exchange(at(&app->settings, spec), at(next, spec), size_of(spec->kind));
		app->settings.backup_at_s = next->backup_at_s; /* of the text that was tried */
		if (spec->kind == OPTION_TEXT)
			retire(app, at(next, spec));
		touched[row] = true;
	}
	void (*last)(struct app * app) = NULL; /* rows of one kind stand together */
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!touched[i] || rows[i].apply == last)
			continue;
		last = rows[i].apply;
		last(app);
	}
}
