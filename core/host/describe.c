#include "host/describe.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/stream.h"
#include "base/wire.h"
#include "host/crash_log.h"
#include "host/state.h"
#include "host/worker.h"

static uint64_t load(const _Atomic uint64_t *cell)
{
	return atomic_load_explicit(cell, memory_order_relaxed);
}

/* Time inside its calls, from the sampled ones. */
static double busy_seconds(const struct instance *in)
{
	uint64_t sampled = load(&in->sampled);
	if (!sampled)
		return 0;
	return (double)load(&in->sampled_ns) / 1e9 * (double)load(&in->calls) / (double)sampled;
}

static void give_plugin(struct wire *w, const struct product *p)
{
	const struct sb_descriptor *d = p->descriptor;
	char abi[32];
	snprintf(abi, sizeof(abi), "%u.%u", p->plugin->facts.abi_major,
	         p->plugin->facts.abi_minor_built);
	wire_map(w);
	wire_key_text(w, "id", d->id);
	wire_key_text(w, "name", d->name);
	wire_key_text(w, "version", d->version);
	wire_key_text(w, "vendor", d->vendor);
	wire_key_text(w, "license", d->license);
	wire_key_text(w, "summary", d->summary);
	wire_key_text(w, "section", d->section);
	wire_key_text(w, "path", p->plugin->path);
	wire_key_text(w, "abi", abi);
	wire_key(w, "provides");
	wire_array(w);
	for (size_t i = 0; d->provides && d->provides[i] && i < MAX_PROVIDES; i++)
		wire_text(w, d->provides[i]);
	wire_array_end(w);
	wire_key_text(w, "schema", d->config_schema ? d->config_schema : "");
	wire_map_end(w);
}

static void give_listeners(struct wire *w, struct instance *in)
{
	wire_key(w, "listeners");
	wire_array(w);
	pthread_mutex_lock(&in->host->lock);
	for (const struct listener *l = in->listeners; l; l = l->next) {
		wire_map(w);
		wire_key_text(w, "name", l->name);
		wire_key_text(w, "address", l->bound);
		wire_key(w, "tls");
		wire_bool(w, l->spec.tls != 0);
		wire_map_end(w);
	}
	pthread_mutex_unlock(&in->host->lock);
	wire_array_end(w);
}

static void give_crashes(struct wire *w, const struct instance *in)
{
	struct crash last = { 0 };
	uint32_t n = crash_log_count(in->host->crashes, in->name, in->descriptor->version, &last);
	wire_key_u64(w, "crashes", n);
	if (n == 0)
		return;
	wire_key(w, "last_crash");
	wire_map(w);
	wire_key(w, "time");
	wire_i64(w, last.time_s * 1000);
	wire_key_u64(w, "signal", (uint64_t)last.signal);
	wire_key_text(w, "function", last.function);
	wire_key_text(w, "place", last.place);
	wire_key_text(w, "thread", last.thread);
	wire_map_end(w);
}

static void give_health(struct wire *w, struct instance *in)
{
	static const char *const words[] = { "ok", "degraded", "down" };
	pthread_mutex_lock(&in->lock);
	wire_key_text(w, "health", words[in->health]);
	wire_key_text(w, "why", in->health_why);
	pthread_mutex_unlock(&in->lock);
}

static void give_instance(struct wire *w, struct instance *in)
{
	static const char *const states[] = {
		[INSTANCE_CREATED] = "created",         [INSTANCE_CONFIGURED] = "configured",
		[INSTANCE_RUNNING] = "running",         [INSTANCE_DRAINING] = "draining",
		[INSTANCE_STOPPED] = "stopped",         [INSTANCE_FAILED] = "failed",
		[INSTANCE_QUARANTINED] = "quarantined", [INSTANCE_REMOVED] = "removed",
	};
	wire_map(w);
	wire_key_text(w, "name", in->name);
	wire_key_text(w, "plugin", in->descriptor->id);
	wire_key_text(w, "state", states[instance_state(in)]);
	wire_key_text(w, "thread", in->worker ? in->worker->name : "");
	give_health(w, in);
	pthread_mutex_lock(&in->lock);
	wire_key_text(w, "config", in->config_text ? in->config_text : "{}");
	pthread_mutex_unlock(&in->lock);
	wire_key_u64(w, "calls", load(&in->calls));
	wire_key(w, "busy_seconds");
	wire_f64(w, busy_seconds(in));
	wire_key(w, "longest_ms");
	wire_f64(w, (double)load(&in->longest_ns) / 1e6);
	wire_key_u64(w, "stalls", load(&in->stalls));
	give_crashes(w, in);
	give_listeners(w, in);
	wire_map_end(w);
}

