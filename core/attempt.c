#define LOG_MODULE "config"
#include "attempt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "args.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/own.h"
#include "base/stream.h"
#include "config.h"
#include "host/host.h"
#include "host/revise.h"
#include "inforce.h"
#include "live.h"
#include "notify.h"

static void on_line(void *ud, enum log_level level, const char *text)
{
	struct attempt *a = ud;

	if (level < LOG_LEVEL_ERROR || a->n_errors == ATTEMPT_ERRORS)
		return;
	a->errors[a->n_errors] = strdup(text);
	a->n_errors += a->errors[a->n_errors] != NULL;
}

void attempt_listen(struct attempt *a)
{
	log_listen(on_line, a);
}

void attempt_fini(struct attempt *a)
{
	revise_free(a->revise);
	changes_fini(&a->changes);
	conf_free(a->conf);
	settings_fini(&a->settings);
	tls_free(a->tls);
	for (size_t i = 0; i < a->n_errors; i++)
		free(a->errors[i]);
}

/* ---- looking */

static bool says_something(const struct conf *conf)
{
	const struct conf_entry *e;
	const char *section;

	for (size_t i = 0; (section = conf_section(conf, i)); i++)
		for (size_t k = 0; (e = conf_entry(conf, section, k)); k++)
			if (strcmp(e->origin, "--set") != 0)
				return true;
	return false;
}

/* An editor, a full disk or a tool at work leaves such a file; nobody means it. */
static int check_file(const struct attempt *a, const struct args *args)
{
	if (!args->config || says_something(a->conf) || !says_something(a->app->conf))
		return 0;
	log_error(0,
	          "%s says nothing any more, which is taken for a mistake: restart the service if "
	          "the defaults are meant",
	          args->config);
	return -EINVAL;
}

static int check_tls(struct attempt *a)
{
	const struct settings *s = &a->settings;
	struct app *app = a->app;
	int r = *s->tls_cert ? app_new_tls(s, &a->tls) : 0;

	a->tls_lives = app->tls && a->tls;
	return r;
}

static void collect(struct attempt *a)
{
	struct app *app = a->app;

	changes_fini(&a->changes);
	changes_settings(&a->changes, a->inforce, a->conf, &app->settings, &a->settings,
	                 a->tls_lives);
	if (a->tls_lives && !tls_is_same(app->tls, a->tls) &&
	    strcmp(app->settings.tls_cert, a->settings.tls_cert) == 0)
		changes_renewed(&a->changes, "tls.certificate", a->settings.tls_cert);
	changes_plugins(&a->changes, a->revise, a->conf);
}

int attempt_prepare(struct attempt *a, const struct args *args)
{
	struct app *app = a->app;
	int r = config_read(args, &a->conf, &a->settings);

	if (r == 0)
		r = check_file(a, args);
	if (r == 0)
		r = config_place_stores(a->conf, app->data);
	if (r < 0)
		return r;
	/* Everything that is wrong is said at once. */
	int first = config_check_sections(a->conf, app->host);
	r = check_tls(a);
	first = first < 0 ? first : r;
	r = revise_new(&a->revise, app->host, a->conf);
	first = first < 0 ? first : r;
	if (first < 0)
		return first;
	collect(a);
	return 0;
}

/* ---- changing */

static void take_lines(struct attempt *a)
{
	for (const struct option_spec *spec = settings_table; spec->section; spec++) {
		bool differs = live_differs(spec, &a->app->settings, &a->settings);
		bool lives = live_has(spec) && (a->tls_lives || strcmp(spec->section, "tls") != 0);

		(void)inforce_take(a->inforce, a->conf, spec, differs && !lives);
	}
}

int attempt_apply(struct attempt *a)
{
	struct app *app = a->app;
	int r = revise_apply(a->revise, notify_alive);

	if (r < 0)
		return r;
	/* From here on nothing can fail. Only now the plugins have said how they took it. */
	collect(a);
	take_lines(a);
	live_apply(app, &a->settings, a->tls_lives);
	if (a->tls_lives) {
		tls_renew(app->tls, steal(a->tls));
		host_end_revoked(app->host);
	}
	conf_free(app->conf);
	app->conf = steal(a->conf);
	return 0;
}
