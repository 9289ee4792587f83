/* A row: the values of one stream that share one time. This is its one binary form, from the
 * reactor through the journal to the head of the series; decoded with every bound checked, because
 * a disk may lie. A stream has at most 64 columns; a column holds one type for ever. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

struct buffer;
struct cursor;

#define ROW_COLUMNS_MAX 64
#define ROW_TEXT_MAX    (64 * 1024) /* bytes of one text or blob value */

struct row_value {
	uint8_t column; /* 0..63, ascending in a row */
	uint8_t type;   /* SB_T_BOOL..SB_T_BYTES */
	uint8_t quality;
	union {
		int64_t i;
		uint64_t u;
		double f;
		struct sb_bytes blob; /* borrowed */
	} v;
};

struct row {
	uint32_t stream;
	uint16_t flags; /* SB_P_* */
	uint16_t n;
	int64_t ts_ns, rx_ns; /* source time, time of arrival; UTC */
	struct row_value values[ROW_COLUMNS_MAX];
};

/* Rows of one journal record share base_ns, written by the record in front of them. Doubles go as
 * scaled decimals where that is exact bit for bit. What is no row (columns not ascending, an
 * unknown type, a longer text) makes the buffer bad. */
void row_give(struct buffer *out, int64_t base_ns, const struct row *row);
/* What stands in front of the values, without them; c is not moved. 0, or SB_E_CORRUPT. */
struct row_head {
	int64_t ts_ns, rx_ns;
	uint64_t columns; /* a mask */
	uint32_t stream;
	uint16_t flags;
	uint8_t bits; /* row.c's */
};
int row_peek(const struct cursor *c, int64_t base_ns, struct row_head *out);
/* 0, or SB_E_CORRUPT. Blobs are borrowed from the cursor's bytes. */
int row_take(struct cursor *c, int64_t base_ns, struct row *out);
