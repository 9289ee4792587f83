/* What the host and its instances are made of. For files of this folder only. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/plugin.h>

#include "host/config.h"
#include "host/elf.h"
#include "host/host.h"

struct crash_log;
struct map;
struct metrics;
struct schema;
struct watchdog;
struct worker;

#define INSTANCE_TAG  0x53424958u
#define MAX_SLOTS     16
#define MAX_PROVIDES  16
#define MAX_WORKERS   8
#define MAX_SERVICES  64
#define MAX_OBSERVERS 8
#define MAX_INSTANCES 256

/* One descriptor of a plugin file: what instances are made from. */
struct product {
	const struct plugin *plugin;
	const struct sb_descriptor *descriptor;
	struct schema *schema; /* NULL: no options */
};

struct plugin { /* a file that was loaded; lives as long as the process */
	char *path;
	struct elf_facts facts;
	const struct sb_entry *entry;
	struct plugin *next;
};

struct refusal {
	char *path, *why;
};

struct listener { /* service_stream.c */
	struct instance *instance;
	struct sb_listen spec;
	char *name, *bound;
	char *shared; /* the WebSocket subprotocol it speaks on the HTTP port; NULL: it has its own
	               */
	uint32_t id, owners;
	struct listener *next;
};

struct instance {
	uint32_t tag;
	_Atomic int state;
	struct host *host;
	const struct product *product;
	const struct sb_descriptor *descriptor; /* the same, one step nearer */
	void *self;
	const void *tables[MAX_PROVIDES]; /* of descriptor->provides */
	struct worker *worker;
	void *slots[MAX_SLOTS];
	char *name;
	struct config config;
	char *config_text; /* for people: secrets masked */
	bool own_thread;
	bool is_explicit; /* the configuration names it */
	bool is_stuck;    /* a call did not come back: neither memory nor thread may be reclaimed */
	bool was_started;
	uint32_t started_nr;    /* order of starting, from 1 */
	_Atomic uint32_t life;  /* grows when it stops: what the one before left is dropped */
	struct instance *trial; /* configured with what is to come, never started; lifecycle.c */

	/* what runs on its loop */
	struct map *fds, *timers;
	uint64_t next_timer;
	_Atomic uint32_t posts_waiting;
	struct listener *listeners;

	/* measured by the frames; lossy under contention, never torn */
	_Atomic uint64_t calls, sampled, sampled_ns, longest_ns;
	_Atomic uint64_t stalls, posts_refused;

	pthread_mutex_t lock; /* what people read: */
	int32_t health;
	char health_why[160];
	char last_error[256];
	_Atomic bool wants_restart;
};

struct host {
	struct host_config config;
	char *data_dir;
	char **plugin_dirs;
	char *allow_file;
	struct {
		char *id;
		const void *table;
	} services[MAX_SERVICES];
	size_t n_services;
	struct host_observer observers[MAX_OBSERVERS];
	size_t n_observers;
	uint32_t n_slots;
	struct plugin *plugins;
	struct product **products;
	size_t n_products;
	struct refusal *refusals;
	size_t n_refusals;
	struct worker *workers[MAX_WORKERS]; /* io/0 first */
	uint32_t n_workers, next_worker;
	struct instance *instances[MAX_INSTANCES]; /* only grows, read by every thread */
	_Atomic size_t n_instances;
	uint32_t n_started;
	struct metrics *metrics;
	struct watchdog *watchdog;
	struct crash_log *crashes;
	pthread_mutex_t lock; /* listeners' texts, what host_ready_text and host_describe read */
};
