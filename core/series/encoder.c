#include "series/encoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>
#include <signalbox/kinds.h>

#include "base/own.h"
#include "series/month.h"
#include "series/tombs.h"

static int item_push(struct encoder *e, int32_t month, uint32_t stream)
{
	if (e->n == e->cap) {
		size_t cap = e->cap ? 2 * e->cap : 256;
		struct encoder_item *items = realloc(e->items, cap * sizeof(*items));
		if (!items)
			return -ENOMEM;
		e->items = items;
		e->cap = cap;
	}
	e->items[e->n++] = (struct encoder_item){ month, stream };
	return 0;
}

static int stream_plan(struct encoder *e, uint32_t stream)
{
	int32_t first = month_of(e->g->t_min);
	if (first == month_of(e->g->t_max)) /* as almost always: no need to look */
		return item_push(e, first, stream);
	e->rows.n = 0;
	int r = generation_gather(e->g, stream, -1, INT64_MIN, INT64_MAX, &e->rows);
	int64_t last = INT64_MIN;
	for (size_t i = 0; r >= 0 && i < e->rows.n; i++) {
		if (i && e->rows.p[i].ts_ns <= last)
			continue;
		int32_t month = month_of(e->rows.p[i].ts_ns);
		last = month_last(month);
		r = item_push(e, month, stream);
	}
	return r;
}

static int item_compare(const void *a, const void *b)
{
	const struct encoder_item *x = a;
	const struct encoder_item *y = b;
	if (x->month != y->month)
		return x->month < y->month ? -1 : 1;
	return x->stream < y->stream ? -1 : x->stream > y->stream;
}

int encoder_new(struct encoder **out, const struct generation *g, struct tombs_view *tombs)
{
	struct encoder *e = calloc(1, sizeof(*e));
	if (!e) {
		tombs_view_drop(tombs);
		return -ENOMEM;
	}
	e->g = g;
	e->tombs = tombs;
	int r = 0;
	for (uint32_t s = generation_stream(g, 1); s && r >= 0; s = generation_stream(g, s + 1))
		r = stream_plan(e, s);
	if (r < 0) {
		encoder_free(e);
		return r;
	}
	if (e->n)
		qsort(e->items, e->n, sizeof(*e->items), item_compare);
	*out = e;
	return 0;
}

struct encoder *encoder_free(struct encoder *e)
{
	if (!e)
		return NULL;
	tombs_view_drop(e->tombs);
	chunk_writer_fini(&e->writer);
	generation_rows_fini(&e->rows);
	buffer_fini(&e->bytes);
	free(e->items);
	free(e);
	return NULL;
}

static uint64_t columns_of(const struct row *row)
{
	uint64_t columns = 0;
	for (uint16_t i = 0; i < row->n; i++)
		columns |= 1ULL << row->values[i].column;
	return columns;
}

static uint64_t gone(const struct encoder *e, const struct generation_row *p)
{
	if (!e->hides)
		return 0;
	return tombs_of_row(e->tombs, e->items[e->at - 1].stream, p->ts_ns, e->g, p->at);
}

static void row_keep(struct row *row, uint64_t columns)
{
	uint16_t n = 0;
	for (uint16_t i = 0; i < row->n; i++)
		if (columns >> row->values[i].column & 1)
			row->values[n++] = row->values[i];
	row->n = n;
}

/* Rows of the next time, from the newest to the oldest: what is left of each. Returns how many rows
 * of the stream that was. */
static size_t time_next(struct encoder *e)
{
	const struct generation_row *p = e->rows.p + e->next_row;
	size_t n = 1;
	uint64_t seen = 0;
	while (e->next_row + n < e->rows.n && p[n].ts_ns == p[0].ts_ns)
		n++;
	e->n_kept = 0;
	for (size_t i = n; i > 0 && e->n_kept < ROW_COLUMNS_MAX; i--) {
		generation_get(e->g, p[i - 1].at, &e->row);
		uint64_t columns = columns_of(&e->row) & ~seen & ~gone(e, &p[i - 1]);
		if (columns)
			e->kept[e->n_kept++] = (struct encoder_kept){ p[i - 1].at, columns };
		seen |= columns;
	}
	return n;
}

