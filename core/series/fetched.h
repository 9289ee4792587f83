/* Chunks of many streams, read from the blocks with one scan for the passes that follow. One
 * thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/kinds.h>

#include "base/buffer.h"

struct blocks;
struct series;
struct source_want;

struct fetched_chunk {
	struct sb_chunk c; /* data.p: see at */
	uint64_t seq;
	size_t at; /* its data in bytes */
};

struct fetched {                  /* zero: nothing */
	int64_t from_ns, last_ns; /* of what was asked for */
	uint32_t *streams;        /* ascending */
	uint32_t n_streams, cap_streams;
	uint32_t end;                 /* streams from this number on may be incomplete */
	struct fetched_chunk *chunks; /* by stream, then time */
	size_t n, cap;
	struct buffer bytes;
	bool (*stop)(void *ud); /* while it scans */
	void *stop_ud;
};

void fetched_fini(struct fetched *f);
/* The streams of these series, 4 MiB of chunks at most. In place of what was there. Failing only
 * means that there is less. */
void fetched_fill(struct fetched *f, const struct blocks *blocks, struct series *const *series,
                  uint32_t n, int64_t from_ns, int64_t last_ns);
/* As blocks_scan() of one stream. False: it was not fetched. */
bool fetched_scan(const struct fetched *f, const struct source_want *want, sb_chunk_fn fn, void *ud,
                  int *r);
