#include "host/host.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/own.h"
#include "host/crash_log.h"
#include "host/describe.h"
#include "host/lifecycle.h"
#include "host/metrics.h"
#include "host/plugin.h"
#include "host/populate.h"
#include "host/schema.h"
#include "host/service.h"
#include "host/state.h"
#include "host/watchdog.h"
#include "host/worker.h"

#define LOG_MODULE "host"

#define DEFAULT_CONNS 65536
#define STOP_DRAIN_NS (5 * NS_PER_S)

/* ---- making and ending */

static uint32_t default_threads(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	return (uint32_t)MAX(1, MIN(cores - 1, MAX_WORKERS));
}

static int copy_config(struct host *host, const struct host_config *config)
{
	size_t n = 0;
	while (config->plugin_dirs && config->plugin_dirs[n])
		n++;
	host->config = *config;
	host->plugin_dirs = calloc(n + 1, sizeof(char *));
	if (!host->plugin_dirs)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (!(host->plugin_dirs[i] = strdup(config->plugin_dirs[i])))
			return -ENOMEM;
	if (config->allow_file && !(host->allow_file = strdup(config->allow_file)))
		return -ENOMEM;
	if (!host->config.io_threads)
		host->config.io_threads = default_threads();
	host->config.io_threads = MIN(host->config.io_threads, MAX_WORKERS);
	if (!host->config.streams.max_conns)
		host->config.streams.max_conns = DEFAULT_CONNS;
	return 0;
}

static int make_workers(struct host *host)
{
	for (uint32_t i = 0; i < host->config.io_threads; i++) {
		char name[16];
		snprintf(name, sizeof(name), "io/%u", i);
		int r = worker_new(&host->workers[i], name, true, &host->config.streams);
		if (r < 0)
			return r;
		host->n_workers++;
	}
	return 0;
}

static int read_crashes(struct host *host)
{
	_own_(freep) char *dir = NULL;
	if (!host->config.data_dir)
		return 0;
	if (asprintf(&dir, "%s/crashes", host->config.data_dir) < 0)
		return -ENOMEM;
	return crash_log_new(&host->crashes, dir);
}

static int provide_own(struct host *host)
{
	int r = host_provide(host, "sb.core/1", service_core());
	if (r >= 0)
		r = host_provide(host, "sb.loop/1", service_loop());
	if (r >= 0)
		r = host_provide(host, "sb.stream/1", service_stream());
	if (r >= 0)
		r = host_provide(host, "sb.metrics/1", service_metrics());
	return r;
}

int host_new(struct host **out, const struct host_config *config)
{
	struct host *host = calloc(1, sizeof(*host));
	if (!host)
		return -ENOMEM;
	pthread_mutex_init(&host->lock, NULL);
	int r = copy_config(host, config);
	if (r >= 0)
		r = metrics_new(&host->metrics);
	if (r >= 0)
		r = read_crashes(host);
	if (r >= 0)
		r = make_workers(host);
	if (r >= 0)
		r = watchdog_new(&host->watchdog);
	if (r >= 0)
		r = provide_own(host);
	if (r < 0) {
		host_free(host);
		return r;
	}
	*out = host;
	return 0;
}

static void free_plugins(struct host *host)
{
	for (size_t i = 0; i < host->n_products; i++) {
		schema_free(host->products[i]->schema);
		free(host->products[i]);
	}
	free(host->products);
	while (host->plugins) {
		struct plugin *next = host->plugins->next;
		plugin_end(host->plugins);
		host->plugins = next;
	}
	for (size_t i = 0; i < host->n_refusals; i++) {
		free(host->refusals[i].path);
		free(host->refusals[i].why);
	}
	free(host->refusals);
}

static bool is_stuck(const struct host *host)
{
	for (size_t i = 0; i < host->n_instances; i++)
		if (host->instances[i]->is_stuck)
			return true;
	return false;
}

