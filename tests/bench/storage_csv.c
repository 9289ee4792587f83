/* A recorded set: first column ms since 1970, then one series a column, empty where nothing came.
 * Every row of it through the chunk codec and back, bit for bit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "series/chunk.h"
#include "storage.h"

struct csv {
	struct chunk_writer writer;
	struct row rows[CHUNK_ROWS]; /* of the present chunk */
	struct buffer bytes;
	uint64_t points, chunks, total;
	int64_t encode_ns, decode_ns;
};

static void column_check(const struct csv *c, const struct chunk *ch, int which, uint32_t rows)
{
	struct column col = { 0 };
	uint32_t at = 0;
	if (chunk_column(ch, which, &col) < 0)
		storage_fail("a column cannot be read");
	for (uint32_t i = 0; i < rows; i++)
		for (uint16_t k = 0; k < c->rows[i].n; k++) {
			const struct row_value *v = &c->rows[i].values[k];
			if (v->column != col.index)
				continue;
			if (at == col.count || col.rows[at] != i ||
			    memcmp(&col.bits[at], &v->v, sizeof(col.bits[0])) != 0)
				storage_fail("a value is another one when it comes back");
			at++;
		}
	if (at != col.count)
		storage_fail("there are more values than there were");
	column_fini(&col);
}

static void chunk_done(struct csv *c)
{
	struct chunk ch;
	int64_t ts[CHUNK_ROWS];
	struct column col = { 0 };
	uint32_t rows = c->writer.n;
	if (!rows)
		return;
	int64_t at = storage_thread();
	if (chunk_writer_end(&c->writer, &c->bytes) < 0)
		storage_fail("no memory");
	c->encode_ns += storage_thread() - at;
	at = storage_thread();
	if (chunk_open(&ch, (struct sb_bytes){ c->bytes.p, c->bytes.n }) < 0 ||
	    chunk_times(&ch, ts) < 0)
		storage_fail("a chunk cannot be read");
	for (int i = 0; i < ch.columns; i++)
		if (chunk_column(&ch, i, &col) < 0)
			storage_fail("a column cannot be read");
	c->decode_ns += storage_thread() - at;
	column_fini(&col);
	for (uint32_t i = 0; i < rows; i++)
		if (ts[i] != c->rows[i].ts_ns)
			storage_fail("a time is another one when it comes back");
	for (int i = 0; i < ch.columns; i++)
		column_check(c, &ch, i, rows);
	c->total += c->bytes.n;
	c->chunks++;
}

/* False: no row (a head, an empty line). */
static bool row_parse(char *line, struct row *row)
{
	char *end;
	memset(row, 0, sizeof(*row));
	long long ms = strtoll(line, &end, 10);
	if (end == line || *end != ',')
		return false;
	row->ts_ns = row->rx_ns = ms * 1000000;
	for (uint8_t column = 0; *end == ',' && column < ROW_COLUMNS_MAX; column++) {
		char *text = end + 1;
		double v = strtod(text, &end);
		if (end != text)
			row->values[row->n++] =
				(struct row_value){ .column = column, .type = SB_T_F64, .v.f = v };
		end = text + strcspn(text, ",\r\n");
	}
	return true;
}

void storage_csv(const struct storage_task *task)
{
	struct csv *c = calloc(1, sizeof(*c));
	char line[8192];
	FILE *f = task->file ? fopen(task->file, "r") : NULL;
	if (!c || !f)
		storage_fail("cannot read %s", task->file ? task->file : "file=");
	while (fgets(line, sizeof(line), f)) {
		struct row *row = &c->rows[c->writer.n];
		if (!row_parse(line, row))
			continue;
		int64_t at = storage_thread();
		if (chunk_writer_add(&c->writer, row) < 0)
			storage_fail("a row does not fit");
		c->encode_ns += storage_thread() - at;
		c->points += row->n;
		if (!chunk_writer_room(&c->writer, 1))
			chunk_done(c);
	}
	chunk_done(c);
	(void)fclose(f);
	if (!c->points)
		storage_fail("%s has no points", task->file);
	(void)printf("{\"points\":%llu,\"chunks\":%llu,\"bytes_per_point\":%.4f,\"encode_ns\":%.1f,"
	             "\"decode_ns\":%.1f}\n",
	             (unsigned long long)c->points, (unsigned long long)c->chunks,
	             (double)c->total / (double)c->points, (double)c->encode_ns / (double)c->points,
	             (double)c->decode_ns / (double)c->points);
	chunk_writer_fini(&c->writer);
	buffer_fini(&c->bytes);
	free(c);
}
