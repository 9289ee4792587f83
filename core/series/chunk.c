#include "series/chunk.h"

#include <errno.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/crc32c.h"
#include "series/times.h"

/* The form:
 *
 *   u8 FORMAT, u8 HEAD_* bits, u32 CRC-32C of all the rest and of the head
 *   varint rows, varint columns, zz first time, varint last time - first
 *   with HEAD_RX: zz arrival - time of the first row, of the last
 *   with HEAD_FLAGS: varint flags of the first row, of the last
 *   sections, each with its length in front: times; arrivals - times (HEAD_RX); flags (HEAD_FLAGS)
 *   columns, ascending: u8 index, u8 type, section (column.c)
 *
 * Times and arrivals are on a grid (times.c). FORMAT_UNITS had them in units of ns, us, ms or s,
 * and neither Rice codes from the least nor compressed texts: it is read, no longer written. */
enum { FORMAT_UNITS = 1, FORMAT = 2, HEAD_BYTES = 6 };
enum { HEAD_RX = 1, HEAD_FLAGS = 2, HEAD_KNOWN = 3 };

static int64_t minus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t plus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static uint32_t checksum(uint8_t head, const uint8_t *p, size_t n)
{
	return crc32c(crc32c(0, &head, 1), p, n);
}

/* ---- writing */

void chunk_writer_fini(struct chunk_writer *w)
{
	for (int i = 0; i < ROW_COLUMNS_MAX; i++)
		column_fini(&w->columns[i]);
	w->n = 0;
	w->blob_bytes = 0;
}

bool chunk_writer_room(const struct chunk_writer *w, uint32_t rows)
{
	return w->n + rows <= CHUNK_ROWS && w->blob_bytes < CHUNK_BLOB_BYTES;
}

static int value_add(struct chunk_writer *w, const struct row_value *v)
{
	struct column *col = &w->columns[v->column];
	if (col->count == 0 && col->type != v->type) {
		column_fini(col);
		col->type = v->type;
		col->index = v->column;
	}
	if (col->type != v->type)
		return SB_E_TYPE;
	int r = column_room(col, CHUNK_ROWS);
	if (r < 0)
		return r;
	col->rows[col->count] = (uint16_t)w->n;
	col->quality[col->count] = v->quality;
	if (column_is_blob(v->type)) {
		col->blobs[col->count] = v->v.blob;
		w->blob_bytes += v->v.blob.n;
	} else {
		memcpy(&col->bits[col->count], &v->v, sizeof(col->bits[0]));
	}
	col->count++;
	return 0;
}

int chunk_writer_add(struct chunk_writer *w, const struct row *row)
{
	int r = 0;
	w->ts[w->n] = row->ts_ns;
	w->rx[w->n] = row->rx_ns;
	w->flags[w->n] = row->flags;
	for (uint16_t i = 0; i < row->n; i++) {
		int q = value_add(w, &row->values[i]);
		r = q < 0 ? q : r;
	}
	w->n++;
	return r;
}

static void section_give(struct buffer *out, const struct buffer *body)
{
	out->bad |= body->bad;
	buffer_give_varint(out, body->n);
	buffer_give(out, body->p, body->n);
}

static void grid_give(struct buffer *out, struct buffer *body, const int64_t *v, uint32_t n)
{
	buffer_reset(body);
	times_give(body, v, n);
	section_give(out, body);
}

static void rows_give(const struct chunk_writer *w, uint8_t head, struct buffer *out,
                      struct buffer *body)
{
	int64_t v[CHUNK_ROWS];
	uint32_t last = w->n - 1;
	if (head & HEAD_RX) {
		buffer_give_zz(out, minus(w->rx[0], w->ts[0]));
		buffer_give_zz(out, minus(w->rx[last], w->ts[last]));
	}
	if (head & HEAD_FLAGS) {
		buffer_give_varint(out, w->flags[0]);
		buffer_give_varint(out, w->flags[last]);
	}
	grid_give(out, body, w->ts, w->n);
	for (uint32_t i = 0; i < w->n; i++)
		v[i] = minus(w->rx[i], w->ts[i]);
	if (head & HEAD_RX)
		grid_give(out, body, v, w->n);
	for (uint32_t i = 0; i < w->n; i++)
		v[i] = w->flags[i];
	if (!(head & HEAD_FLAGS))
		return;
	buffer_reset(body);
	ints_give(body, v, w->n);
	section_give(out, body);
}

