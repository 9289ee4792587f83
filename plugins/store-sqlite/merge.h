/* A scan: the chunks of many blocks, by stream, then time. */
#pragma once
#include <stdint.h>

#include <signalbox/kinds.h>

struct block;
struct plug;
struct pool;
struct snapshot;

struct merge {
	const struct plug *plug;
	struct pool *pool;
	const struct snapshot *snapshot;
	const struct sb_scan *scan;
	sb_chunk_fn fn;
	void *ud;
	uint32_t damaged; /* out: blocks that broke while being read, and were left out from there
	                     on */
};

int32_t merge_run(struct merge *merge);
/* One block from a stream on. A fault of the file is told once and is what this returns. */
int32_t merge_block(struct pool *pool, const struct plug *plug, struct block *block,
                    uint32_t from_stream, sb_chunk_fn fn, void *ud);
