/* The plugin host: finds plugin files, refuses the wrong ones with one clear line each, makes
 * instances from the configuration, runs their lifecycle, watches them. It knows ids and tables,
 * not subjects: services are provided by the folders that own them. Main thread, unless said. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <signalbox/plugin.h>

#include "base/stream.h"
#include "host/instance.h"

struct conf;
struct host;
struct schema;
struct wire;

struct host_config {
	const char *const *plugin_dirs; /* NULL-ended */
	const char *data_dir;           /* crash records: data_dir/crashes; NULL: none are kept */
	uint32_t io_threads;            /* 0: max(1, cores - 1), 8 at most */
	struct streams_limits streams;  /* of each io thread */
	struct tls *tls;                /* NULL: TLS listeners are refused */
	bool http_open;                 /* other machines reach the HTTP port */
	const char *allow_file; /* NULL: every sound file; else sha256sum lines, only those */
};

int host_new(struct host **out, const struct host_config *config);
struct host *host_free(struct host *host);

/* Before host_load(): a service id and its table, which lives as long as the host. */
int host_provide(struct host *host, const char *id, const void *table);
uint32_t host_slot(struct host *host); /* a new slot for instance_get/set */

/* Services that keep state per instance. All members optional; ud is the first argument. */
struct host_observer {
	int (*starting)(void *ud, struct instance *in); /* [inst], before ops.start */
	void (*stopped)(void *ud, struct instance *in); /* [inst], after ops.stop */
	void *ud;
};
int host_observe(struct host *host, const struct host_observer *observer);

/* Reads every *.so in the plugin directories: ELF note, dlopen, entry, descriptors. Refusals are
 * logged and listed, never fatal. */
int host_load(struct host *host);
/* Makes and configures instances: one for each section of conf that belongs to a plugin, and one
 * for each SB_AUTOSTART plugin without a section. A bad configuration is a fault with file, line,
 * key. */
int host_configure(struct host *host, const struct conf *conf);
/* Starts instances that provide `kind` and are not running; NULL: all that are left. */
int host_start(struct host *host, const char *kind);
/* Drains and stops in reverse order of start; deadline by the monotonic clock. */
void host_stop(struct host *host, const char *kind, int64_t deadline_ns);

/* Now and then (once a second): instances that asked for a restart get it. */
void host_poll(struct host *host);
/* After host_load(), instead of host_configure(): are the plugins' sections as their schemas want
 * them? 0, or the first fault; all are logged. */
int host_check(const struct host *host, const struct conf *conf);
/* Section, summary and options (NULL: none) of the index-th plugin; false after the last. */
bool host_options(const struct host *host, size_t index, const char **section, const char **summary,
                  const struct schema **schema);
/* Name and configuration in force (JSON, secrets masked; until it is changed) of the index-th
 * instance; false after the last. */
bool host_config(const struct host *host, size_t index, const char **name, const char **json);
/* config.streams.origins from soon on; the text lives as long as the host. Main thread. */
void host_set_origins(struct host *host, const char *origins);
/* After tls_renew() of config.tls: its revocation list holds for open connections too, soon. Main
 * thread. */
void host_end_revoked(struct host *host);
/* Does this section of the configuration belong to a loaded plugin? */
bool host_has_section(const struct host *host, const char *section);

/* The index-th running instance that provides `kind`, NULL after the last. Any thread once started.
 */
struct instance *host_instance(struct host *host, const char *kind, size_t index);
/* "mqtt=127.0.0.1:1883 " for each listener, for the ready line. */
size_t host_ready_text(struct host *host, char *buf, size_t cap);
/* Does an instance speak this WebSocket subprotocol on the HTTP port? Any thread. */
bool host_speaks(struct host *host, struct sb_str subprotocol);
/* Gives it the connection, whose request to upgrade stands in the parcel. Ends the parcel in any
 * case. Any thread. */
int host_adopt(struct host *host, struct sb_str subprotocol, struct stream_parcel *parcel);
/* Plugins, instances, states, health, refusals, counters: the answer of plugin.list. Any thread. */
void host_describe(struct host *host, struct wire *out);

/* ---- metrics of the host itself and of plugins; any thread reads */
typedef void (*host_metric_fn)(void *ud, const char *instance, const char *name, const char *kind,
                               const char *help, double value);
void host_metrics(struct host *host, host_metric_fn fn, void *ud);