static void columns_give(const struct chunk_writer *w, struct buffer *out, struct buffer *body)
{
	for (int i = 0; i < ROW_COLUMNS_MAX; i++) {
		const struct column *col = &w->columns[i];
		if (!col->count)
			continue;
		buffer_reset(body);
		column_give(body, col, w->n);
		buffer_give_u8(out, col->index);
		buffer_give_u8(out, col->type);
		section_give(out, body);
	}
}

static uint8_t head_of(const struct chunk_writer *w)
{
	uint8_t head = 0;
	for (uint32_t i = 0; i < w->n; i++) {
		head |= w->rx[i] != w->ts[i] ? HEAD_RX : 0;
		head |= w->flags[i] ? HEAD_FLAGS : 0;
	}
	return head;
}

int chunk_writer_end(struct chunk_writer *w, struct buffer *out)
{
	struct buffer body = { 0 };
	uint8_t head = head_of(w);
	uint32_t columns = 0;
	for (int i = 0; i < ROW_COLUMNS_MAX; i++)
		columns += w->columns[i].count > 0;
	buffer_reset(out);
	buffer_give_u8(out, FORMAT);
	buffer_give_u8(out, head);
	buffer_give_u32(out, 0);
	buffer_give_varint(out, w->n);
	buffer_give_varint(out, columns);
	buffer_give_zz(out, w->ts[0]);
	buffer_give_varint(out, (uint64_t)minus(w->ts[w->n - 1], w->ts[0]));
	rows_give(w, head, out, &body);
	columns_give(w, out, &body);
	buffer_fini(&body);
	for (int i = 0; i < ROW_COLUMNS_MAX; i++)
		w->columns[i].count = 0;
	w->n = 0;
	w->blob_bytes = 0;
	if (out->bad)
		return -ENOMEM;
	uint32_t crc = checksum(head, out->p + HEAD_BYTES, out->n - HEAD_BYTES);
	for (int i = 0; i < 4; i++)
		out->p[2 + i] = (uint8_t)(crc >> 8 * i);
	return 0;
}

/* ---- reading */

static struct chunk_section section_take(struct cursor *c)
{
	struct sb_str s = cursor_take_str(c);
	return (struct chunk_section){ (const uint8_t *)s.p, (uint32_t)s.n };
}

static struct cursor section_cursor(const struct chunk_section *s)
{
	return cursor_of(s->p, s->n);
}

static void rows_open(struct chunk *ch, struct cursor *c)
{
	ch->t_min = cursor_take_zz(c);
	ch->t_max = plus(ch->t_min, (int64_t)cursor_take_varint(c));
	ch->rx_first = ch->t_min;
	ch->rx_last = ch->t_max;
	if (ch->head & HEAD_RX) {
		ch->rx_first = plus(ch->t_min, cursor_take_zz(c));
		ch->rx_last = plus(ch->t_max, cursor_take_zz(c));
	}
	if (ch->head & HEAD_FLAGS) {
		ch->flags_first = (uint16_t)cursor_take_varint(c);
		ch->flags_last = (uint16_t)cursor_take_varint(c);
	}
	ch->times = section_take(c);
	if (ch->head & HEAD_RX)
		ch->arrivals = section_take(c);
	if (ch->head & HEAD_FLAGS)
		ch->flags = section_take(c);
}

