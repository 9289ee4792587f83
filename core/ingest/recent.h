/* The last few rows of a stream, by time and content, to find what a device sends a second time.
 * Under the lock of the stream's device. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct row;

#define RECENT_ROWS 4

struct recent {
	int64_t ts_ns[RECENT_ROWS];
	uint64_t hash[RECENT_ROWS]; /* 0: no row */
	uint32_t epoch;             /* rows of an older one may have failed to reach the disk */
	uint32_t next;
};

/* Did this row come from the same giver already? Remembers it if not. Another giver's row may wait
 * in a ring that gets to the disk after this one's. */
bool recent_seen(struct recent *recent, const struct row *row, uint32_t epoch, const void *giver);
void recent_forget(struct recent *recent); /* the row seen last was not stored after all */
