/* How long each class of blocks is kept: "raw 90d, 1m 1y, 1h 10y, events 2y". */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <signalbox/types.h>

#define RETENTION_CLASSES 16
#define RETENTION_DEFAULT "raw 90d, 1m 1y, 1h 10y, events 2y"

struct retention_class {
	char name[33];   /* as of blocks: "raw", "raw-fast", "events", "1m", "1h", "1d" */
	int64_t keep_ns; /* 0: for ever */
};

struct retention {
	struct retention_class at[RETENTION_CLASSES];
	uint32_t n;
};

/* Pairs of a class and a time (s, m, h, d, w, y; 0 or forever), separated by commas. Classes that
 * are not named keep what RETENTION_DEFAULT says, days (1d) are for ever. A time alone is for all
 * classes. -EINVAL, and why. */
int retention_parse(struct retention *out, struct sb_str text, char *why, size_t cap);
/* Of a class; one that starts with "raw-" and is not named is kept as raw is. 0: for ever. */
int64_t retention_of(const struct retention *r, struct sb_str class_);
/* The longest of the tiers; 0: for ever. */
int64_t retention_of_tiers(const struct retention *r);