static int columns_open(struct chunk *ch, struct cursor *c)
{
	int last = -1;
	for (uint16_t i = 0; i < ch->columns; i++) {
		ch->column[i].index = cursor_take_u8(c);
		ch->column[i].type = cursor_take_u8(c);
		ch->column[i].body = section_take(c);
		if (c->bad || ch->column[i].index <= last ||
		    ch->column[i].index >= ROW_COLUMNS_MAX || ch->column[i].type < SB_T_BOOL ||
		    ch->column[i].type > SB_T_BYTES)
			return SB_E_CORRUPT;
		last = ch->column[i].index;
	}
	return cursor_left(c) == 0 ? 0 : SB_E_CORRUPT;
}

int chunk_open(struct chunk *out, struct sb_bytes data)
{
	struct cursor c = cursor_of(data.p, data.n);
	memset(out, 0, sizeof(*out));
	out->format = cursor_take_u8(&c);
	out->head = cursor_take_u8(&c);
	uint32_t crc = cursor_take_u32(&c);
	if (c.bad || out->format < FORMAT_UNITS || out->format > FORMAT ||
	    (out->head & ~HEAD_KNOWN) || crc != checksum(out->head, c.p, cursor_left(&c)))
		return SB_E_CORRUPT;
	uint64_t rows = cursor_take_varint(&c);
	uint64_t columns = cursor_take_varint(&c);
	if (rows == 0 || rows > COLUMN_ROWS_MAX || columns > ROW_COLUMNS_MAX)
		return SB_E_CORRUPT;
	out->rows = (uint16_t)rows;
	out->columns = (uint16_t)columns;
	rows_open(out, &c);
	if (c.bad || out->t_max < out->t_min)
		return SB_E_CORRUPT;
	return columns_open(out, &c);
}

static int grid_take(const struct chunk *ch, const struct chunk_section *s, int64_t first,
                     int64_t *v)
{
	struct cursor c = section_cursor(s);
	return ch->format == FORMAT_UNITS ? times_take_units(&c, v, ch->rows)
	                                  : times_take(&c, first, v, ch->rows);
}

int chunk_times(const struct chunk *ch, int64_t *ts)
{
	int r = grid_take(ch, &ch->times, ch->t_min, ts);
	if (r < 0)
		return r;
	for (uint32_t i = 1; i < ch->rows; i++)
		if (ts[i] < ts[i - 1])
			return SB_E_CORRUPT;
	return ts[0] == ch->t_min && ts[ch->rows - 1] == ch->t_max ? 0 : SB_E_CORRUPT;
}

int chunk_arrivals(const struct chunk *ch, const int64_t *ts, int64_t *rx)
{
	if (!(ch->head & HEAD_RX)) {
		memcpy(rx, ts, ch->rows * sizeof(*rx));
		return 0;
	}
	int r = grid_take(ch, &ch->arrivals, minus(ch->rx_first, ch->t_min), rx);
	for (uint32_t i = 0; r >= 0 && i < ch->rows; i++)
		rx[i] = plus(rx[i], ts[i]);
	return r;
}

int chunk_flags(const struct chunk *ch, uint16_t *flags)
{
	int64_t v[COLUMN_ROWS_MAX];
	memset(flags, 0, ch->rows * sizeof(*flags));
	if (!(ch->head & HEAD_FLAGS))
		return 0;
	struct cursor c = section_cursor(&ch->flags);
	int r = ints_take(&c, v, ch->rows);
	for (uint32_t i = 0; r >= 0 && i < ch->rows; i++)
		flags[i] = (uint16_t)v[i];
	return r;
}

int chunk_find(const struct chunk *ch, uint8_t index)
{
	for (uint16_t i = 0; i < ch->columns; i++)
		if (ch->column[i].index == index)
			return i;
	return -1;
}

int chunk_stats(const struct chunk *ch, int which, struct column_stats *out)
{
	struct cursor c = section_cursor(&ch->column[which].body);
	return column_stats_take(&c, ch->column[which].type, ch->rows, out);
}

int chunk_column(const struct chunk *ch, int which, struct column *out)
{
	struct cursor c = section_cursor(&ch->column[which].body);
	if (out->type != ch->column[which].type)
		column_fini(out);
	out->index = ch->column[which].index;
	out->type = ch->column[which].type;
	return column_take(&c, ch->rows, out);
}
