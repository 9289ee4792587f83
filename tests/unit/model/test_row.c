#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "check.h"
#include "model/row.h"

static uint64_t next_random(uint64_t *state)
{
	*state += 0x9E3779B97F4A7C15u;
	uint64_t z = *state;
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

static const uint8_t bytes[ROW_TEXT_MAX] = "Grüße";

static double odd_double(uint64_t random)
{
	static const double values[] = {
		0.0,         -0.0, 5e-324, -5e-324, 1e308,      (double)INFINITY,
		(double)NAN, 21.5, 0.1,    -273.15, 1e-9,       9007199254740991.0,
		1e16,        1e22, 2.5e-8, 1.0 / 3, 4294967.295
	};
	double v = values[random % (sizeof(values) / sizeof(*values))];
	uint64_t bits = random;

	if (random >> 62 == 0) /* any bits at all: NaN payloads, denormals */
		memcpy(&v, &bits, sizeof(v));
	else if (random >> 62 == 1)
		v = (double)(int64_t)(random % 100000) / 100;
	return v;
}

static void fill_value(struct row_value *value, uint64_t *seed)
{
	uint64_t random = next_random(seed);

	value->type = (uint8_t)(SB_T_BOOL + random % SB_T_BYTES);
	value->quality = random >> 60 == 0 ? (uint8_t)(random >> 8) : 0;
	random = next_random(seed);
	value->v.u = 0;
	switch (value->type) {
	case SB_T_BOOL:
		value->v.i = random & 1;
		break;
	case SB_T_F64:
		value->v.f = odd_double(random);
		break;
	case SB_T_I64:
	case SB_T_U64:
		value->v.u = next_random(seed) >> random % 64;
		if (random >> 61 == 0)
			value->v.u = UINT64_MAX - (random >> 63);
		break;
	default:
		value->v.blob = (struct sb_bytes){ bytes,
			                           random % 64 ? random % 40 : ROW_TEXT_MAX };
	}
}

static int64_t odd_time(int64_t base, uint64_t random)
{
	switch (random % 6) {
	case 0:
		return (int64_t)random;
	case 1:
		return SB_TS_UNKNOWN;
	case 2:
		return base;
	case 3:
		return (int64_t)((uint64_t)(base - base % 1000000) + random % 2000000 * 1000000);
	case 4:
		return -(int64_t)(random >> 30) * 1000000;
	default:
		return (int64_t)((uint64_t)base + random % 100000 - 50000);
	}
}

static void fill_row(struct row *row, int64_t base, uint64_t *seed)
{
	uint64_t mask = next_random(seed);
	uint64_t kind = next_random(seed) % 4;

	if (kind == 0)
		mask = UINT64_MAX >> (mask % 64);
	else if (kind == 1)
		mask &= 0xFF;
	else if (kind == 2)
		mask = mask % 17 == 0 ? 0 : 1ULL << (mask % 64);
	row->stream = (uint32_t)(next_random(seed) >> (next_random(seed) % 33 + 31));
	row->flags = next_random(seed) % 3 ? 0 : (uint16_t)next_random(seed);
	row->ts_ns = odd_time(base, next_random(seed));
	row->rx_ns = odd_time(base, next_random(seed));
	row->n = 0;
	for (; mask; mask &= mask - 1) {
		struct row_value *value = &row->values[row->n++];

		value->column = (uint8_t)__builtin_ctzll(mask);
		fill_value(value, seed);
	}
}

static void expect_same(const struct row *a, const struct row *b)
{
	assert_int_equal(a->stream, b->stream);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->ts_ns, b->ts_ns);
	assert_int_equal(a->rx_ns, b->rx_ns);
	for (size_t i = 0; i < a->n; i++) {
		const struct row_value *x = &a->values[i];
		const struct row_value *y = &b->values[i];

		assert_int_equal(x->column, y->column);
		assert_int_equal(x->type, y->type);
		assert_int_equal(x->quality, y->quality);
		if (x->type < SB_T_STR) {
			assert_int_equal(x->v.u, y->v.u);
			continue;
		}
		assert_int_equal(x->v.blob.n, y->v.blob.n);
		assert_memory_equal(x->v.blob.p, y->v.blob.p, x->v.blob.n);
	}
}

static void every_row_comes_back_bit_for_bit(void **state)
{
	struct buffer out = { 0 };
	uint64_t seed = 2026;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		int64_t base = odd_time(1790000000123456789, next_random(&seed));
		struct row in = { 0 };
		struct row back = { 0 };
		struct cursor c;

		fill_row(&in, base, &seed);
		buffer_reset(&out);
		row_give(&out, base, &in);
		assert_false(out.bad);
		c = cursor_of(out.p, out.n);
		assert_int_equal(row_take(&c, base, &back), 0);
		assert_int_equal(cursor_left(&c), 0);
		expect_same(&in, &back);
	}
	buffer_fini(&out);
}

