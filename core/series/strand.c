#include "series/strand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/own.h"
#include "series/chunk.h"

struct strand *strand_free(struct strand *s)
{
	if (!s)
		return NULL;
	for (uint32_t i = 0; s->columns && i < s->n_columns; i++)
		column_fini(&s->columns[i]);
	free(s->columns);
	free(s->ts);
	free(s->data);
	free(s);
	return NULL;
}

static void strand_freep(struct strand **s)
{
	strand_free(*s);
}

static int rows_decode(struct strand *s, const struct chunk *ch)
{
	size_t n = ch->rows;
	s->rows = ch->rows;
	s->ts = malloc(n * (2 * sizeof(*s->ts) + sizeof(*s->flags)));
	if (!s->ts)
		return -ENOMEM;
	s->rx = s->ts + n;
	s->flags = (uint16_t *)(void *)(s->rx + n);
	int r = chunk_times(ch, s->ts);
	if (r >= 0)
		r = chunk_arrivals(ch, s->ts, s->rx);
	return r < 0 ? r : chunk_flags(ch, s->flags);
}

static int columns_decode(struct strand *s, const struct chunk *ch)
{
	int r = 0;
	s->columns = calloc(ch->columns + 1U, sizeof(*s->columns));
	if (!s->columns)
		return -ENOMEM;
	s->n_columns = ch->columns;
	for (uint16_t i = 0; i < ch->columns && r >= 0; i++)
		r = chunk_column(ch, i, &s->columns[i]);
	return r;
}

int strand_new(struct strand **out, uint32_t stream, struct sb_bytes data, uint64_t rank)
{
	_own_(strand_freep) struct strand *s = calloc(1, sizeof(*s));
	struct chunk ch;
	if (!s)
		return -ENOMEM;
	s->data = malloc(data.n + 1);
	if (!s->data)
		return -ENOMEM;
	if (data.n)
		memcpy(s->data, data.p, data.n);
	s->stream = stream;
	s->rank = rank;
	int r = chunk_open(&ch, (struct sb_bytes){ s->data, data.n });
	if (r >= 0)
		r = rows_decode(s, &ch);
	if (r >= 0)
		r = columns_decode(s, &ch);
	if (r < 0)
		return r;
	*out = steal(s);
	return 0;
}

void strand_get(const struct strand *s, uint32_t i, struct row *out)
{
	out->stream = s->stream;
	out->ts_ns = s->ts[i];
	out->rx_ns = s->rx[i];
	out->flags = s->flags[i];
	out->n = 0;
	for (uint32_t c = 0; c < s->n_columns; c++) {
		const struct column *col = &s->columns[c];
		uint32_t k = s->first[c];
		while (k < col->count && col->rows[k] < i)
			k++;
		if (k == col->count || col->rows[k] != i)
			continue;
		struct row_value *v = &out->values[out->n++];
		v->column = col->index;
		v->type = col->type;
		v->quality = col->quality[k];
		if (column_is_blob(col->type))
			v->v.blob = col->blobs[k];
		else
			v->v.u = col->bits[k];
	}
}

void strand_skip_to(struct strand *s, uint32_t i)
{
	s->at = i;
	for (uint32_t c = 0; c < s->n_columns; c++) {
		const struct column *col = &s->columns[c];
		while (s->first[c] < col->count && col->rows[s->first[c]] < i)
			s->first[c]++;
	}
}