struct host *host_free(struct host *host)
{
	if (!host)
		return NULL;
	host_stop(host, NULL, clock_mono() + STOP_DRAIN_NS);
	for (size_t i = host->n_instances; i-- > 0;)
		lifecycle_destroy(host->instances[i]);
	host->watchdog = watchdog_free(host->watchdog);
	host->crashes = crash_log_free(host->crashes);
	if (is_stuck(host)) {
		log_warn(0, "a plugin still holds its thread: memory is left to the system");
		return NULL;
	}
	for (uint32_t i = 0; i < host->n_workers; i++)
		host->workers[i] = worker_free(host->workers[i]);
	for (size_t i = 0; i < host->n_instances; i++)
		host->instances[i] = lifecycle_free(host->instances[i]);
	free_plugins(host);
	metrics_free(host->metrics);
	for (size_t i = 0; host->plugin_dirs && host->plugin_dirs[i]; i++)
		free(host->plugin_dirs[i]);
	free(host->plugin_dirs);
	free(host->allow_file);
	for (size_t i = 0; i < host->n_services; i++)
		free(host->services[i].id);
	pthread_mutex_destroy(&host->lock);
	free(host);
	return NULL;
}

int host_provide(struct host *host, const char *id, const void *table)
{
	if (service_find(host, id))
		return log_error(SB_E_EXISTS, "the service %s is provided twice", id);
	if (host->n_services == MAX_SERVICES)
		return log_error(-ENOSPC, "too many services");
	char *copy = strdup(id);
	if (!copy)
		return -ENOMEM;
	host->services[host->n_services].id = copy;
	host->services[host->n_services++].table = table;
	return 0;
}

uint32_t host_slot(struct host *host)
{
	return host->n_slots < MAX_SLOTS ? host->n_slots++ : MAX_SLOTS;
}

int host_observe(struct host *host, const struct host_observer *observer)
{
	if (host->n_observers == MAX_OBSERVERS)
		return log_error(-ENOSPC, "too many observers of instances");
	host->observers[host->n_observers++] = *observer;
	return 0;
}

/* ---- files */

