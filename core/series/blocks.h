/* The store plugin, as series need it. */
#pragma once
#include <stdbool.h>

#include <signalbox/kinds.h>

struct damage;
struct host;
struct tombs;
struct instance;

struct blocks {
	struct instance *instance;
	const struct sb_store *store;
	void *self;
	struct damage *damage; /* who is told of it; may be NULL */
	struct tombs *tombs;   /* what is deleted of them; may be NULL */
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
/* The store tells what there is and gives one block alone. -EOPNOTSUPP: it is of 1.0. */
int blocks_each(const struct blocks *b, sb_block_fn fn, void *ud);
int blocks_read(const struct blocks *b, struct sb_str name, uint32_t from_stream, sb_chunk_fn fn,
                void *ud);
/* On the calling thread, block->next() too. How many were replaced; -EOPNOTSUPP. */
int blocks_replace(const struct blocks *b, const struct sb_block *block, sb_dropped_fn fn,
                   void *ud);
/* On the store's own thread; waits for it. -EOPNOTSUPP. */
int blocks_set_aside(const struct blocks *b, struct sb_str name, sb_dropped_fn fn, void *ud);
bool blocks_can_replace(const struct blocks *b);
/* Threads that may block: all blocks of one moment into a folder, kinds.h; -EOPNOTSUPP. */
int blocks_copy(const struct blocks *b, const struct sb_copy *copy);
