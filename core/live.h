/* Which keys of the platform take effect while it runs, and how: a table of rows, one for each. A
 * key without a row waits for the next start. Main thread. */
#pragma once
#include <stdbool.h>

#include "backup/runner.h"
#include "base/conf.h"
#include "ingest/ingest.h"

struct app;
struct settings;

bool live_has(const struct option_spec *spec);
/* Puts the live keys of `next` in force and into app->settings, which gives its own for them. Texts
 * change owners, so that both are ended as usual. Cannot fail. tls_lives: those of [tls] too, for
 * which the caller has the new identity. */
void live_apply(struct app *app, struct settings *next, bool tls_lives);
void live_fini(struct app *app);
struct ingest_limits live_limits(const struct settings *s);
struct runner_plan live_backups(const struct settings *s);
/* Is the value of this key another one? */
bool live_differs(const struct option_spec *spec, const struct settings *a,
                  const struct settings *b);
