/* Connections to block files, one thread at a time each, kept open a while for the next reader. */
#pragma once
#include <stdint.h>

#include "sql.h"

struct block;
struct pool;

struct pooled {
	struct block *block; /* with a reference */
	sqlite3 *db;
	sqlite3_stmt *chunks; /* ?1 <= k < ?2, in order of k */
	struct pooled *next;  /* newest first */
	int64_t idle_since_ns;
};

int32_t pool_new(struct pool **out);
struct pool *pool_free(struct pool *pool);
/* Any thread. */
int32_t pool_take(struct pool *pool, struct block *block, struct pooled **out);
void pool_give(struct pool *pool, struct pooled *p, int64_t now_ns);
void pool_close(struct pooled *p); /* instead of giving back, after a fault */
/* Closes what nobody used since then; how many. */
uint32_t pool_trim(struct pool *pool, int64_t before_ns);
