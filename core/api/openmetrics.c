#include "api/openmetrics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/jobs.h"
#include "api/server.h"
#include "backup/runner.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "base/wire.h"
#include "host/host.h"
#include "ingest/ingest.h"
#include "journal/journal.h"
#include "methods.gen.h"
#include "registry/auth.h"
#include "registry/registry.h"
#include "series/series.h"

struct metric {
	char name[64], instance[64], kind[8], help[128];
	double value;
};

struct metrics {
	struct metric *all;
	size_t n, cap;
};

static void metrics_add(void *ud, const char *instance, const char *name, const char *kind,
                        const char *help, double value)
{
	struct metrics *m = ud;

	if (m->n == m->cap) {
		size_t cap = MAX(m->cap * 2, (size_t)128);
		struct metric *p = realloc(m->all, cap * sizeof(*p));

		if (!p)
			return;
		m->all = p;
		m->cap = cap;
	}
	struct metric *one = &m->all[m->n++];

	*one = (struct metric){ .value = value };
	snprintf(one->name, sizeof(one->name), "%s", name);
	snprintf(one->instance, sizeof(one->instance), "%s", instance ? instance : "");
	snprintf(one->kind, sizeof(one->kind), "%s", kind);
	snprintf(one->help, sizeof(one->help), "%s", help);
}

static void count(struct metrics *m, const char *name, uint64_t value, const char *help)
{
	metrics_add(m, "", name, "counter", help, (double)value);
}

static void gauge(struct metrics *m, const char *name, double value, const char *help)
{
	metrics_add(m, "", name, "gauge", help, value);
}

static void add_api(struct metrics *m, struct api *api)
{
#define API_COUNTER_ADD(name, help) count(m, "api_" #name, api->counts.name, help);
	API_COUNTERS(API_COUNTER_ADD)
#undef API_COUNTER_ADD
	gauge(m, "api_clients", api->sessions, "WebSocket clients now");
	gauge(m, "api_connections_open", api->connections, "HTTP and WebSocket connections now");
	gauge(m, "api_calls_waiting", jobs_waiting(api->jobs), "calls waiting for a query thread");
	gauge(m, "start_time_seconds", (double)api->started_ns / NS_PER_S,
	      "when the platform started");
}

static void add_config(struct metrics *m, const struct api *api)
{
	struct api_config_state s = { 0 };

	api->config.platform->config_state(api->config.platform_ud, &s);
	count(m, "config_reloads", s.reloads, "times another configuration was put in force");
	count(m, "config_reload_failures", s.failures, "times it was refused");
	gauge(m, "config_refused", s.error[0] != '\0', "1: the last one was refused");
	gauge(m, "config_waiting", s.waiting[0] != '\0', "1: keys wait for the next start");
}

static void add_journal(struct metrics *m, const struct api *api)
{
	struct journal_stats s;

	journal_stats(api->config.journal, &s);
	count(m, "journal_commits", s.commits, "groups on disk");
	count(m, "journal_records", s.records, "records on disk");
	count(m, "journal_payload_bytes", s.bytes_payload, "bytes of records");
	count(m, "journal_written_bytes", s.bytes_written, "bytes written, padding included");
	count(m, "journal_sync_failures", s.sync_failures, "writes or syncs that failed");
	gauge(m, "journal_segments", (double)s.segments, "segments in use");
	gauge(m, "journal_segments_spare", (double)s.segments_spare, "segments ready for use");
	gauge(m, "journal_sync_seconds", (double)s.sync_ns_last / NS_PER_S, "the last sync took");
	gauge(m, "journal_sync_seconds_max", (double)s.sync_ns_max / NS_PER_S,
	      "the longest sync took");
	gauge(m, "journal_degraded", s.health != JOURNAL_OK, "1: nothing is acknowledged");
}

