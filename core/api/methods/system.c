/* system.*: the platform as a whole. */
#include <stdio.h>

#include "api/describe.h"
#include "api/methods/backup.h"
#include "api/openmetrics.h"
#include "api/rpc.h"
#include "api/server.h"
#include "base/clock.h"
#include "ingest/ingest.h"
#include "journal/journal.h"
#include "methods.gen.h"
#include "registry/registry.h"
#include "series/series.h"

static const char *const provisioning_names[] = {
	[PROVISION_OFF] = "off", [PROVISION_PENDING] = "pending", [PROVISION_ACTIVE] = "active"
};

static void give_devices(struct wire *w, const struct api *api)
{
	uint64_t devices = 0;
	uint64_t pending = 0;
	uint64_t sessions = 0;
	uint32_t no = 0;
	const struct device *dev;

	while ((dev = registry_next(api->config.registry, &no))) {
		devices += dev->admin != DEVICE_RETIRED;
		pending += dev->admin == DEVICE_PENDING;
		sessions += dev->session_since_ns != 0;
	}
	wire_key_u64(w, "devices", devices);
	wire_key_u64(w, "pending", pending);
	wire_key_u64(w, "sessions", sessions);
}

static void give_journal(struct wire *w, const struct journal_stats *s)
{
	wire_key(w, "journal");
	wire_map(w);
	wire_key_u64(w, "commits", s->commits);
	wire_key_u64(w, "records", s->records);
	wire_key_u64(w, "bytes_payload", s->bytes_payload);
	wire_key_u64(w, "bytes_written", s->bytes_written);
	wire_key_u64(w, "sync_failures", s->sync_failures);
	wire_key_u64(w, "segments", s->segments);
	wire_key_u64(w, "segments_spare", s->segments_spare);
	wire_key(w, "sync_ms_last");
	wire_f64(w, (double)s->sync_ns_last / NS_PER_MS);
	wire_key(w, "sync_ms_max");
	wire_f64(w, (double)s->sync_ns_max / NS_PER_MS);
	wire_map_end(w);
}

static void give_series(struct wire *w, const struct api *api)
{
	struct series_stats s;

	series_db_stats(api->config.series, &s);
	wire_key(w, "series");
	wire_map(w);
	wire_key_u64(w, "head_bytes", s.head_bytes);
	wire_key_u64(w, "head_rows", s.head_rows);
	wire_key_u64(w, "rows_total", s.rows_total);
	wire_key_u64(w, "points_total", s.points_total);
	wire_key_u64(w, "flushes", s.flushes);
	wire_key_u64(w, "flush_failures", s.flush_failures);
	wire_key_u64(w, "corrupt_chunks", s.corrupt_chunks);
	wire_key_u64(w, "feed_lag", s.feed_lag);
	wire_key_u64(w, "feed_dropped", s.feed_dropped);
	wire_map_end(w);
}

static void give_compaction(struct wire *w, const struct api *api)
{
	struct series_compaction c;

	series_db_compaction(api->config.series, &c);
	wire_key(w, "compaction");
	wire_map(w);
	wire_key_u64(w, "runs", c.runs);
	wire_key_u64(w, "failures", c.failures);
	wire_key_u64(w, "blocks", c.blocks_in);
	wire_key_u64(w, "rows_in", c.rows_in);
	wire_key_u64(w, "rows_out", c.rows_out);
	wire_key_u64(w, "deleted_ranges", series_db_deleted(api->config.series));
	wire_key_u64(w, "bytes_in", c.bytes_in);
	wire_key_u64(w, "bytes_out", c.bytes_out);
	wire_key_u64(w, "scrub_blocks", c.scrub_blocks);
	wire_key_u64(w, "scrub_bytes", c.scrub_bytes);
	wire_key_u64(w, "scrub_rounds", c.scrub_rounds);
	wire_key(w, "running");
	wire_bool(w, c.works);
	wire_map_end(w);
}

static void give_ingest(struct wire *w, const struct api *api)
{
	struct ingest_stats s;

	ingest_stats(api->config.ingest, &s);
	wire_key(w, "ingest");
	wire_map(w);
	wire_key_u64(w, "messages", s.messages);
	wire_key_u64(w, "points", s.points);
	wire_key_u64(w, "duplicates", s.duplicates);
	wire_key_u64(w, "late", s.late);
	wire_key_u64(w, "quarantined", s.quarantined);
	wire_key_u64(w, "refused", s.refused);
	wire_key_u64(w, "throttled", s.throttled);
	wire_key_u64(w, "backpressure", s.backpressure);
	wire_map_end(w);
}

static const char *const space_names[] = {
	[SERIES_SPACE_OK] = "ok",
	[SERIES_SPACE_LOW] = "low",
	[SERIES_SPACE_KEPT] = "low",
	[SERIES_SPACE_RESERVE] = "full",
};

