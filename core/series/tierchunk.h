/* Rows of a tier of one stream in few bytes: the periods once, then each column of the stream that
 * holds numbers. A chunk tells all there is of its stream in the stretch of time it covers: of two
 * chunks that overlap, the one of the later block holds there, also where it has no row. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

#include "series/tier.h"

#define TIERCHUNK_ROWS 480

struct tierchunk_facts {
	enum tier tier;
	int64_t from_ns;  /* covers [from, from + periods * width) */
	uint32_t periods; /* 1 to TIERCHUNK_ROWS */
};

struct tierchunk {
	struct tierchunk_facts facts;
	uint32_t rows, columns;
	uint16_t period[TIERCHUNK_ROWS];
	struct tierchunk_body { /* into the bytes given */
		uint8_t index, type;
		const uint8_t *p;
		uint32_t n;
	} column[64]; /* as a row has */
};
/* 0 or SB_E_CORRUPT; data must stay while the chunk is read. SB_E_ABI: of a newer version. */
int tierchunk_open(struct tierchunk *out, struct sb_bytes data);
/* Rows of a column, at most TIERCHUNK_ROWS: how many, or SB_E_CORRUPT. Arrival is not kept: rx_ns
 * is ts_ns. */
int tierchunk_rows(const struct tierchunk *ch, uint8_t index, struct tier_row *out);
