/* One instance from create to destroy, every call on its thread, with a limit in time. Main thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct config;
struct host;
struct instance;
struct product;
struct sb_descriptor;

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
/* Are tables of this plugin only handed out for calls on the instance's own thread, so that it may
 * be replaced while the platform runs? */
bool lifecycle_is_alone(const struct sb_descriptor *descriptor);
/* Stop and destroy; -EBUSY if it hangs. Create, configure by in->config, start. */
int lifecycle_end(struct instance *in);
int lifecycle_begin(struct instance *in);
/* Both. -EBUSY if other threads may hold its tables. */
int lifecycle_restart(struct instance *in);
/* Offers a running instance another configuration: 0 it is in force, else nothing changed and it
 * has to be restarted (SB_RESTART, or a fault). config stays the caller's; if in->is_stuck
 * afterwards, the plugin may still read it. */
int lifecycle_reconfigure(struct instance *in, const struct config *config);
/* Would the plugin take this configuration? Creates, configures and destroys another instance
 * beside this one, whether it runs or not. */
int lifecycle_try(struct instance *in, struct config *config);
/* ops.destroy; the instance's memory stays until its threads have ended: lifecycle_free(). */
void lifecycle_destroy(struct instance *in);
struct instance *lifecycle_free(struct instance *in);
