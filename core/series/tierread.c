#define LOG_MODULE "series"
#include "series/tierread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/log.h"
#include "base/own.h"
#include "series/blocks.h"
#include "series/tierchunk.h"

struct reading {
	const struct tierread *tr;
	enum tier tier;
	uint8_t column;
	struct tierread_rows *out;
	struct tierchunk chunk;
	struct tier_row rows[TIERCHUNK_ROWS];
};

void tierread_fini(struct tierread_rows *rows)
{
	free(rows->row);
	free(rows->owner);
	*rows = (struct tierread_rows){ 0 };
}

static int room(struct tierread_rows *rows, uint32_t n)
{
	if (n > rows->cap) {
		tierread_fini(rows);
		rows->row = malloc(n * sizeof(*rows->row));
		rows->owner = malloc(n * sizeof(*rows->owner));
		if (!rows->row || !rows->owner)
			return -ENOMEM;
		rows->cap = n;
	}
	rows->n = n;
	memset(rows->owner, 0, n * sizeof(*rows->owner));
	return 0;
}

/* Whatever older blocks tell of the time this one covers is over. */
static int chunk_take(struct reading *rd, uint64_t seq)
{
	struct tierread_rows *out = rd->out;
	int64_t width = tier_width(rd->tier);
	int64_t begin = (rd->chunk.facts.from_ns - out->from_ns) / width;
	int64_t end = MIN(begin + rd->chunk.facts.periods, (int64_t)out->n);
	int n = tierchunk_rows(&rd->chunk, rd->column, rd->rows);
	if (n < 0)
		return n;
	for (int64_t i = MAX(begin, 0); i < end; i++) {
		if (out->owner[i] > seq)
			continue;
		out->owner[i] = seq + 1;
		out->row[i].s.count = 0;
	}
	for (int i = 0; i < n; i++) {
		int64_t at = (rd->rows[i].t_ns - out->from_ns) / width;
		if (rd->rows[i].t_ns >= out->from_ns && at < out->n && out->owner[at] == seq + 1)
			out->row[at] = rd->rows[i];
	}
	return 0;
}

static int32_t chunk_seen(void *ud, const struct sb_chunk *c, uint64_t seq)
{
	struct reading *rd = ud;
	int r = tierchunk_open(&rd->chunk, c->data);
	if (r >= 0 && rd->chunk.facts.tier != rd->tier)
		r = SB_E_CORRUPT;
	if (r >= 0)
		r = chunk_take(rd, seq);
	if (r >= 0)
		return 0;
	atomic_fetch_add_explicit(rd->tr->corrupt, 1, memory_order_relaxed);
	(void)log_warn(r, "a chunk of tier %s of stream %u is left out", tier_class(rd->tier),
	               c->stream % NUMBERS_MAX);
	return 0;
}

int tierread_column(const struct tierread *tr, enum tier tier, uint32_t stream, uint8_t column,
                    int64_t from_ns, uint32_t n, struct tierread_rows *out)
{
	const char *class_ = tier_class(tier);
	uint32_t number = tier_stream(tier, stream);
	struct sb_scan scan = {
		.size = sizeof(scan),
		.n_streams = 1,
		.streams = &number,
		.from_ns = from_ns,
		.to_ns = from_ns + n * tier_width(tier),
		.class_ = sb_str_of(class_, strlen(class_)),
	};
	int r = room(out, n);
	if (r < 0)
		return r;
	_own_(freep) struct reading *rd = malloc(sizeof(*rd));
	if (!rd)
		return -ENOMEM;
	out->from_ns = from_ns;
	rd->tr = tr;
	rd->tier = tier;
	rd->column = column;
	rd->out = out;
	r = blocks_scan(tr->blocks, &scan, chunk_seen, rd);
	if (r == SB_E_CORRUPT) {
		atomic_fetch_add_explicit(tr->corrupt, 1, memory_order_relaxed);
		r = 0;
	}
	return r < 0 ? r : 0;
}
