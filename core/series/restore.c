#include "series/restore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/own.h"
#include "model/row.h"
#include "series/blocks.h"
#include "series/catalog.h"
#include "series/chunk.h"
#include "series/latest.h"
#include "series/series.h"
#include "series/tombs.h"

struct restore {
	struct latest *latest;
	struct tombs_view *tombs;
	struct column col;
	int64_t ts[COLUMN_ROWS_MAX], rx[COLUMN_ROWS_MAX];
	uint16_t flags[COLUMN_ROWS_MAX];
	struct row row;
};

/* The last value that is not deleted; as many as there are: none. */
static uint32_t last_of(const struct restore *re, const struct column *col, uint32_t stream,
                        uint64_t rank)
{
	uint32_t i = col->count;
	while (i > 0 &&
	       tombs_of_block(re->tombs, stream, re->ts[col->rows[i - 1]], rank) >> col->index & 1)
		i--;
	return i > 0 ? i - 1 : col->count;
}

static void column_offer(struct restore *re, const struct chunk *ch, int which, uint32_t stream,
                         uint64_t rank)
{
	if (chunk_column(ch, which, &re->col) < 0)
		return;
	const struct column *col = &re->col;
	uint32_t last = last_of(re, col, stream, rank);
	if (last == col->count)
		return;
	struct row_value *v = &re->row.values[0];
	re->row.stream = stream;
	re->row.ts_ns = re->ts[col->rows[last]];
	re->row.rx_ns = re->rx[col->rows[last]];
	re->row.flags = re->flags[col->rows[last]];
	re->row.n = 1;
	v->column = col->index;
	v->type = col->type;
	v->quality = col->quality[last];
	if (column_is_blob(col->type))
		v->v.blob = col->blobs[last];
	else
		v->v.u = col->bits[last];
	latest_offer(re->latest, &re->row);
}

/* Damage is not reported here: whoever asks for these values will hear of it. */
static int32_t chunk_seen(void *ud, const struct sb_chunk *c, uint64_t seq)
{
	struct restore *re = ud;
	struct chunk ch;
	if (chunk_open(&ch, c->data) < 0 || chunk_times(&ch, re->ts) < 0 ||
	    chunk_arrivals(&ch, re->ts, re->rx) < 0 || chunk_flags(&ch, re->flags) < 0)
		return 0;
	for (int i = 0; i < ch.columns; i++)
		column_offer(re, &ch, i, c->stream, seq);
	return 0;
}

/* What came from the journal may be older than what blocks hold: late, or imported. */
static bool stream_lacks(struct catalog *catalog, struct latest *latest, uint32_t stream,
                         int64_t sure_ns, bool whole)
{
	struct series_latest v;
	bool lacks = false;
	for (uint8_t i = 0; i < ROW_COLUMNS_MAX; i++) {
		const struct series *s = catalog_at(catalog, stream, i);
		if (!s)
			break;
		latest_get(latest, s, &v);
		bool sure = v.type != SB_T_NULL && v.ts_ns >= sure_ns;
		lacks |= !sure;
		if (whole && sure)
			return false;
	}
	return lacks;
}

int restore_latest(const struct blocks *blocks, struct catalog *catalog, struct latest *latest,
                   int64_t from_ns, int64_t sure_ns, bool whole)
{
	uint32_t end = catalog_streams(catalog);
	_own_(freep) uint32_t *streams = malloc(end * sizeof(*streams));
	_own_(freep) struct restore *re = calloc(1, sizeof(*re));
	if (!streams || !re)
		return -ENOMEM;
	struct sb_scan scan = {
		.size = sizeof(scan), .streams = streams, .from_ns = from_ns, .to_ns = INT64_MAX
	};
	for (uint32_t s = 1; s < end; s++)
		if (stream_lacks(catalog, latest, s, sure_ns, whole))
			streams[scan.n_streams++] = s;
	re->latest = latest;
	re->tombs = tombs_view(blocks->tombs);
	int r = scan.n_streams ? blocks_scan(blocks, &scan, chunk_seen, re) : 0;
	tombs_view_drop(re->tombs);
	column_fini(&re->col);
	return r == SB_E_CORRUPT ? 0 : r;
}
