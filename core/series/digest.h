/* Days of a stream anew: from what raw values there are, merged, to rows of all tiers. Numbers
 * only. Values that are in memory but not in blocks yet are not looked at: their days wait. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

#include "base/buffer.h"
#include "model/row.h"
#include "series/dirty.h"
#include "series/tierread.h"
#include "series/tierwrite.h"

struct blocks;
struct catalog;

struct digest_chunk {
	enum tier tier;
	uint32_t stream;
	int64_t t_min_ns, t_max_ns; /* what it covers, both included; within one month */
	struct sb_bytes data;       /* until the next one */
};
typedef int (*digest_fn)(void *ud, const struct digest_chunk *chunk); /* negative ends it */

struct digest_rows { /* of a column and tier, ascending */
	struct tier_row *p;
	uint32_t n, cap;
};

struct digest {
	struct catalog *catalog;
	const struct blocks *blocks;
	_Atomic uint64_t *corrupt; /* chunks that could not be read */
	const _Atomic bool *stop;  /* ends it: -ECANCELED */
	int32_t gone_before;       /* of days before this one raw values may be missing */
	int32_t known_before;      /* days before this one may have rows already */
	uint64_t kept;             /* periods that late values could not revise any more */
	digest_fn give;
	void *ud;
	/* its own; zero at first */
	struct digest_rows rows[TIERS][ROW_COLUMNS_MAX];
	struct tierread_rows old;
	struct buffer bytes;
	bool fast; /* the present day: worth a row a minute */
};

void digest_fini(struct digest *d);
/* Days of one month. 0, -ENOMEM, -ECANCELED, what give answered, or the store's fault. */
int digest_days(struct digest *d, uint32_t stream, struct dirty_range days);
