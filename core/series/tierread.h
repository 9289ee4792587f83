/* Rows of a tier out of the store: of chunks that cover the same time, the latest holds. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

#include "series/tier.h"

struct blocks;

struct tierread {
	const struct blocks *blocks;
	_Atomic uint64_t *corrupt; /* chunks that could not be read */
};

struct tierread_rows { /* zero: empty */
	int64_t from_ns;
	uint32_t n, cap;      /* periods */
	struct tier_row *row; /* [n] by period; count 0: nothing is there */
	uint64_t *owner;      /* [n] the block that tells, its sequence number + 1; 0: none does */
};
void tierread_fini(struct tierread_rows *rows);
/* Of one column, n periods from a multiple of the tier's width on. 0, -ENOMEM, or the store's
 * fault. Damaged chunks are counted and left out. */
int tierread_column(const struct tierread *tr, enum tier tier, uint32_t stream, uint8_t column,
                    int64_t from_ns, uint32_t n, struct tierread_rows *out);
