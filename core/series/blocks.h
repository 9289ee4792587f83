/* The store plugin, as series need it. */
#pragma once
#include <signalbox/kinds.h>

struct host;
struct instance;

struct blocks {
	struct instance *instance;
	const struct sb_store *store;
	void *self;
};

int blocks_attach(struct blocks *b, struct host *host); /* SB_E_NOT_FOUND: no store runs */
/* Threads that may block. */
int blocks_scan(const struct blocks *b, const struct sb_scan *scan, sb_chunk_fn fn, void *ud);
int blocks_stats(const struct blocks *b, struct sb_store_stats *out);
/* On the store's own thread; both wait for it. -ESHUTDOWN: the store ended. */
int blocks_write(const struct blocks *b, const struct sb_block *block);
/* How many were dropped, and fn hears of each, before this returns. A store of 1.0 drops all of one
 * class and tells of none, else -EOPNOTSUPP. */
int blocks_drop(const struct blocks *b, const struct sb_drop *order, sb_dropped_fn fn, void *ud);