static int kept_add(struct encoder *e)
{
	for (uint32_t k = e->n_kept; k > 0; k--) {
		struct row *row = &e->row;
		generation_get(e->g, e->kept[k - 1].at, row);
		row_keep(row, e->kept[k - 1].columns);
		int r = chunk_writer_add(&e->writer, row);
		if (r < 0 && r != SB_E_TYPE)
			return r;
	}
	return 0;
}

static int stream_next(struct encoder *e)
{
	const struct encoder_item *item = &e->items[e->at++];
	e->rows.n = 0;
	e->next_row = 0;
	e->hides = tombs_has(e->tombs, item->stream);
	return generation_gather(e->g, item->stream, -1, month_begin(item->month),
	                         month_last(item->month), &e->rows);
}

/* Whether the next row is the only one of its time, as nearly all are. */
static bool is_alone(const struct encoder *e)
{
	const struct generation_row *p = e->rows.p + e->next_row;
	return e->next_row + 1 == e->rows.n || p[1].ts_ns != p[0].ts_ns;
}

/* Rows of one time stay together, so that no two chunks of a stream begin at the same. */
static int chunk_fill(struct encoder *e)
{
	while (e->next_row < e->rows.n) {
		if (is_alone(e)) {
			if (!chunk_writer_room(&e->writer, 1))
				return 0;
			generation_get(e->g, e->rows.p[e->next_row].at, &e->row);
			if (e->hides)
				row_keep(&e->row, ~gone(e, &e->rows.p[e->next_row]));
			int r = e->row.n ? chunk_writer_add(&e->writer, &e->row) : 0;
			if (r < 0 && r != SB_E_TYPE)
				return r;
			e->next_row++;
			continue;
		}
		size_t n = time_next(e);
		if (!chunk_writer_room(&e->writer, e->n_kept))
			return 0;
		int r = kept_add(e);
		if (r < 0)
			return r;
		e->next_row += n;
	}
	return 0;
}

static int32_t chunk_next(void *ud, struct sb_chunk *out)
{
	struct encoder *e = ud;
	while (e->writer.n == 0) {
		int r = 0;
		if (e->next_row == e->rows.n) {
			if (e->at == e->end)
				return 0;
			r = stream_next(e);
		}
		if (r >= 0)
			r = chunk_fill(e);
		if (r < 0)
			return r;
	}
	out->stream = e->items[e->at - 1].stream;
	out->rows = e->writer.n;
	out->t_min_ns = e->writer.ts[0];
	out->t_max_ns = e->writer.ts[e->writer.n - 1];
	int r = chunk_writer_end(&e->writer, &e->bytes);
	if (r < 0) {
		buffer_fini(&e->bytes);
		return r;
	}
	out->data = (struct sb_bytes){ e->bytes.p, e->bytes.n };
	return 1;
}

static int32_t chunk_first(void *ud, struct sb_chunk *out)
{
	struct encoder *e = ud;
	if (!e->has_first)
		return chunk_next(e, out);
	e->has_first = false;
	*out = e->first;
	return 1;
}

static void block_begin(struct encoder *e)
{
	int32_t month = e->items[e->begin].month;
	e->end = e->begin;
	while (e->end < e->n && e->items[e->end].month == month)
		e->end++;
	e->at = e->begin;
	e->rows.n = 0;
	e->next_row = 0;
	chunk_writer_fini(&e->writer); /* what an attempt that failed left behind */
	e->has_first = false;
}

/* A month of which all is deleted has no block. */
int encoder_block(struct encoder *e, struct sb_block *block)
{
	int r = 0;
	while (e->begin < e->n && r == 0) {
		block_begin(e);
		r = chunk_next(e, &e->first);
		if (r == 0)
			encoder_done(e);
	}
	if (r <= 0)
		return r;
	int32_t month = e->items[e->begin].month;
	e->has_first = true;
	*block = (struct sb_block){
		.size = sizeof(*block),
		.seq_min = e->g->seq_first,
		.seq_max = e->g->seq_last,
		.t_min_ns = MAX(month_begin(month), e->g->t_min),
		.t_max_ns = MIN(month_last(month), e->g->t_max),
		.next = chunk_first,
		.ud = e,
	};
	return 1;
}

void encoder_done(struct encoder *e)
{
	e->begin = e->end;
}
