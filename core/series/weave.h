/* Chunks of one stream, by time, become full chunks of the same rows: of values of one time the
 * newest stays, with its time of arrival, its flags and its quality. Holds as many chunks as
 * overlap, and what came of them until it is taken. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <signalbox/kinds.h>

#include "base/buffer.h"
#include "series/chunk.h"

struct strand;

struct weave_chunk { /* done */
	int64_t t_min_ns, t_max_ns;
	uint32_t rows;
	size_t at, n; /* of weave.done */
};

struct weave { /* zero: empty */
	/* Of a row, the values that are to go: a mask of columns. NULL: none. */
	uint64_t (*hidden)(void *ud, uint32_t stream, int64_t ts_ns, uint64_t rank);
	void *hidden_ud;
	uint32_t stream;
	struct strand *open;    /* any order */
	struct strand *retired; /* ended, but the writer may borrow from them */
	struct chunk_writer writer;
	uint64_t rows_in, rows_out;
	struct buffer done, bytes;
	struct weave_chunk *chunks; /* done, by time */
	size_t n, cap;
};

void weave_fini(struct weave *w);
/* Forgets what is open and done, and begins with a stream. */
void weave_begin(struct weave *w, uint32_t stream);
/* One more chunk; rows before from_ns have been taken before. SB_E_CORRUPT, -ENOMEM. */
int weave_add(struct weave *w, struct sb_bytes data, uint64_t rank, int64_t from_ns);
/* Gives out everything before a moment. */
int weave_to(struct weave *w, int64_t before_ns);
/* Everything that is open; and what the last chunk holds is done. */
int weave_rest(struct weave *w);
/* For a break: a chunk that is not full is done too, and what is open is forgotten. */
int weave_break(struct weave *w);
struct sb_chunk weave_chunk(const struct weave *w, size_t i);
void weave_taken(struct weave *w); /* the done ones are not needed any more */
