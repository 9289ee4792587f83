/* Rows of a tier into a chunk, tierchunk.h. */
#pragma once
#include "series/tierchunk.h"

struct buffer;

struct tierwrite_column {
	uint8_t index, type; /* SB_T_BOOL, I64, U64, F64 */
	const struct tier_row *rows;
	uint32_t n; /* ascending, within what is covered */
};

/* Columns by index; those without rows are left out. A sum of decimals is rounded to the decimal
 * it stands for, a mean by time to a thousandth of the last digit of the values. -ENOMEM. */
int tierwrite_chunk(struct buffer *out, const struct tierchunk_facts *facts,
                    const struct tierwrite_column *columns, uint32_t n);
