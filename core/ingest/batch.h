/* "sb.telemetry/1": batches of points, host memory that plugins fill. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/services.h>

struct producer;

#define BATCH_POINTS_MAX 32768u
#define BATCH_BLOB_MAX   (512u * 1024)

struct batch {
	struct sb_batch pub;
	struct batch *next;
	struct producer *owner;
	uint32_t tag;
	bool is_held; /* by the plugin */
};

extern const struct sb_telemetry batch_service;

/* A batch with at least this much room, emptied; NULL: no memory, or beyond the limits. */
struct batch *batch_take(struct producer *p, uint32_t points, uint32_t blob_bytes);
void batch_give_back(struct producer *p, struct batch *b);
void batch_drop_all(struct producer *p);
