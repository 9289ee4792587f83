/* A generation as blocks of chunks: one block per calendar month it touches, in each the streams in
 * ascending order, in each of them the rows in order of time; of rows of one time the values that
 * came last stay. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/kinds.h>

#include "base/buffer.h"
#include "model/row.h"
#include "series/chunk.h"
#include "series/generation.h"

struct sb_block;
struct tombs_view;

struct encoder_item { /* a stream has rows in a month */
	int32_t month;
	uint32_t stream;
};

struct encoder_kept { /* a row that has values nobody wrote over */
	uint32_t at;
	uint64_t columns;
};

struct encoder {
	const struct generation *g; /* borrowed */
	struct tombs_view *tombs;   /* what is deleted of it */
	bool hides;                 /* something of the present stream */
	bool has_first;             /* the present block's first chunk was made already */
	struct sb_chunk first;
	struct encoder_item *items; /* by month, then stream */
	size_t n, cap;
	size_t begin, end; /* items of the present block */
	size_t at;
	struct generation_rows rows; /* of the present stream and month */
	size_t next_row;
	struct chunk_writer writer;
	struct encoder_kept kept[ROW_COLUMNS_MAX]; /* rows of one time, the newest first */
	uint32_t n_kept;
	struct row row;
	struct buffer bytes;
};

/* Takes tombs, which may be NULL. */
int encoder_new(struct encoder **out, const struct generation *g, struct tombs_view *tombs);
struct encoder *encoder_free(struct encoder *e);
/* Fills block but its class; 1, or 0 when all blocks are done. The present block again until
 * encoder_done(). block->next is for the store's thread. */
int encoder_block(struct encoder *e, struct sb_block *block);
void encoder_done(struct encoder *e);
