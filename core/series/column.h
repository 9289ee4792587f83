/* One column of a chunk: the values of one series that are there, in which rows, how good they are,
 * and statistics in front, so that aggregates need not look at the values. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

#include "series/ints.h"

struct buffer;
struct cursor;

#define COLUMN_ROWS_MAX INTS_MAX

struct column {
	uint8_t index, type;    /* column of the stream; SB_T_* */
	uint32_t count, cap;    /* values that are there */
	uint16_t *rows;         /* [count] ascending: the row of each */
	uint8_t *quality;       /* [count] */
	uint64_t *bits;         /* [count] the value's 8 bytes; not for text */
	struct sb_bytes *blobs; /* [count] STR, BYTES: borrowed */
	uint8_t *text;          /* what they borrow from if they were compressed */
};

/* What a chunk tells without looking at values. */
struct column_stats {
	bool known; /* false: no numbers, or a NaN among them; look at the values */
	uint32_t count;
	double min, max, sum;
	uint16_t first_row, last_row;
	uint8_t first_quality, last_quality;
	uint64_t first_bits, last_bits;
};

int column_room(struct column *col, uint32_t n); /* keeps its memory; by type */
void column_fini(struct column *col);
static inline bool column_is_blob(uint8_t type)
{
	return type == SB_T_STR || type == SB_T_BYTES;
}

/* rows: of the whole chunk. */
void column_give(struct buffer *out, const struct column *col, uint32_t rows);
/* Both 0 or SB_E_CORRUPT; out->index and out->type are set by the caller. c is not moved. */
int column_stats_take(const struct cursor *c, uint8_t type, uint32_t rows,
                      struct column_stats *out);
int column_take(const struct cursor *c, uint32_t rows, struct column *out); /* or -ENOMEM */
