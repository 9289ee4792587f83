#include "series/encoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>
#include <signalbox/kinds.h>

#include "base/own.h"
#include "series/month.h"

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
	const struct encoder_item *x = a, *y = b;
	if (x->month != y->month)
		return x->month < y->month ? -1 : 1;
	return x->stream < y->stream ? -1 : x->stream > y->stream;
}

int encoder_new(struct encoder **out, const struct generation *g)
{
	struct encoder *e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->g = g;
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
	chunk_writer_fini(&e->writer);
	generation_rows_fini(&e->rows);
	buffer_fini(&e->bytes);
	free(e->items);
	free(e);
	return NULL;
}

/* newer over older, into newer. */
static void row_over(struct row *newer, const struct row *older)
{
	struct row_value merged[ROW_COLUMNS_MAX];
	uint16_t n = 0, i = 0, k = 0;
	while (n < ROW_COLUMNS_MAX && (i < newer->n || k < older->n)) {
		if (k == older->n ||
		    (i < newer->n && newer->values[i].column <= older->values[k].column)) {
			k = (uint16_t)(k + (k < older->n &&
			                    newer->values[i].column == older->values[k].column));
			merged[n++] = newer->values[i++];
		} else {
			merged[n++] = older->values[k++];
		}
	}
	memcpy(newer->values, merged, n * sizeof(merged[0]));
	newer->n = n;
}

/* The next row of the stream, of all that have its time. */
static void row_next(struct encoder *e)
{
	const struct generation_rows *rows = &e->rows;
	int64_t ts = rows->p[e->next_row].ts_ns;
	generation_get(e->g, rows->p[e->next_row++].at, &e->row);
	while (e->next_row < rows->n && rows->p[e->next_row].ts_ns == ts) {
		generation_get(e->g, rows->p[e->next_row++].at, &e->other);
		row_over(&e->other, &e->row);
		e->row = e->other;
	}
}

static int stream_next(struct encoder *e)
{
	const struct encoder_item *item = &e->items[e->at++];
	e->rows.n = 0;
	e->next_row = 0;
	return generation_gather(e->g, item->stream, -1, month_begin(item->month),
	                         month_last(item->month), &e->rows);
}

static int32_t chunk_next(void *ud, struct sb_chunk *out)
{
	struct encoder *e = ud;
	while (e->next_row == e->rows.n) {
		if (e->at == e->end)
			return 0;
		int r = stream_next(e);
		if (r < 0)
			return r;
	}
	while (e->next_row < e->rows.n && !chunk_writer_full(&e->writer)) {
		row_next(e);
		int r = chunk_writer_add(&e->writer, &e->row);
		if (r < 0 && r != SB_E_TYPE)
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

int encoder_block(struct encoder *e, struct sb_block *block)
{
	if (e->begin == e->n)
		return 0;
	int32_t month = e->items[e->begin].month;
	e->end = e->begin;
	while (e->end < e->n && e->items[e->end].month == month)
		e->end++;
	e->at = e->begin;
	e->rows.n = 0;
	e->next_row = 0;
	chunk_writer_fini(&e->writer); /* what an attempt that failed left behind */
	*block = (struct sb_block){
		.size = sizeof(*block),
		.seq_min = e->g->seq_first,
		.seq_max = e->g->seq_last,
		.t_min_ns = MAX(month_begin(month), e->g->t_min),
		.t_max_ns = MIN(month_last(month), e->g->t_max),
		.next = chunk_next,
		.ud = e,
	};
	return 1;
}

void encoder_done(struct encoder *e)
{
	e->begin = e->end;
}