static void give_storage(struct wire *w, const struct series_space *s)
{
	wire_key(w, "storage");
	wire_map(w);
	wire_key_text(w, "state", space_names[s->state]);
	wire_key_u64(w, "bytes_free", s->free);
	wire_key_u64(w, "bytes_total", s->total);
	wire_key_u64(w, "low_water", s->low_water);
	wire_key_u64(w, "reserve", s->reserve);
	wire_key_u64(w, "reserve_held", s->reserve_held);
	wire_key_u64(w, "low_water_blocks", s->low_blocks);
	wire_key_u64(w, "low_water_bytes", s->low_bytes);
	wire_key_u64(w, "retention_blocks", s->aged_blocks);
	wire_key_u64(w, "retention_bytes", s->aged_bytes);
	wire_map_end(w);
}

static bool is_damaged(const struct api *api, char *why, size_t cap)
{
	struct series_damage d;

	series_db_damage(api->config.series, INT64_MIN, INT64_MAX, NULL, 0, &d);
	if (!d.chunks && !d.blocks && !d.set_aside)
		return false;
	snprintf(why, cap,
	         "stored values are damaged: %llu chunks left out, %llu blocks read in part, %llu "
	         "set aside; the log names them: restore them from a backup",
	         (unsigned long long)d.chunks, (unsigned long long)d.blocks,
	         (unsigned long long)d.set_aside);
	return true;
}

static void give_config_health(struct wire *w, const struct api *api)
{
	struct api_config_state config = { 0 };
	char why[640];

	api->config.platform->config_state(api->config.platform_ud, &config);
	if (config.error[0])
		snprintf(why, sizeof(why),
		         "the configuration was refused, the one before holds: %s", config.error);
	else if (!is_damaged(api, why, sizeof(why)) && !backup_is_ill(api, why, sizeof(why)))
		why[0] = '\0';
	wire_key_text(w, "health", why[0] ? "degraded" : "ok");
	if (!why[0])
		return;
	wire_key_text(w, "health_reason", why);
}

/* The worst first. */
static void give_health(struct wire *w, const struct api *api, const struct journal_stats *journal,
                        const struct series_space *space)
{
	static const char *const reasons[] = {
		[SERIES_SPACE_LOW] = "the disk is nearly full: the oldest values are dropped",
		[SERIES_SPACE_KEPT] =
			"the disk is nearly full, and all that is left is younger than "
			"storage.keep: free space",
		[SERIES_SPACE_RESERVE] = "the disk is full, there is no reserve any more: free "
					 "space, or messages are not acknowledged soon",
	};

	if (journal->health != JOURNAL_OK) {
		wire_key_text(w, "health", "degraded");
		wire_key_text(w, "health_reason",
		              "the journal cannot write: nothing is acknowledged; see the log and "
		              "the disk");
		return;
	}
	if (space->state == SERIES_SPACE_OK) {
		give_config_health(w, api);
		return;
	}
	wire_key_text(w, "health", "low");
	wire_key_text(w, "health_reason", reasons[space->state]);
}

static void give_config(struct wire *w, const struct api *api)
{
	struct api_config_state config = { 0 };

	api->config.platform->config_state(api->config.platform_ud, &config);
	wire_key(w, "config");
	wire_map(w);
	wire_key_u64(w, "reloads", config.reloads);
	wire_key_u64(w, "failures", config.failures);
	if (config.at_ns)
		describe_time(w, "at", config.at_ns);
	if (config.error[0])
		wire_key_text(w, "error", config.error);
	if (config.waiting[0])
		wire_key_text(w, "waiting", config.waiting);
	wire_map_end(w);
}

int system_info_call(struct call *c)
{
	struct wire *w = &c->result;
	struct journal_stats stats;
	struct series_space space;

	series_db_space(c->api->config.series, &space);
	journal_stats(c->api->config.journal, &stats);
	wire_map(w);
	wire_key_text(w, "name", "signalbox");
	wire_key_text(w, "version", SIGNALBOX_VERSION);
	describe_time(w, "started", c->api->started_ns);
	describe_time(w, "now", clock_utc());
	give_health(w, c->api, &stats, &space);
	give_devices(w, c->api);
	wire_key_text(w, "provisioning", provisioning_names[c->api->config.provisioning]);
	give_journal(w, &stats);
	give_series(w, c->api);
	give_compaction(w, c->api);
	give_ingest(w, c->api);
	give_storage(w, &space);
	give_config(w, c->api);
	wire_key(w, "backup");
	backup_give_plan(w, c->api);
	wire_map_end(w);
	return 0;
}

int system_metrics_call(struct call *c)
{
	wire_map(&c->result);
	wire_key(&c->result, "metrics");
	openmetrics_list(c->api, &c->result);
	wire_map_end(&c->result);
	return 0;
}