static void add_series(struct metrics *m, const struct api *api)
{
	struct series_stats s;

	series_db_stats(api->config.series, &s);
	gauge(m, "series_head_bytes", (double)s.head_bytes, "memory of rows not yet in blocks");
	gauge(m, "series_head_rows", (double)s.head_rows, "rows not yet in blocks");
	count(m, "series_rows", s.rows_total, "rows taken since the start");
	count(m, "series_points", s.points_total, "points taken since the start");
	count(m, "series_flushes", s.flushes, "blocks written");
	count(m, "series_flush_failures", s.flush_failures, "blocks that could not be written");
	count(m, "series_corrupt_chunks", s.corrupt_chunks, "chunks with a wrong checksum");
	gauge(m, "series_feed_lag", (double)s.feed_lag, "rows the live feed is behind");
	count(m, "series_feed_dropped", s.feed_dropped, "rows the live feed left out");
}

static void add_compaction(struct metrics *m, const struct api *api)
{
	struct series_compaction c;

	series_db_compaction(api->config.series, &c);
	count(m, "compaction_runs", c.runs, "times several blocks became one");
	count(m, "compaction_failures", c.failures, "times blocks could not be compacted");
	count(m, "compaction_blocks", c.blocks_in, "blocks that became part of another");
	count(m, "compaction_read_bytes", c.bytes_in, "their bytes");
	count(m, "compaction_written_bytes", c.bytes_out, "bytes written in their place");
	count(m, "scrub_blocks", c.scrub_blocks, "blocks read to find damage");
	count(m, "scrub_bytes", c.scrub_bytes, "bytes read to find damage");
	gauge(m, "series_deleted_ranges", (double)series_db_deleted(api->config.series),
	      "deleted ranges that blocks still hold values of");
	gauge(m, "compaction_running", c.works, "1: right now");
}

static void add_storage(struct metrics *m, const struct api *api)
{
	struct series_space s;

	series_db_space(api->config.series, &s);
	gauge(m, "storage_free_bytes", (double)s.free, "room left on the disk");
	gauge(m, "storage_total_bytes", (double)s.total, "size of the disk");
	gauge(m, "storage_low_water_bytes", (double)s.low_water,
	      "below it the oldest values are dropped");
	gauge(m, "storage_reserve_bytes", (double)s.reserve_held, "set aside for a full disk");
	count(m, "storage_low_water_blocks", s.low_blocks, "blocks dropped at low water");
	count(m, "storage_low_water_dropped_bytes", s.low_bytes, "dropped at low water");
	count(m, "storage_retention_blocks", s.aged_blocks, "blocks dropped by age");
	count(m, "storage_retention_dropped_bytes", s.aged_bytes, "dropped by age");
}

static void add_ingest(struct metrics *m, const struct api *api)
{
	struct ingest_stats s;

	ingest_stats(api->config.ingest, &s);
	count(m, "ingest_messages", s.messages, "messages taken");
	count(m, "ingest_points", s.points, "points taken");
	count(m, "ingest_duplicates", s.duplicates, "points that were there already");
	count(m, "ingest_late", s.late, "points older than their device's newest");
	count(m, "ingest_quarantined", s.quarantined, "payloads nobody could read");
	count(m, "ingest_refused", s.refused, "messages not allowed or over a limit");
	count(m, "ingest_throttled", s.throttled, "times a device was told to wait");
	count(m, "ingest_backpressure", s.backpressure, "times a source had to wait for the disk");
}

static void add_backup(struct metrics *m, const struct api *api)
{
	struct runner_state s;

	runner_state(api->config.runner, &s);
	gauge(m, "backup_running", s.is_running, "1 while a backup is made");
	gauge(m, "backup_proved_timestamp_seconds", (double)s.proved_ns / (double)NS_PER_S,
	      "when the newest backup of the plan was made that was proved; 0: never");
	gauge(m, "backup_ok", s.health == RUNNER_OFF || s.health == RUNNER_OK,
	      "0: the last backup of the plan failed, or is too old");
	count(m, "backups", s.made, "backups of the plan that were made and proved");
	count(m, "backup_failures", s.failures, "backups of the plan that failed");
}

