/* The rows of one flush window in memory, as they stood in the journal: one writer appends, anyone
 * reads without a lock, nothing ever moves. Rows of a stream hang on each other, newest first. Ends
 * with its last reference. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

#include <signalbox/types.h>

#include "series/numbers.h"

struct row;

#define GENERATION_STREAMS NUMBERS_MAX

struct generation {
	_Atomic uint32_t refs;
	struct generation_index *index;       /* streams */
	struct generation_blocks *blocks;     /* memory of the rows */
	uint32_t n_blocks, used;              /* the writer's: of the newest block */
	_Atomic uint64_t seq_first, seq_last; /* journal records it covers; 0: none yet */
	_Atomic uint64_t rows, bytes;
	_Atomic int64_t t_min, t_max; /* of its rows */
	int64_t born_ns;              /* monotonic, of its first record */
};

int generation_new(struct generation **out);
struct generation *generation_ref(struct generation *g);
struct generation *generation_unref(struct generation *g); /* NULL in, NULL out */

/* The writer. row has been taken from bytes with base_ns. -ENOMEM, SB_E_RANGE. */
int generation_add(struct generation *g, const struct row *row, int64_t base_ns,
                   struct sb_bytes bytes);

/* The writer: where the next row will be; all that are there lie before it. */
uint32_t generation_place(const struct generation *g);
/* Of a stream, points (values) and how many of them came late; once nobody writes any more. */
void generation_count(const struct generation *g, uint32_t stream, uint32_t *points,
                      uint32_t *late);

/* Any thread. The first stream >= from that has rows, 0 at the end. */
uint32_t generation_stream(const struct generation *g, uint32_t from);

struct generation_row { /* where a row is, and when */
	int64_t ts_ns;
	uint32_t at;
};
struct generation_rows { /* zero: empty */
	struct generation_row *p;
	size_t n, cap;
};
void generation_rows_fini(struct generation_rows *rows);
/* Any thread. Rows of a stream in [from, last], both included, that have this column (-1: any),
 * appended in order of time, rows of one time in order of arrival. 0 or -ENOMEM. */
int generation_gather(const struct generation *g, uint32_t stream, int column, int64_t from_ns,
                      int64_t last_ns, struct generation_rows *out);
/* Any thread. Blobs are borrowed from the generation. */
void generation_get(const struct generation *g, uint32_t at, struct row *out);
