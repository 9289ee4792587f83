/* Points to rows: the points of one message and one time become one row per stream. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device;
struct producer;
struct sb_batch;

struct rows_result {
	uint32_t stored, duplicate, late, rejected; /* points */
	bool leans;                                 /* some were dropped because they are stored */
};

/* Bytes the rows of so many points need at most. */
size_t rows_bound(uint32_t points, uint32_t blob_bytes);
/* Stamps, checks, forms and hands over; counts on the device. Points that are not allowed are left
 * out and counted. `flags` is or-ed into all. -ENOBUFS: the ring is full, come back with all of it;
 * -ENOMEM. */
int rows_take(struct producer *p, struct device *dev, struct sb_batch *batch, uint16_t flags,
              struct rows_result *out);
