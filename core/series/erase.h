/* Deleting a range of series: a record in the journal, and what follows from it. */
#pragma once
#include <stdint.h>

struct journal;
struct latest;
struct series;
struct series_db;
struct tierstate;
struct tomb;
struct tombs;
struct catalog;

/* Waits until it is on disk and in effect; *seq is its last record. SB_E_QUOTA: too much is deleted
 * that compaction has not come to yet; -ETIMEDOUT: the disk does not take it now, it may still come
 * into effect. */
int erase_define(struct tombs *tombs, struct journal *journal, struct series *const *series,
                 uint32_t n, int64_t from_ns, int64_t last_ns, uint64_t *seq);
/* The newest value that is left becomes the latest. */
int erase_find_latest(struct series_db *db, struct series *s);
/* At start, for all that is deleted. Before values of blocks are offered, because the newest may
 * still be in memory. */
void erase_find_all(struct series_db *db, struct tombs *tombs, struct catalog *catalog);
/* After values of blocks were offered that may have been deleted meanwhile: by records behind seq,
 * which was the newest when that began. */
uint64_t erase_newest(struct tombs *tombs);
void erase_forget_since(struct series_db *db, struct tombs *tombs, struct catalog *catalog,
                        struct latest *latest, uint64_t seq);
/* The days concerned are to be worked again by the tiers: a tombs_fn, ud is the tierstate. */
void erase_mark(void *ud, const struct tomb *t);
/* At start: what was deleted after they were last worked. */
void erase_mark_all(struct tombs *tombs, struct tierstate *tiers);