static void add_devices(struct metrics *m, const struct api *api)
{
	double states[DEVICE_RETIRED + 1] = { 0 };
	const struct device *dev;
	double sessions = 0;
	char name[64];
	uint32_t no = 0;

	while ((dev = registry_next(api->config.registry, &no))) {
		states[dev->admin]++;
		sessions += dev->session_since_ns != 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		snprintf(name, sizeof(name), "devices_%s", device_admin_names[i]);
		gauge(m, name, states[i], "devices in this state");
	}
	gauge(m, "devices_with_session", sessions, "devices with an open session");
}

static void add_logins(struct metrics *m, const struct api *api)
{
	struct auth_stats s;

	registry_auth_stats(api->config.registry, &s);
	count(m, "auth_hashes", s.hashed, "passwords checked the slow way");
	count(m, "auth_known", s.known, "passwords answered from memory");
	count(m, "auth_limited", s.limited,
	      "log-ins put off: wrong passwords of an address or name");
	count(m, "auth_busy", s.busy, "log-ins put off: too many waited");
}

static int by_name(const void *a, const void *b)
{
	const struct metric *x = a;
	const struct metric *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : strcmp(x->instance, y->instance);
}

static struct metrics metrics_collect(struct api *api)
{
	struct metrics m = { 0 };

	add_api(&m, api);
	add_config(&m, api);
	add_journal(&m, api);
	add_series(&m, api);
	add_ingest(&m, api);
	add_compaction(&m, api);
	add_storage(&m, api);
	add_backup(&m, api);
	add_devices(&m, api);
	add_logins(&m, api);
	host_metrics(api->config.host, metrics_add, &m);
	if (m.n)
		qsort(m.all, m.n, sizeof(m.all[0]), by_name);
	return m;
}

static void give(struct buffer *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void give(struct buffer *out, const char *format, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(line, sizeof(line), format, ap);

	va_end(ap);
	if (n > 0)
		buffer_give(out, line, MIN((size_t)n, sizeof(line) - 1));
}

static void escape(const char *text, char *out, size_t cap)
{
	size_t n = 0;

	for (; *text && n + 2 < cap; text++) {
		if (*text == '\\' || *text == '"')
			out[n++] = '\\';
		out[n++] = *text == '\n' ? ' ' : *text;
	}
	out[n] = '\0';
}

void openmetrics_text(struct api *api, struct buffer *out)
{
	struct metrics m = metrics_collect(api);
	char number[33];
	char label[2 * sizeof(m.all->help)];

	for (size_t i = 0; i < m.n; i++) {
		const struct metric *one = &m.all[i];

		escape(one->help, label, sizeof(label));
		if (i == 0 || strcmp(m.all[i - 1].name, one->name) != 0)
			give(out, "# TYPE signalbox_%s %s\n# HELP signalbox_%s %s\n", one->name,
			     one->kind, one->name, label);
		give(out, "signalbox_%s%s", one->name, one->kind[0] == 'c' ? "_total" : "");
		escape(one->instance, label, sizeof(label));
		if (label[0])
			give(out, "{instance=\"%s\"}", label);
		number[text_f64(number, one->value)] = '\0';
		give(out, " %s\n", number);
	}
	give(out, "# TYPE signalbox_build info\nsignalbox_build_info{version=\"" SIGNALBOX_VERSION
	          "\"} 1\n# EOF\n");
	free(m.all);
}

void openmetrics_list(struct api *api, struct wire *w)
{
	struct metrics m = metrics_collect(api);

	wire_array(w);
	for (size_t i = 0; i < m.n; i++) {
		wire_map(w);
		wire_key(w, "name");
		wire_text(w, m.all[i].name);
		wire_key(w, "instance");
		wire_text(w, m.all[i].instance);
		wire_key(w, "kind");
		wire_text(w, m.all[i].kind);
		wire_key(w, "help");
		wire_text(w, m.all[i].help);
		wire_key(w, "value");
		wire_f64(w, m.all[i].value);
		wire_map_end(w);
	}
	wire_array_end(w);
	free(m.all);
}
