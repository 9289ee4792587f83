/* A run of blocks as one. Nothing is replaced unless every row of them has been seen. */
#pragma once
#include <stdint.h>

#include <signalbox/kinds.h>

#include "series/plan.h"
#include "series/weave.h"

struct blocks;

struct rewrite {
	const struct blocks *blocks;
	const struct plan_run *run;
	/* So many bytes were read or written; may wait; a fault stops. */
	int (*pace)(void *ud, uint64_t bytes);
	uint64_t (*hidden)(void *ud, uint32_t stream, int64_t ts_ns, uint64_t rank); /* or NULL */
	void *ud;
	/* out */
	uint64_t rows_in, rows_out, bytes_out;
	const struct plan_block *bad; /* the one that is damaged, if it is known */
	/* its own */
	struct weave weave;
	size_t handed;
	uint64_t stream; /* the present one */
	int64_t from_ns; /* it is done up to here */
	bool more;       /* of this stream */
};

/* How many were replaced. SB_E_CORRUPT: not all of it can be read; -ESHUTDOWN and what else pace()
 * says; nothing has changed then. */
int rewrite_run(struct rewrite *rw);
