/* The platform's storage without the platform: host, store plugin, journal, catalogue and series,
 * as core/app.c puts them together, and one producer. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "series/series.h"

struct catalog;
struct docs;
struct host;
struct journal;
struct journal_ring;
struct row;

struct storage_db {
	struct host *host;
	struct docs *docs;
	struct journal *journal;
	struct catalog *catalog;
	struct series_db *series;
	struct journal_ring *ring;
	struct buffer open; /* the record that is being filled */
	int64_t base_ns;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint64_t replayed, in_blocks;
	int64_t replay_ns;
};

void storage_db_open(struct storage_db *db, const char *dir, const char *plugins,
                     uint64_t head_max);
void storage_db_close(struct storage_db *db);
/* Series f0 to f3 of a device; the first ones. row->stream is set; columns are those of the values.
 */
uint32_t storage_db_stream(struct storage_db *db, uint32_t device, const uint8_t *types, uint8_t n);
struct series *storage_db_series(struct storage_db *db, uint32_t device, uint8_t field);
void storage_db_give(struct storage_db *db, const struct row *row);
void storage_db_commit(struct storage_db *db); /* what was given is on disk */
void storage_db_settle(struct storage_db *db); /* the feed has seen it */
