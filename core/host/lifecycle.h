/* One instance from create to destroy, every call on its thread, with a limit in time. Main thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct host;
struct instance;
struct product;

/* The instance alone; no code of the plugin runs yet. */
int lifecycle_new(struct instance **out, struct host *host, const struct product *product,
                  const char *name);
int lifecycle_create(struct instance *in);
int lifecycle_configure(struct instance *in); /* by in->config */
/* Crashed too often: it is shown, but not started. */
void lifecycle_quarantine(struct instance *in, const char *why);
int lifecycle_start(struct instance *in);
/* Drains and stops; nothing to do if it does not run. */
void lifecycle_stop(struct instance *in, int64_t deadline_ns);
/* Stop, destroy, create, configure, start. -EBUSY if other threads may hold its tables. */
int lifecycle_restart(struct instance *in);
/* ops.destroy; the instance's memory stays until its threads have ended: lifecycle_free(). */
void lifecycle_destroy(struct instance *in);
struct instance *lifecycle_free(struct instance *in);
