#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/crc32c.h"
#include "series/chunk_sample.h"

static char pool[CHUNK_ROWS * 64];

static double random_double(int kind, uint32_t i)
{
	switch (kind) {
	case 0:
		return 21.5;
	case 1:
		return (double)(200 + (int64_t)(rnd() % 30)) / 10;
	case 2:
		return (double)((float)(2000 + (int)(rnd() % 300)) / 100.0F);
	case 3:
		return sin(i / 20.0) * 1e3;
	case 4:
		return double_of(rnd());
	case 5:
		return rnd() % 10 ? 0.25 * i : double_of(rnd());
	case 6: {
		static const uint64_t odd[] = { 0x8000000000000000,
			                        0x7ff0000000000000,
			                        0xfff0000000000000,
			                        0x7ff8000000000001,
			                        0x7ff0000000000123,
			                        1,
			                        0,
			                        0x7fefffffffffffff };
		return double_of(odd[rnd() % 8]);
	}
	default:
		return (double)(float)(rnd() % 100000) / 3;
	}
}

static void random_value(struct row_value *v, uint8_t type, int kind, uint32_t i)
{
	static char text[128];
	v->type = type;
	v->quality = kind % 3 == 2 && rnd() % 4 == 0 ? (uint8_t)rnd() : 0;
	switch (type) {
	case SB_T_BOOL:
		v->v.i = (int64_t)(i / 50 + rnd() % 30 / 29) & 1;
		break;
	case SB_T_I64:
		v->v.i = kind == 0 ? 7 : kind == 1 ? (int64_t)i * 5 : (int64_t)rnd();
		break;
	case SB_T_U64:
		v->v.u = kind == 0 ? UINT64_MAX - i : kind == 1 ? rnd() % 100 : rnd();
		break;
	case SB_T_F64:
		v->v.f = random_double(kind, i);
		break;
	default:
		for (size_t k = 0; k < sizeof(text); k++)
			text[k] = (char)rnd();
		size_t n = rnd() % 40;
		size_t at = kind & 1 ? 64 * (rnd() % 5) : 64UL * i;
		memcpy(pool + at, text, kind & 1 ? 0 : n);
		v->v.blob = (struct sb_bytes){ (const uint8_t *)pool + at, kind & 1 ? 5 : n };
	}
}

static void random_sample(uint32_t n)
{
	int64_t ts = rnd() % 8 ? BASE + (int64_t)(rnd() % 1000000) * 1000000
	                       : (int64_t)(rnd() >> 2);
	int64_t step = rnd() % 3 ? 60000000000 : 1 + (int64_t)(rnd() % 5000000000);
	int64_t jitter = rnd() % 2 ? 0 : step / 2;
	int rx = (int)(rnd() % 3), flags = (int)(rnd() % 3);
	uint8_t columns = (uint8_t)(1 + rnd() % 8), types[8], at[8];
	int kinds[8], gaps[8];
	for (uint8_t c = 0; c < columns; c++) {
		types[c] = (uint8_t)(rnd() % 2 ? SB_T_F64 : 1 + rnd() % 6);
		kinds[c] = (int)(rnd() % 8);
		gaps[c] = (int)(rnd() % 3);
		at[c] = (uint8_t)(c * 8);
	}
	sample.n = n;
	for (uint32_t i = 0; i < n; i++) {
		struct row *row = &sample.rows[i];
		memset(row, 0, sizeof(*row));
		ts += step + (jitter ? (int64_t)(rnd() % (uint64_t)jitter) - jitter / 2 : 0) + 1;
		row->ts_ns = ts;
		row->rx_ns = rx == 0 ? ts : rx == 1 ? ts + 5000000 : (int64_t)rnd();
		row->flags = (uint16_t)(flags == 0 ? 0 : flags == 1 ? 1 : rnd());
		for (uint8_t c = 0; c < columns; c++) {
			if (gaps[c] == 1 && rnd() % 4 == 0)
				continue;
			if (gaps[c] == 2 && i < n / 2)
				continue;
			row->values[row->n].column = at[c];
			random_value(&row->values[row->n++], types[c], kinds[c], i);
		}
	}
}

static void every_row_comes_back_bit_for_bit(void **state)
{
	(void)state;
	for (int round = 0; round < 3000; round++) {
		random_sample(round < 50 ? 1 + (uint32_t)round % 5
		                         : 1 + (uint32_t)(rnd() % CHUNK_ROWS));
		encode();
		check_chunk();
	}
}