static void a_cut_row_is_corrupt(void **state)
{
	struct buffer out = { 0 };
	uint64_t seed = 5;

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct row in = { 0 };
		struct row back = { 0 };

		fill_row(&in, 0, &seed);
		buffer_reset(&out);
		row_give(&out, 0, &in);
		for (size_t n = 0; n < out.n && n < 500; n++) {
			uint8_t *exact = malloc(n ? n : 1); /* so that a read behind it is seen */
			struct cursor c = cursor_of(exact, n);

			memcpy(exact, out.p, n);
			assert_int_equal(row_take(&c, 0, &back), SB_E_CORRUPT);
			free(exact);
		}
	}
	buffer_fini(&out);
}

static void damaged_rows_never_lead_outside(void **state)
{
	struct buffer out = { 0 };
	uint64_t seed = 6;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct row in = { 0 };
		struct row back = { 0 };
		struct cursor c;

		fill_row(&in, 0, &seed);
		buffer_reset(&out);
		row_give(&out, 0, &in);
		out.p[next_random(&seed) % (out.n < 64 ? out.n : 64)] ^= (uint8_t)next_random(
			&seed);
		c = cursor_of(out.p, out.n);
		if (row_take(&c, 0, &back) < 0)
			continue;
		assert_true(back.n <= ROW_COLUMNS_MAX);
		for (size_t k = 0; k < back.n; k++)
			assert_true(back.values[k].type >= SB_T_BOOL &&
			            back.values[k].type <= SB_T_BYTES);
	}
	buffer_fini(&out);
}

static void usual_sensor_rows_cost_four_bytes_a_point(void **state)
{
	int64_t base = 1790000000123456789;
	struct buffer out = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct row row = { .stream = 150 + (uint32_t)i, .n = 4 };

		row.ts_ns = base - base % 1000000 - 25000000;
		row.rx_ns = base + i * 20000;
		for (uint8_t k = 0; k < 4; k++)
			row.values[k] = (struct row_value){ .column = k, .type = SB_T_F64 };
		row.values[0].v.f = 21.5;
		row.values[1].v.f = 47.25;
		row.values[2].v.f = 1013.2;
		row.values[3].v.f = 640;
		row_give(&out, base, &row);
	}
	assert_true(out.n <= 100 * 4 * 5);
	buffer_fini(&out);
}

static void what_is_no_row_makes_the_buffer_bad(void **state)
{
	struct row row = { .n = 2 };

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct buffer out = { 0 };

		row.n = i == 4 ? 65 : 2;
		row.values[0] = (struct row_value){ .column = 3, .type = SB_T_F64 };
		row.values[1] = (struct row_value){ .column = 4, .type = SB_T_F64 };
		if (i == 0)
			row.values[1].column = 3;
		if (i == 1)
			row.values[1].column = 64;
		if (i == 2)
			row.values[1].type = SB_T_NULL;
		if (i == 3) {
			row.values[1].type = SB_T_BYTES;
			row.values[1].v.blob = (struct sb_bytes){ bytes, ROW_TEXT_MAX + 1 };
		}
		row_give(&out, 0, &row);
		assert_true(out.bad);
		buffer_fini(&out);
	}
}

static void a_buffer_with_a_limit_takes_a_row_that_just_fits(void **state)
{
	struct row row = { .stream = 1, .n = 1 };
	struct buffer out = { .max = 5 };

	(void)state;
	row.values[0] = (struct row_value){ .type = SB_T_BOOL, .v.i = 1 };
	row_give(&out, 0, &row); /* stream, head, ts, tags */
	assert_false(out.bad);
	assert_int_equal(out.n, 4);
	row_give(&out, 0, &row);
	assert_true(out.bad);
	assert_int_equal(out.n, 4);
	buffer_fini(&out);
}

/* Earlier builds told the number of columns behind the times, always. */
static void rows_of_earlier_builds_stay_readable(void **state)
{
	static const uint8_t old[] = { 1, 2 | 8, 0, 2, 0xDE };
	static const uint8_t both[] = { 1, 2 | 8 | 2 << 5, 0, 2, 0xDE };
	struct cursor c = cursor_of(old, sizeof(old));
	struct row_head head;
	struct row row;

	(void)state;
	assert_int_equal(row_peek(&c, 5000000, &head), 0);
	assert_int_equal(head.columns, 3);
	assert_int_equal(row_take(&c, 5000000, &row), 0);
	assert_int_equal(cursor_left(&c), 0);
	assert_int_equal(row.stream, 1);
	assert_int_equal(row.n, 2);
	assert_int_equal(row.ts_ns, 5000000);
	assert_int_equal(head.ts_ns, row.ts_ns);
	assert_int_equal(row.rx_ns, row.ts_ns);
	assert_int_equal(row.values[0].v.i, 1);
	assert_int_equal(row.values[1].v.i, 0);
	c = cursor_of(both, sizeof(both));
	assert_int_equal(row_take(&c, 0, &row), SB_E_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_comes_back_bit_for_bit),
		cmocka_unit_test(a_cut_row_is_corrupt),
		cmocka_unit_test(damaged_rows_never_lead_outside),
		cmocka_unit_test(usual_sensor_rows_cost_four_bytes_a_point),
		cmocka_unit_test(what_is_no_row_makes_the_buffer_bad),
		cmocka_unit_test(rows_of_earlier_builds_stay_readable),
		cmocka_unit_test(a_buffer_with_a_limit_takes_a_row_that_just_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
