/* Rows that go into a chunk, and whether all that comes out of it is theirs. */
#pragma once
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "check.h"
#include "series/chunk.h"

static uint64_t seed = 88172645463325252ULL;

static inline uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static inline double double_of(uint64_t bits)
{
	double v;
	memcpy(&v, &bits, sizeof(v));
	return v;
}

#define BASE 1764000000000000000LL

struct sample { /* rows that went in */
	uint32_t n;
	struct row rows[CHUNK_ROWS];
};

static struct chunk_writer writer;
static struct sample sample;
static struct buffer bytes;

static inline void encode(void)
{
	for (uint32_t i = 0; i < sample.n; i++)
		assert_int_equal(chunk_writer_add(&writer, &sample.rows[i]), 0);
	assert_int_equal(chunk_writer_end(&writer, &bytes), 0);
}

static inline const struct row_value *value_at(const struct row *row, uint8_t column)
{
	for (uint16_t i = 0; i < row->n; i++)
		if (row->values[i].column == column)
			return &row->values[i];
	return NULL;
}

static inline void check_column(const struct chunk *ch, uint8_t index)
{
	struct column col = { 0 };
	uint32_t at = 0;
	int which = chunk_find(ch, index);
	if (which >= 0)
		assert_int_equal(chunk_column(ch, which, &col), 0);
	for (uint32_t i = 0; i < sample.n; i++) {
		const struct row_value *v = value_at(&sample.rows[i], index);
		if (!v)
			continue;
		assert_true(at < col.count);
		assert_int_equal(col.rows[at], i);
		assert_int_equal(col.quality[at], v->quality);
		assert_int_equal(col.type, v->type);
		if (column_is_blob(v->type)) {
			assert_int_equal(col.blobs[at].n, v->v.blob.n);
			assert_memory_equal(col.blobs[at].p, v->v.blob.p, v->v.blob.n);
		} else {
			assert_memory_equal(&col.bits[at], &v->v, 8);
		}
		at++;
	}
	assert_int_equal(at, col.count);
	column_fini(&col);
}

static inline double number_of(const struct row_value *v)
{
	return v->type == SB_T_F64 ? v->v.f : v->type == SB_T_U64 ? (double)v->v.u : (double)v->v.i;
}

static inline void check_near(double a, double b, double scale)
{
	if (isnan(a) && isnan(b))
		return;
	if (a == b)
		return;
	assert_true(fabs(a - b) <= 1e-9 * scale);
}

static inline void check_stats(const struct chunk *ch, uint8_t index)
{
	struct column_stats st;
	double min = (double)INFINITY, max = -min, sum = 0, scale = 0;
	const struct row_value *first = NULL, *last = NULL;
	uint32_t count = 0, first_row = 0, last_row = 0;
	int which = chunk_find(ch, index);
	if (which < 0)
		return;
	assert_int_equal(chunk_stats(ch, which, &st), 0);
	for (uint32_t i = 0; i < sample.n; i++) {
		const struct row_value *v = value_at(&sample.rows[i], index);
		if (!v)
			continue;
		count++;
		last = v;
		last_row = i;
		if (!first) {
			first = v;
			first_row = i;
		}
		if (column_is_blob(v->type))
			continue;
		min = fmin(min, number_of(v));
		max = fmax(max, number_of(v));
		sum += number_of(v);
		scale += fabs(number_of(v));
	}
	assert_int_equal(st.count, count);
	if (!st.known)
		return;
	assert_true(st.min == min && st.max == max);
	check_near(st.sum, sum, scale);
	assert_int_equal(st.first_row, first_row);
	assert_int_equal(st.last_row, last_row);
	assert_memory_equal(&st.first_bits, &first->v, 8);
	assert_memory_equal(&st.last_bits, &last->v, 8);
	assert_int_equal(st.first_quality, first->quality);
	assert_int_equal(st.last_quality, last->quality);
}

static inline void check_chunk(void)
{
	struct chunk ch;
	int64_t ts[COLUMN_ROWS_MAX], rx[COLUMN_ROWS_MAX];
	uint16_t flags[COLUMN_ROWS_MAX];
	assert_int_equal(chunk_open(&ch, (struct sb_bytes){ bytes.p, bytes.n }), 0);
	assert_int_equal(ch.rows, sample.n);
	assert_int_equal(chunk_times(&ch, ts), 0);
	assert_int_equal(chunk_arrivals(&ch, ts, rx), 0);
	assert_int_equal(chunk_flags(&ch, flags), 0);
	for (uint32_t i = 0; i < sample.n; i++) {
		assert_int_equal(ts[i], sample.rows[i].ts_ns);
		assert_int_equal(rx[i], sample.rows[i].rx_ns);
		assert_int_equal(flags[i], sample.rows[i].flags);
	}
	assert_int_equal(ch.t_min, ts[0]);
	assert_int_equal(ch.t_max, ts[sample.n - 1]);
	assert_int_equal(ch.rx_first, rx[0]);
	assert_int_equal(ch.rx_last, rx[sample.n - 1]);
	assert_int_equal(ch.flags_first, flags[0]);
	assert_int_equal(ch.flags_last, flags[sample.n - 1]);
	for (uint8_t c = 0; c < 64; c++) {
		check_column(&ch, c);
		check_stats(&ch, c);
	}
}

static inline int sample_fini(void **state)
{
	(void)state;
	chunk_writer_fini(&writer);
	buffer_fini(&bytes);
	return 0;
}
