/* The rows of a RECORD_POINTS, one after the other. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

#include "base/buffer.h"

struct row;

struct points {
	struct cursor c;
	int64_t base_ns;
};

int points_open(struct points *p, struct sb_bytes payload); /* 0, or SB_E_CORRUPT */
/* 1 and the row with its bytes, 0 at the end, or SB_E_CORRUPT. Blobs are borrowed from the payload.
 */
int points_next(struct points *p, struct row *row, struct sb_bytes *bytes);
