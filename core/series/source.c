#include "series/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/own.h"
#include "series/chunk.h"
#include "series/series.h"
#include "series/tombs.h"

struct source {
	uint64_t rank;
	size_t at, end;
	/* a chunk */
	uint8_t *data; /* for texts, which lie in it */
	int64_t *ts, *rx;
	uint16_t *flags;
	struct column col;
	/* a generation */
	const struct generation *g;
	struct generation_rows rows;
	uint8_t column;
	struct row *row;
};

struct source *source_free(struct source *s)
{
	if (!s)
		return NULL;
	free(s->data);
	free(s->ts);
	column_fini(&s->col);
	generation_rows_fini(&s->rows);
	free(s->row);
	free(s);
	return NULL;
}

static void source_freep(struct source **s)
{
	source_free(*s);
}

/* ---- a chunk */

static int rows_room(struct source *s, uint32_t n)
{
	s->ts = malloc(n * (2 * sizeof(*s->ts) + sizeof(*s->flags)));
	if (!s->ts)
		return -ENOMEM;
	s->rx = s->ts + n;
	s->flags = (uint16_t *)(void *)(s->rx + n);
	return 0;
}

static int chunk_decode(struct source *s, const struct chunk *ch, int which)
{
	int r = rows_room(s, ch->rows);
	if (r >= 0)
		r = chunk_times(ch, s->ts);
	if (r >= 0)
		r = chunk_arrivals(ch, s->ts, s->rx);
	if (r >= 0)
		r = chunk_flags(ch, s->flags);
	if (r >= 0)
		r = chunk_column(ch, which, &s->col);
	return r;
}

static void values_hide(struct source *s, const struct source_want *want, uint64_t rank,
                        const struct tombs_view *tombs)
{
	struct column *col = &s->col;
	bool blob = column_is_blob(col->type);
	uint32_t n = 0;
	for (uint32_t i = 0; i < col->count; i++) {
		int64_t ts = s->ts[col->rows[i]];
		if (tombs_of_block(tombs, want->stream, ts, rank) >> want->column & 1)
			continue;
		col->rows[n] = col->rows[i];
		col->quality[n] = col->quality[i];
		if (blob)
			col->blobs[n] = col->blobs[i];
		else
			col->bits[n] = col->bits[i];
		n++;
	}
	col->count = n;
}

int source_of_chunk(struct source **out, const struct source_want *want, struct sb_bytes data,
                    uint64_t rank, const struct tombs_view *tombs)
{
	_own_(source_freep) struct source *s = calloc(1, sizeof(*s));
	struct chunk ch;
	*out = NULL;
	if (!s)
		return -ENOMEM;
	int r = chunk_open(&ch, data);
	int which = r < 0 ? -1 : chunk_find(&ch, want->column);
	if (which < 0)
		return r;
	if (column_is_blob(ch.column[which].type)) {
		s->data = malloc(data.n);
		if (!s->data)
			return -ENOMEM;
		memcpy(s->data, data.p, data.n);
		r = chunk_open(&ch, (struct sb_bytes){ s->data, data.n });
	}
	if (r >= 0)
		r = chunk_decode(s, &ch, which);
	if (r < 0)
		return r;
	if (tombs_touch(tombs, want->stream, want->column, ch.t_min, ch.t_max, rank))
		values_hide(s, want, rank, tombs);
	s->rank = rank;
	s->end = s->col.count;
	while (s->at < s->end && s->ts[s->col.rows[s->at]] < want->from_ns)
		s->at++;
	while (s->at < s->end && s->ts[s->col.rows[s->end - 1]] > want->last_ns)
		s->end--;
	if (s->at < s->end)
		*out = steal(s);
	return 0;
}

static void chunk_get(const struct source *s, struct series_point *out)
{
	uint16_t row = s->col.rows[s->at];
	out->ts_ns = s->ts[row];
	out->rx_ns = s->rx[row];
	out->flags = s->flags[row];
	out->quality = s->col.quality[s->at];
	out->type = s->col.type;
	if (column_is_blob(s->col.type))
		out->v.blob = s->col.blobs[s->at];
	else
		memcpy(&out->v, &s->col.bits[s->at], sizeof(s->col.bits[0]));
}

/* ---- a generation */

static void rows_hide(struct generation_rows *rows, const struct source_want *want,
                      const struct generation *g, const struct tombs_view *tombs)
{
	size_t n = 0;
	for (size_t i = 0; i < rows->n; i++) {
		const struct generation_row *p = &rows->p[i];
		uint64_t gone = tombs_of_row(tombs, want->stream, p->ts_ns, g, p->at);
		if (!(gone >> want->column & 1))
			rows->p[n++] = *p;
	}
	rows->n = n;
}

int source_of_generation(struct source **out, const struct source_want *want,
                         const struct generation *g, uint64_t rank, const struct tombs_view *tombs)
{
	_own_(source_freep) struct source *s = calloc(1, sizeof(*s));
	*out = NULL;
	if (!s)
		return -ENOMEM;
	s->g = g;
	s->rank = rank;
	s->column = want->column;
	int r = generation_gather(g, want->stream, want->column, want->from_ns, want->last_ns,
	                          &s->rows);
	if (tombs)
		rows_hide(&s->rows, want, g, tombs);
	if (r < 0 || s->rows.n == 0)
		return r;
	s->row = malloc(sizeof(*s->row));
	if (!s->row)
		return -ENOMEM;
	/* Of rows of one time the last one counts. */
	while (s->at + 1 < s->rows.n && s->rows.p[s->at].ts_ns == s->rows.p[s->at + 1].ts_ns)
		s->at++;
	s->end = s->rows.n;
	*out = steal(s);
	return 0;
}

static void row_get(const struct source *s, struct series_point *out)
{
	struct row *row = s->row;
	generation_get(s->g, s->rows.p[s->at].at, row);
	out->ts_ns = row->ts_ns;
	out->rx_ns = row->rx_ns;
	out->flags = row->flags;
	for (uint16_t i = 0; i < row->n; i++) {
		const struct row_value *v = &row->values[i];
		if (v->column != s->column)
			continue;
		out->type = v->type;
		out->quality = v->quality;
		if (column_is_blob(v->type))
			out->v.blob = v->v.blob;
		else
			out->v.u = v->v.u;
	}
}

/* ---- both */

int64_t source_ts(const struct source *s)
{
	return s->g ? s->rows.p[s->at].ts_ns : s->ts[s->col.rows[s->at]];
}

uint64_t source_rank(const struct source *s)
{
	return s->rank;
}

void source_get(struct source *s, struct series_point *out)
{
	memset(out, 0, sizeof(*out));
	if (s->g)
		row_get(s, out);
	else
		chunk_get(s, out);
}

bool source_step(struct source *s)
{
	s->at++;
	while (s->g && s->at + 1 < s->end && s->rows.p[s->at].ts_ns == s->rows.p[s->at + 1].ts_ns)
		s->at++;
	return s->at < s->end;
}
