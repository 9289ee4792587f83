/* Deleting a range of series: a record in the journal, and what follows from it. */
#pragma once
#include <stdint.h>

struct journal;
struct series;
struct series_db;
struct tombs;

/* Waits until it is on disk and in effect; *seq is its last record. SB_E_QUOTA: too much is deleted
 * that compaction has not come to yet; -ETIMEDOUT: the disk does not take it now, it may still come
 * into effect. */
int erase_define(struct tombs *tombs, struct journal *journal, struct series *const *series,
                 uint32_t n, int64_t from_ns, int64_t last_ns, uint64_t *seq);
/* The newest value that is left becomes the latest, for a series that has none. */
int erase_find_latest(struct series_db *db, struct series *s);
