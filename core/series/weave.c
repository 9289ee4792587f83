#include "series/weave.h"

#include <errno.h>
#include <stdlib.h>

#include <signalbox/error.h>

#include "base/own.h"
#include "series/strand.h"

struct weave_row { /* a row of the present time, and what is left of it */
	const struct strand *strand;
	uint32_t at;
	uint64_t columns;
};

static struct strand *list_free(struct strand *s)
{
	while (s) {
		struct strand *next = s->next;
		strand_free(s);
		s = next;
	}
	return NULL;
}

void weave_fini(struct weave *w)
{
	w->open = list_free(w->open);
	w->retired = list_free(w->retired);
	chunk_writer_fini(&w->writer);
	buffer_fini(&w->done);
	buffer_fini(&w->bytes);
	free(w->chunks);
	*w = (struct weave){ 0 };
}

void weave_taken(struct weave *w)
{
	w->n = 0;
	buffer_reset(&w->done);
}

void weave_begin(struct weave *w, uint32_t stream)
{
	w->open = list_free(w->open);
	w->retired = list_free(w->retired);
	chunk_writer_fini(&w->writer);
	weave_taken(w);
	w->stream = stream;
}

int weave_add(struct weave *w, struct sb_bytes data, uint64_t rank, int64_t from_ns)
{
	struct strand *s = NULL;
	int r = strand_new(&s, w->stream, data, rank);
	if (r < 0)
		return r;
	uint32_t i = 0;
	while (i < s->rows && s->ts[i] < from_ns)
		i++;
	if (i == s->rows) {
		strand_free(s);
		return 0;
	}
	strand_skip_to(s, i);
	s->next = w->open;
	w->open = s;
	return 0;
}

/* ---- chunks out */

static int chunk_room(struct weave *w)
{
	if (w->n < w->cap)
		return 0;
	size_t cap = w->cap ? 2 * w->cap : 64;
	struct weave_chunk *chunks = realloc(w->chunks, cap * sizeof(*chunks));
	if (!chunks)
		return -ENOMEM;
	w->chunks = chunks;
	w->cap = cap;
	return 0;
}

static int close_chunk(struct weave *w)
{
	uint32_t rows = w->writer.n;
	if (!rows)
		return 0;
	int r = chunk_room(w);
	if (r < 0)
		return r;
	struct weave_chunk c = { w->writer.ts[0], w->writer.ts[rows - 1], rows, w->done.n, 0 };
	r = chunk_writer_end(&w->writer, &w->bytes);
	if (r < 0)
		return r;
	buffer_give(&w->done, w->bytes.p, w->bytes.n);
	if (w->done.bad)
		return -ENOMEM;
	c.n = w->bytes.n;
	w->chunks[w->n++] = c;
	w->rows_out += rows;
	w->retired = list_free(w->retired);
	return 0;
}

struct sb_chunk weave_chunk(const struct weave *w, size_t i)
{
	const struct weave_chunk *c = &w->chunks[i];
	return (struct sb_chunk){ .stream = w->stream,
		                  .rows = c->rows,
		                  .t_min_ns = c->t_min_ns,
		                  .t_max_ns = c->t_max_ns,
		                  .data = { w->done.p + c->at, c->n } };
}

/* ---- rows of one time, from the newest to the oldest */

static const struct strand *earliest(const struct weave *w)
{
	const struct strand *best = NULL;
	for (const struct strand *s = w->open; s; s = s->next)
		if (!best || s->ts[s->at] < best->ts[best->at])
			best = s;
	return best;
}

static const struct strand *newest_of(const struct weave *w, int64_t ts, uint64_t below,
                                      const struct strand *last)
{
	const struct strand *best = NULL;
	bool seen = !last; /* of one rank, in order of the list */
	for (const struct strand *s = w->open; s; s = s->next) {
		bool takes = s->rank < below || (s->rank == below && seen);
		if (s->ts[s->at] == ts && takes && s != last && (!best || s->rank > best->rank))
			best = s;
		seen |= s == last;
	}
	return best;
}

static uint64_t columns_of(const struct row *row)
{
	uint64_t columns = 0;
	for (uint16_t i = 0; i < row->n; i++)
		columns |= 1ULL << row->values[i].column;
	return columns;
}

static uint64_t hidden(const struct weave *w, int64_t ts, uint64_t rank)
{
	return w->hidden ? w->hidden(w->hidden_ud, w->stream, ts, rank) : 0;
}

static uint32_t rows_of_time(const struct weave *w, int64_t ts,
                             struct weave_row kept[ROW_COLUMNS_MAX])
{
	uint64_t seen = 0;
	uint64_t rank = UINT64_MAX;
	uint32_t n = 0;
	struct row row;
	const struct strand *s = NULL;
	while ((s = newest_of(w, ts, rank, s))) {
		uint64_t gone = hidden(w, ts, s->rank);
		rank = s->rank;
		for (uint32_t i = strand_end_of_time(s); i > s->at && n < ROW_COLUMNS_MAX; i--) {
			strand_get(s, i - 1, &row);
			uint64_t columns = columns_of(&row) & ~gone & ~seen;
			if (columns)
				kept[n++] = (struct weave_row){ s, i - 1, columns };
			seen |= columns;
		}
	}
	return n;
}

static int row_add(struct weave *w, const struct weave_row *kept)
{
	struct row row;
	uint16_t n = 0;
	strand_get(kept->strand, kept->at, &row);
	for (uint16_t i = 0; i < row.n; i++)
		if (kept->columns >> row.values[i].column & 1)
			row.values[n++] = row.values[i];
	row.n = n;
	return chunk_writer_add(&w->writer, &row);
}

/* Beyond this time; ends go to the retired ones. */
static void time_pass(struct weave *w, int64_t ts)
{
	for (struct strand **at = &w->open; *at;) {
		struct strand *s = *at;
		if (s->ts[s->at] != ts) {
			at = &s->next;
			continue;
		}
		uint32_t end = strand_end_of_time(s);
		w->rows_in += end - s->at;
		strand_skip_to(s, end);
		if (end < s->rows) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		s->next = w->retired;
		w->retired = s;
	}
}

/* Rows of one time stay together, so that no two chunks of a stream begin at the same. */
static int time_next(struct weave *w, int64_t ts)
{
	struct weave_row kept[ROW_COLUMNS_MAX];
	uint32_t n = rows_of_time(w, ts, kept);
	int r = 0;
	if (n && !chunk_writer_room(&w->writer, n))
		r = close_chunk(w);
	for (uint32_t i = n; i > 0 && r >= 0; i--)
		r = row_add(w, &kept[i - 1]);
	time_pass(w, ts);
	return r == SB_E_TYPE ? SB_E_CORRUPT : r;
}

int weave_to(struct weave *w, int64_t before_ns)
{
	const struct strand *s;
	int r = 0;
	while (r >= 0 && (s = earliest(w)) && s->ts[s->at] < before_ns)
		r = time_next(w, s->ts[s->at]);
	return r;
}

int weave_rest(struct weave *w)
{
	const struct strand *s;
	int r = 0;
	while (r >= 0 && (s = earliest(w)))
		r = time_next(w, s->ts[s->at]);
	return r < 0 ? r : close_chunk(w);
}

int weave_break(struct weave *w)
{
	int r = close_chunk(w);
	w->open = list_free(w->open);
	return r;
}
