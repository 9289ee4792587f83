/* From a plugin's points to durable rows: the host side of "sb.telemetry/1" and "sb.payload/1". On
 * the producer's own thread: resolve, stamp, check, quota, form rows, into the instance's journal
 * ring; on the way back: completions in order. */
#pragma once
#include <stdint.h>

struct catalog;
struct host;
struct ingest;
struct journal;
struct owners;
struct registry;

struct ingest_config {
	struct host *host;
	struct journal *journal;
	struct owners *owners; /* of records that are not rows; NULL: "sb.journal/1" is not there */
	struct registry *registry;
	struct catalog *catalog;
	struct ingest_limits {
		uint32_t max_series_per_device; /* 2,048 */
		uint32_t max_payload_bytes;     /* 256 KiB */
		double max_messages_per_second; /* per device; 0: no limit */
		uint32_t burst_messages;
	} limits;            /* of the start */
	uint64_t ring_bytes; /* per instance, 4 MiB */
};

int ingest_new(struct ingest **out, const struct ingest_config *config); /* before host_load() */
struct ingest *ingest_free(struct ingest *ingest);
/* Other limits from here on; any thread. */
void ingest_limit(struct ingest *ingest, const struct ingest_limits *limits);

/* Once a second or so: instances whose records lie far behind are asked for a snapshot. */
void ingest_look(struct ingest *ingest);

struct ingest_stats {
	uint64_t messages, points, duplicates, late, quarantined, refused, throttled, backpressure;
};
void ingest_stats(const struct ingest *ingest, struct ingest_stats *out); /* any thread */
