/* Up to 480 rows of one stream in few bytes: the times once, then a column per series, each to be
 * read without the others. Everything comes back bit for bit; the checksum and every bound are
 * looked at, because a disk may lie. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

#include "model/row.h"
#include "series/column.h"

struct buffer;

#define CHUNK_ROWS       480
#define CHUNK_BLOB_BYTES 65536U /* texts beyond this end a chunk */

/* ---- writing: rows in order of time; rows of one time have no column in common */
struct chunk_writer { /* zero: empty */
	uint32_t n;
	size_t blob_bytes;
	int64_t ts[CHUNK_ROWS], rx[CHUNK_ROWS];
	uint16_t flags[CHUNK_ROWS];
	struct column columns[ROW_COLUMNS_MAX];
};

void chunk_writer_fini(struct chunk_writer *w);
bool chunk_writer_room(const struct chunk_writer *w, uint32_t rows); /* for so many more? */
/* Blobs are borrowed until the chunk is written. A value of another type than its column has is
 * left out: SB_E_TYPE, the rest of the row is taken. */
int chunk_writer_add(struct chunk_writer *w, const struct row *row);
int chunk_writer_end(struct chunk_writer *w, struct buffer *out); /* -ENOMEM; empty again */

/* ---- reading */
struct chunk {
	uint16_t rows, columns;
	int64_t t_min, t_max;
	int64_t rx_first, rx_last; /* of the first and last row */
	uint16_t flags_first, flags_last;
	uint8_t format, head;
	struct chunk_section { /* into the bytes given */
		const uint8_t *p;
		uint32_t n;
	} times, arrivals, flags;
	struct {
		uint8_t index, type;
		struct chunk_section body;
	} column[ROW_COLUMNS_MAX];
};

/* All answer 0 or SB_E_CORRUPT. data must stay while the chunk is read. */
int chunk_open(struct chunk *out, struct sb_bytes data);
int chunk_times(const struct chunk *ch, int64_t *ts);                       /* [rows], ascending */
int chunk_arrivals(const struct chunk *ch, const int64_t *ts, int64_t *rx); /* [rows] */
int chunk_flags(const struct chunk *ch, uint16_t *flags);                   /* [rows] */
int chunk_find(const struct chunk *ch, uint8_t index); /* which column, or -1 */
int chunk_stats(const struct chunk *ch, int which, struct column_stats *out);
int chunk_column(const struct chunk *ch, int which, struct column *out); /* or -ENOMEM */