static int refuse(struct host *host, const char *path, int r, const char *why)
{
	struct refusal *grown = reallocarray(host->refusals, host->n_refusals + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	host->refusals = grown;
	grown[host->n_refusals] = (struct refusal){ strdup(path), strdup(why) };
	if (!grown[host->n_refusals].path || !grown[host->n_refusals].why) {
		free(grown[host->n_refusals].path);
		free(grown[host->n_refusals].why);
		return -ENOMEM;
	}
	host->n_refusals++;
	/* errno texts add to the sentence only where it speaks of the system. */
	bool is_system = r > -1000 && r != -ENOEXEC && r != -EPERM && r != -ELOOP;
	log_warn(is_system ? r : 0, "plugin %s refused: %s", path, why);
	return 0;
}

static int is_plugin_name(const struct dirent *e)
{
	size_t n = strlen(e->d_name);
	return n > 3 && e->d_name[0] != '.' && strcmp(e->d_name + n - 3, ".so") == 0;
}

static int load_file(struct host *host, const char *dir, const char *name)
{
	_own_(freep) char *path = NULL;
	char why[320];
	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	int r = plugin_load(host, path, why, sizeof(why));
	return r < 0 ? refuse(host, path, r, why) : 0;
}

static int load_dir(struct host *host, const char *dir)
{
	char why[160];
	_own_(freep) char *real = realpath(dir, NULL);
	if (!real)
		return refuse(host, dir, -errno, "the directory cannot be found");
	int r = plugin_check_dir(real, why, sizeof(why));
	if (r < 0)
		return refuse(host, real, r, why);
	struct dirent **names = NULL;
	int n = scandir(real, &names, is_plugin_name, alphasort);
	if (n < 0)
		return refuse(host, real, -errno, "the directory cannot be read");
	r = 0;
	for (int i = 0; i < n; i++) {
		if (r >= 0)
			r = load_file(host, real, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return r;
}

int host_load(struct host *host)
{
	for (size_t i = 0; host->plugin_dirs[i]; i++) {
		int r = load_dir(host, host->plugin_dirs[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- instances */

int host_configure(struct host *host, const struct conf *conf)
{
	return populate_host(host, conf);
}

int host_check(const struct host *host, const struct conf *conf)
{
	return populate_check(host, conf);
}

bool host_options(const struct host *host, size_t index, const char **section, const char **summary,
                  const struct schema **schema)
{
	if (index >= host->n_products)
		return false;
	*section = host->products[index]->descriptor->section;
	*summary = host->products[index]->descriptor->summary;
	*schema = host->products[index]->schema;
	return true;
}

void host_set_origins(struct host *host, const char *origins)
{
	host->config.streams.origins = origins;
	for (uint32_t i = 0; i < host->n_workers; i++)
		worker_set_origins(host->workers[i], origins);
	for (size_t i = 0; i < host->n_instances; i++)
		if (host->instances[i]->own_thread)
			worker_set_origins(host->instances[i]->worker, origins);
}

void host_end_revoked(struct host *host)
{
	for (uint32_t i = 0; i < host->n_workers; i++)
		worker_end_revoked(host->workers[i], host->config.tls);
	for (size_t i = 0; i < host->n_instances; i++)
		if (host->instances[i]->own_thread)
			worker_end_revoked(host->instances[i]->worker, host->config.tls);
}

bool host_config(const struct host *host, size_t index, const char **name, const char **json)
{
	for (size_t i = 0; i < host->n_instances; i++) {
		const struct instance *in = host->instances[i];
		if (instance_state(in) == INSTANCE_REMOVED || index-- > 0)
			continue;
		*name = in->name;
		*json = in->config_text ? in->config_text : "{}";
		return true;
	}
	return false;
}

bool host_has_section(const struct host *host, const char *section)
{
	return populate_product(host, section) != NULL;
}

static bool provides(const struct instance *in, const char *kind)
{
	return !kind || instance_ext(in, kind);
}

int host_start(struct host *host, const char *kind)
{
	int first = 0;
	for (size_t i = 0; i < host->n_instances; i++) {
		struct instance *in = host->instances[i];
		if (!provides(in, kind))
			continue;
		int r = lifecycle_start(in);
		if (r < 0 && in->is_explicit && first == 0)
			first = r;
	}
	return first;
}

void host_stop(struct host *host, const char *kind, int64_t deadline_ns)
{
	for (;;) {
		struct instance *last = NULL;
		for (size_t i = 0; i < host->n_instances; i++) {
			struct instance *in = host->instances[i];
			if (instance_state(in) == INSTANCE_RUNNING && provides(in, kind) &&
			    (!last || in->started_nr > last->started_nr))
				last = in;
		}
		if (!last)
			return;
		lifecycle_stop(last, deadline_ns);
	}
}

void host_poll(struct host *host)
{
	for (size_t i = 0; i < host->n_instances; i++) {
		struct instance *in = host->instances[i];
		if (!atomic_exchange(&in->wants_restart, false) ||
		    instance_state(in) == INSTANCE_REMOVED)
			continue;
		log_info("%s asked for a restart: %s", in->name, in->last_error);
		int r = lifecycle_restart(in);
		if (r == -EBUSY)
			log_warn(r, "%s needs a restart of the whole service", in->name);
	}
}

struct instance *host_instance(struct host *host, const char *kind, size_t index)
{
	size_t n = atomic_load_explicit(&host->n_instances, memory_order_acquire);
	for (size_t i = 0; i < n; i++) {
		struct instance *in = host->instances[i];
		if (instance_state(in) != INSTANCE_RUNNING || !provides(in, kind))
			continue;
		if (index-- == 0)
			return in;
	}
	return NULL;
}

/* ---- what people see */

size_t host_ready_text(struct host *host, char *buf, size_t cap)
{
	size_t at = 0;
	if (cap)
		buf[0] = 0;
	pthread_mutex_lock(&host->lock);
	for (size_t i = 0; i < host->n_instances; i++)
		for (struct listener *l = host->instances[i]->listeners; l; l = l->next) {
			if (l->shared)
				continue;
			int n = snprintf(buf + at, cap - at, "%s=%s ", l->name, l->bound);
			if (n > 0 && (size_t)n < cap - at)
				at += (size_t)n;
			else if (cap)
				buf[at] = 0;
		}
	pthread_mutex_unlock(&host->lock);
	return at;
}

void host_describe(struct host *host, struct wire *out)
{
	describe_write(host, out);
}

void host_metrics(struct host *host, host_metric_fn fn, void *ud)
{
	describe_figures(host, fn, ud);
	metrics_each(host->metrics, fn, ud);
}
