/* Chunks of tiers in memory, then in blocks: one for each tier and month. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct blocks;
struct digest_chunk;
struct tierout_item;

#define TIEROUT_BYTES (8U << 20) /* enough for now */

struct tierout { /* zero: empty */
	struct tierout_item *items;
	size_t n, cap;
	struct buffer bytes;
	size_t at, end; /* of the block under way */
};

void tierout_fini(struct tierout *o);
int tierout_add(struct tierout *o, const struct digest_chunk *chunk); /* or -ENOMEM */
/* Durable when it returns 0; empty then. Blocks are numbered from seq + 1, one for each chunk at
 * most. A fault leaves what is not written yet. */
int tierout_write(struct tierout *o, const struct blocks *blocks, uint64_t seq);
