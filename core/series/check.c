#include "series/check.h"

#include <errno.h>
#include <stdlib.h>

#include <signalbox/error.h>

#include "base/own.h"
#include "series/blocks.h"
#include "series/catalog.h"
#include "series/chunk.h"
#include "series/column.h"
#include "series/series.h"

#define STEP_CHUNKS 64

struct check {
	struct series_check *out;
	struct column col;
	int64_t ts[COLUMN_ROWS_MAX], rx[COLUMN_ROWS_MAX];
	uint16_t flags[COLUMN_ROWS_MAX];
};

/* Its sum, and every value in it. */
static int read_chunk(struct check *c, struct sb_bytes data)
{
	struct chunk ch;
	int r = chunk_open(&ch, data);

	if (r == 0)
		r = chunk_times(&ch, c->ts);
	if (r == 0)
		r = chunk_arrivals(&ch, c->ts, c->rx);
	if (r == 0)
		r = chunk_flags(&ch, c->flags);
	for (int i = 0; r == 0 && i < ch.columns; i++)
		r = chunk_column(&ch, i, &c->col);
	return r;
}

static int32_t chunk_seen(void *ud, const struct sb_chunk *chunk, uint64_t seq)
{
	struct check *c = ud;
	struct series_check *out = c->out;
	int r = read_chunk(c, chunk->data);

	(void)seq;
	if (r == -ENOMEM)
		return r;
	out->read++;
	if (r < 0) {
		out->bad++;
		if (out->damaged)
			out->damaged(out->ud, chunk->stream, chunk->t_min_ns, sb_strerror(r));
	}
	if (out->step && out->read % STEP_CHUNKS == 0)
		return out->step(out->ud, out->read, out->chunks);
	return 0;
}

int check_run(const struct blocks *blocks, struct catalog *catalog, struct series_check *out)
{
	struct sb_store_stats stats;
	uint32_t end = catalog_streams(catalog);
	_own_(freep) uint32_t *streams = malloc(MAX(end, 1U) * sizeof(*streams));
	_own_(freep) struct check *c = calloc(1, sizeof(*c));
	struct sb_scan scan = {
		.size = sizeof(scan), .streams = streams, .from_ns = INT64_MIN, .to_ns = INT64_MAX
	};

	if (!streams || !c)
		return -ENOMEM;
	int r = blocks_stats(blocks, &stats);

	if (r < 0)
		return r;
	out->blocks = stats.blocks;
	out->chunks = stats.chunks;
	out->bytes = stats.bytes;
	out->read = out->bad = 0;
	c->out = out;
	for (uint32_t s = 1; s < end; s++)
		streams[scan.n_streams++] = s;
	if (scan.n_streams)
		r = blocks_scan(blocks, &scan, chunk_seen, c);
	column_fini(&c->col);
	return r;
}