static void a_steady_sensor_costs_less_than_a_byte_a_point(void **state)
{
	(void)state;
	sample.n = 240;
	double level[4] = { 20, 45, 1013, 400 };
	for (uint32_t i = 0; i < sample.n; i++) {
		struct row *row = &sample.rows[i];
		memset(row, 0, sizeof(*row));
		row->ts_ns = BASE + i * 60000000000LL + (int64_t)(rnd() % 80) * 1000000;
		row->rx_ns = row->ts_ns;
		for (uint8_t c = 0; c < 4; c++) {
			level[c] += ((double)(rnd() % 3) - 1) / 10;
			row->values[row->n++] = (struct row_value){
				.column = c, .type = SB_T_F64, .v.f = round(level[c] * 10) / 10
			};
		}
	}
	encode();
	check_chunk();
	assert_in_range(bytes.n, 1, 240 * 4 * 80 / 100);
}

static void a_chunk_ends_when_its_texts_become_large(void **state)
{
	(void)state;
	struct row row = { .n = 1, .values = { { .type = SB_T_STR } } };
	row.values[0].v.blob = (struct sb_bytes){ (const uint8_t *)pool, 20000 };
	for (int i = 0; i < 4; i++) {
		assert_true(chunk_writer_room(&writer, 1));
		row.ts_ns++;
		assert_int_equal(chunk_writer_add(&writer, &row), 0);
	}
	assert_false(chunk_writer_room(&writer, 1));
	assert_int_equal(chunk_writer_end(&writer, &bytes), 0);
	assert_true(chunk_writer_room(&writer, 1));
}

static void a_value_of_another_type_is_left_out(void **state)
{
	(void)state;
	struct row row = { .ts_ns = 1, .n = 1, .values = { { .type = SB_T_I64 } } };
	assert_int_equal(chunk_writer_add(&writer, &row), 0);
	row.ts_ns = 2;
	row.values[0].type = SB_T_F64;
	assert_int_equal(chunk_writer_add(&writer, &row), SB_E_TYPE);
	assert_int_equal(chunk_writer_end(&writer, &bytes), 0);
}

static void any_flipped_bit_is_noticed(void **state)
{
	(void)state;
	struct chunk ch;
	random_sample(100);
	encode();
	for (size_t i = 0; i < bytes.n * 8; i++) {
		bytes.p[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(chunk_open(&ch, (struct sb_bytes){ bytes.p, bytes.n }),
		                 SB_E_CORRUPT);
		bytes.p[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	for (size_t n = 0; n < bytes.n; n++)
		assert_int_equal(chunk_open(&ch, (struct sb_bytes){ bytes.p, n }), SB_E_CORRUPT);
}

static void read_all(struct sb_bytes data)
{
	struct chunk ch;
	int64_t ts[COLUMN_ROWS_MAX], rx[COLUMN_ROWS_MAX];
	uint16_t flags[COLUMN_ROWS_MAX];
	if (chunk_open(&ch, data) < 0)
		return;
	if (chunk_times(&ch, ts) >= 0)
		(void)chunk_arrivals(&ch, ts, rx);
	(void)chunk_flags(&ch, flags);
	for (int i = 0; i < ch.columns; i++) {
		struct column col = { 0 };
		struct column_stats st;
		(void)chunk_stats(&ch, i, &st);
		(void)chunk_column(&ch, i, &col);
		column_fini(&col);
	}
}

static void damage_behind_a_good_checksum_is_harmless(void **state)
{
	(void)state;
	for (int round = 0; round < 300; round++) {
		random_sample(1 + (uint32_t)(rnd() % 60));
		encode();
		for (int k = 0; k < 50; k++) {
			size_t at = 6 + rnd() % (bytes.n - 6);
			uint8_t old = bytes.p[at];
			bytes.p[at] = (uint8_t)rnd();
			uint32_t crc = crc32c(crc32c(0, bytes.p + 1, 1), bytes.p + 6, bytes.n - 6);
			memcpy(bytes.p + 2, &crc, 4);
			uint8_t *exact = malloc(bytes.n);
			memcpy(exact, bytes.p, bytes.n);
			read_all((struct sb_bytes){ exact, bytes.n });
			free(exact);
			bytes.p[at] = rnd() % 2 ? old : bytes.p[at];
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_comes_back_bit_for_bit),
		cmocka_unit_test(a_steady_sensor_costs_less_than_a_byte_a_point),
		cmocka_unit_test(a_chunk_ends_when_its_texts_become_large),
		cmocka_unit_test(a_value_of_another_type_is_left_out),
		cmocka_unit_test(any_flipped_bit_is_noticed),
		cmocka_unit_test(damage_behind_a_good_checksum_is_harmless),
	};
	return cmocka_run_group_tests(tests, NULL, sample_fini);
}
