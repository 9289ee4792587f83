/* Blocks for tests: written from a list of chunks, read back into one. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "store-sqlite/fake.h"

#define STORE 0 /* index of the descriptor */

/* 2026-03-01 00:00 UTC, in a month of 31 days. */
#define T0  1772323200000000000LL
#define MS  1000000LL
#define SEC 1000000000LL
#define DAY (86400 * SEC)

struct piece { /* a chunk: its data is its number, so that nothing is mixed up unnoticed */
	uint32_t stream;
	int64_t t_min_ns, t_max_ns;
	uint32_t number;
};

struct pieces {
	struct piece p[32768];
	uint64_t seqs[32768];
	size_t n;
};

struct block_spec {
	const char *class_;
	uint64_t seq_min, seq_max;
	int64_t t_min_ns, t_max_ns;
	uint32_t last, level; /* level: above 0 it goes through replace() */
	int32_t fault;        /* what next() says after the pieces; 0: the end */
	const struct piece *pieces;
	size_t n;
};

int32_t blocks_write(struct instance *in, const struct block_spec *spec);
/* All chunks of the streams (0-ended) in the range. */
int32_t blocks_scan(struct instance *in, const uint32_t *streams, int64_t from_ns, int64_t to_ns,
                    const char *class_, struct pieces *out);
void blocks_stats(struct instance *in, struct sb_store_stats *out);
/* Files below dir whose names end so; *path gets one of them. */
int blocks_files(const char *dir, const char *ending, char path[static 400]);
