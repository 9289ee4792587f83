/* Points of a file on their way to the disk: through a ring of their own into the journal, in
 * groups, like everything else; but exact as they are: no clock is corrected, nothing is a
 * duplicate, no limit of messages holds. Query threads; one thread each. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct device;
struct import;
struct ingest;
struct series;
struct series_db;

struct import_point {
	struct series *series; /* of the device */
	uint8_t type, quality;
	union {
		int64_t i;
		uint64_t u;
		double f;
		struct sb_bytes blob; /* borrowed */
	} v;
};

/* stop is asked while it waits for room or for the disk, and ends that with -ECANCELED. */
int import_new(struct import **out, struct ingest *ingest, struct series_db *series,
               bool (*stop)(void *ud), void *ud);
struct import *import_free(struct import *imp); /* what was given is on its way all the same */

/* Find or make. SB_E_QUOTA, SB_E_NAME, -ENOMEM. */
int import_series(struct import *imp, struct device *dev, struct sb_str name, struct sb_str unit,
                  struct series **out);
/* Points of one device and one time: of two of one series and type the last one counts. Waits where
 * there is no room. SB_E_QUOTA: no place for a new series; SB_E_RANGE: too long. */
int import_give(struct import *imp, struct device *dev, int64_t ts_ns, int64_t rx_ns,
                uint16_t flags, const struct import_point *points, uint32_t n);
/* Waits until all of it is on disk. A fault: some of it is not; give it again. */
int import_sync(struct import *imp);
