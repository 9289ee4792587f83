#include "series/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/own.h"
#include "series/blocks.h"
#include "series/chunk.h"
#include "series/column.h"
#include "series/numbers.h"
#include "series/series.h"
#include "series/tierchunk.h"

#define STEP_CHUNKS 64

struct check {
	struct series_check *out;
	struct column col;
	int64_t ts[COLUMN_ROWS_MAX], rx[COLUMN_ROWS_MAX];
	uint16_t flags[COLUMN_ROWS_MAX];
	struct tierchunk tier;
	struct tier_row rows[TIERCHUNK_ROWS];
	/* blocks, by name */
	char **names;
	size_t n, cap;
};

/* Its sum, and every value in it. */
static int read_raw(struct check *c, struct sb_bytes data)
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

static int read_tier(struct check *c, struct sb_bytes data)
{
	int r = tierchunk_open(&c->tier, data);

	for (uint32_t i = 0; r >= 0 && i < c->tier.columns; i++)
		r = tierchunk_rows(&c->tier, c->tier.column[i].index, c->rows);
	return r < 0 ? r : 0;
}

static int32_t chunk_seen(void *ud, const struct sb_chunk *chunk, uint64_t seq)
{
	struct check *c = ud;
	struct series_check *out = c->out;
	int r = chunk->stream >= NUMBERS_MAX ? read_tier(c, chunk->data) : read_raw(c, chunk->data);

	(void)seq;
	if (r == -ENOMEM)
		return r;
	out->read++;
	if (r < 0) {
		out->bad++;
		if (out->damaged)
			out->damaged(out->ud, chunk->stream % NUMBERS_MAX, chunk->t_min_ns,
			             sb_strerror(r));
	}
	if (out->step && out->read % STEP_CHUNKS == 0)
		return out->step(out->ud, out->read, out->chunks);
	return 0;
}

static int32_t block_seen(void *ud, const struct sb_block_info *info)
{
	struct check *c = ud;

	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 64;
		char **more = realloc(c->names, cap * sizeof(char *));
		if (!more)
			return -ENOMEM;
		c->names = more;
		c->cap = cap;
	}
	c->names[c->n] = strndup(info->name.p, info->name.n);
	return c->names[c->n] ? (int32_t)c->n++ : -ENOMEM;
}

/* A block that breaks off counts as damaged, and the next one is read. */
static int read_blocks(struct check *c, const struct blocks *blocks)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->n; i++) {
		struct sb_str name = sb_str_of(c->names[i], strlen(c->names[i]));
		r = blocks_read(blocks, name, 0, chunk_seen, c);
		if (r == SB_E_CORRUPT || r == -EIO) {
			c->out->bad++;
			if (c->out->broken)
				c->out->broken(c->out->ud, c->names[i], sb_strerror(r));
			r = 0;
		}
	}
	return r < 0 ? r : 0;
}

int check_run(const struct blocks *blocks, struct series_check *out)
{
	struct sb_store_stats stats;
	_Static_assert(COLUMN_ROWS_MAX >= CHUNK_ROWS, "a chunk fits");
	struct check *c = calloc(1, sizeof(*c));
	int r = c ? blocks_stats(blocks, &stats) : -ENOMEM;

	if (r >= 0) {
		out->blocks = stats.blocks;
		out->chunks = stats.chunks;
		out->bytes = stats.bytes;
		out->read = out->bad = 0;
		c->out = out;
		r = blocks_each(blocks, block_seen, c);
	}
	if (r >= 0)
		r = read_blocks(c, blocks);
	for (size_t i = 0; c && i < c->n; i++)
		free(c->names[i]);
	if (c) {
		free(c->names);
		column_fini(&c->col);
	}
	free(c);
	return r < 0 ? r : 0;
}