void describe_write(struct host *host, struct wire *out)
{
	wire_map(out);
	wire_key(out, "plugins");
	wire_array(out);
	for (size_t i = 0; i < host->n_products; i++)
		give_plugin(out, host->products[i]);
	wire_array_end(out);
	wire_key(out, "instances");
	wire_array(out);
	size_t n = atomic_load(&host->n_instances);
	for (size_t i = 0; i < n; i++)
		if (instance_state(host->instances[i]) != INSTANCE_REMOVED)
			give_instance(out, host->instances[i]);
	wire_array_end(out);
	wire_key(out, "refused");
	wire_array(out);
	for (size_t i = 0; i < host->n_refusals; i++) {
		wire_map(out);
		wire_key_text(out, "path", host->refusals[i].path);
		wire_key_text(out, "why", host->refusals[i].why);
		wire_map_end(out);
	}
	wire_array_end(out);
	wire_map_end(out);
}

/* ---- figures */

static double figure_calls(const struct instance *in)
{
	return (double)load(&in->calls);
}

static double figure_longest(const struct instance *in)
{
	return (double)load(&in->longest_ns) / 1e9;
}

static double figure_stalls(const struct instance *in)
{
	return (double)load(&in->stalls);
}

static double figure_refused(const struct instance *in)
{
	return (double)load(&in->posts_refused);
}

static double figure_up(const struct instance *in)
{
	return instance_state(in) == INSTANCE_RUNNING;
}

static double figure_crashes(const struct instance *in)
{
	struct crash last;
	return crash_log_count(in->host->crashes, in->name, in->descriptor->version, &last);
}

static const struct {
	const char *name, *kind, *help;
	double (*value)(const struct instance *in);
} figures[] = {
	{ "plugin_busy_seconds", "counter", "time inside the plugin's calls, sampled",
	  busy_seconds },
	{ "plugin_calls", "counter", "calls from the host into the plugin", figure_calls },
	{ "plugin_crashes", "gauge", "crashes of the process inside the plugin, last day",
	  figure_crashes },
	{ "plugin_longest_call_seconds", "gauge", "longest call among the sampled ones",
	  figure_longest },
	{ "plugin_posts_refused", "counter", "tasks refused because too many were waiting",
	  figure_refused },
	{ "plugin_stalls", "counter", "calls that held their thread too long", figure_stalls },
	{ "plugin_up", "gauge", "1 while the instance runs", figure_up },
};

#define STREAM_FIGURES(X)                                                      \
	X(accepted, "counter", "connections accepted")                         \
	X(accept_pauses, "counter", "times peers had to wait for descriptors") \
	X(bytes_in, "counter", "bytes received")                               \
	X(bytes_out, "counter", "bytes sent")                                  \
	X(closed, "counter", "connections ended")                              \
	X(handshake_failures, "counter", "TLS handshakes that failed")         \
	X(handshakes, "counter", "TLS handshakes completed")                   \
	X(open_now, "gauge", "connections open")                               \
	X(refused, "counter", "connections refused")                           \
	X(upgrades, "counter", "WebSocket connections accepted")               \
	X(upgrades_refused, "counter", "WebSocket upgrades refused")

#define ONE(member, kind, help) +1
enum { STREAM_FIGURE_COUNT = 0 STREAM_FIGURES(ONE) };
#undef ONE

static void each_stream_figure(const char *worker, const struct streams_stats *s, host_metric_fn fn,
                               void *ud, size_t which)
{
	size_t i = 0;
#define GIVE(member, kind, help) \
	if (i++ == which)        \
		fn(ud, worker, "stream_" #member, kind, help, (double)s->member);
	STREAM_FIGURES(GIVE)
#undef GIVE
}

void describe_figures(struct host *host, host_metric_fn fn, void *ud)
{
	size_t n = atomic_load(&host->n_instances);
	for (size_t f = 0; f < ARRAY_LEN(figures); f++)
		for (size_t i = 0; i < n; i++)
			if (instance_state(host->instances[i]) != INSTANCE_REMOVED)
				fn(ud, host->instances[i]->name, figures[f].name, figures[f].kind,
				   figures[f].help, figures[f].value(host->instances[i]));
	for (size_t f = 0; f < STREAM_FIGURE_COUNT; f++)
		for (uint32_t i = 0; i < host->n_workers; i++) {
			struct streams_stats stats;
			worker_stats(host->workers[i], &stats);
			each_stream_figure(host->workers[i]->name, &stats, fn, ud, f);
		}
}
