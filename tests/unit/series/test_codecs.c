#include <math.h>
#include <stdio.h>
#include <string.h>

#include "series/chunk_format1.h"
#include "series/chunk_sample.h"

/* ---- what every codec must bring back */

static const uint64_t odd_doubles[] = {
	0x8000000000000000, /* -0 */
	0,
	0x7ff0000000000000, /* +-inf */
	0xfff0000000000000,
	0x7ff8000000000000, /* NaN, quiet and signalling, with payloads */
	0x7ff8000000000001,
	0xfff8dead0000beef,
	0x7ff0000000000001,
	0xfff7ffffffffffff,
	1, /* denormals */
	0x800fffffffffffff,
	0x0010000000000000, /* the least normal */
	0x7fefffffffffffff, /* the greatest */
	0x3fb999999999999a, /* 0.1 */
	0x3fb99999a0000000, /* 0.1 as a float of 32 bits */
	0x433fffffffffffff, /* 2^53 - 1 and beyond */
	0x4340000000000000,
	0x43e0000000000000, /* 2^63 */
	0x43f0000000000000, /* 2^64 */
};

static const int64_t odd_ints[] = { INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX };

static void row_begin(struct row *row, uint32_t i)
{
	memset(row, 0, sizeof(*row));
	row->ts_ns = row->rx_ns = BASE + (int64_t)i * 60000000000LL;
}

static void value_put(struct row *row, struct row_value v)
{
	v.column = (uint8_t)row->n;
	row->values[row->n++] = v;
}

/* Alone, two by two, and among numbers of every codec: constant, decimals, floats of 32 bits,
 * noise. */
static double plain_double(uint32_t kind, uint32_t i)
{
	switch (kind) {
	case 0:
		return 21.5;
	case 1:
		return (double)(200 + i % 13) / 10;
	case 2:
		return (double)((float)(2000 + i % 300) / 100.0F);
	default:
		return sin(i) / 3;
	}
}

static void every_odd_double_comes_back_among_any_others(void **state)
{
	(void)state;
	size_t n = sizeof(odd_doubles) / sizeof(odd_doubles[0]);
	for (uint32_t kind = 0; kind < 4; kind++)
		for (uint32_t every = 1; every < 130; every = every * 2 + 1) {
			sample.n = CHUNK_ROWS;
			for (uint32_t i = 0; i < sample.n; i++) {
				struct row *row = &sample.rows[i];
				row_begin(row, i);
				for (uint32_t c = 0; c < 8; c++) {
					bool odd = (i + c) % every == 0;
					uint64_t bits = odd_doubles[(i / every + c) % n];
					double v = odd ? double_of(bits) : plain_double(kind, i);
					value_put(row,
					          (struct row_value){ .type = SB_T_F64, .v.f = v });
				}
			}
			encode();
			check_chunk();
		}
}

static void every_odd_integer_comes_back(void **state)
{
	(void)state;
	size_t n = sizeof(odd_ints) / sizeof(odd_ints[0]);
	for (uint32_t every = 1; every < 100; every = every * 3) {
		sample.n = 1 + CHUNK_ROWS / 2;
		for (uint32_t i = 0; i < sample.n; i++) {
			struct row *row = &sample.rows[i];
			bool odd = i % every == 0;
			row_begin(row, i);
			value_put(row, (struct row_value){ .type = SB_T_I64,
			                                   .v.i = odd ? odd_ints[rnd() % n] : i });
			value_put(row,
			          (struct row_value){ .type = SB_T_U64,
			                              .v.u = odd ? UINT64_MAX - rnd() % 2 : i });
			value_put(row, (struct row_value){ .type = SB_T_U64, .v.u = UINT64_MAX });
			value_put(row, (struct row_value){ .type = SB_T_I64, .v.i = INT64_MIN });
			value_put(row, (struct row_value){ .type = SB_T_BOOL, .v.i = odd });
		}
		encode();
		check_chunk();
	}
}

static void times_of_any_kind_come_back(void **state)
{
	static const int64_t steps[] = {
		0, 1, 1000003, 100000000, 900000000000, 7 * 3600000000000
	};
	static const int64_t firsts[] = { INT64_MIN, -1, 0, BASE, BASE + 1, 7258118400000000000 };
	(void)state;
	for (size_t k = 0; k < 36; k++) {
		int64_t ts = firsts[k % 6];
		sample.n = 200;
		for (uint32_t i = 0; i < sample.n; i++) {
			struct row *row = &sample.rows[i];
			row_begin(row, i);
			row->ts_ns = ts;
			row->rx_ns = k % 7 ? ts : odd_ints[rnd() % 7];
			value_put(row, (struct row_value){ .type = SB_T_BOOL });
			if (__builtin_add_overflow(ts, steps[k / 6] * (int64_t)(rnd() % 5), &ts))
				ts = INT64_MAX;
		}
		encode();
		check_chunk();
	}
	sample.n = 2; /* as far apart as can be */
	for (uint32_t i = 0; i < 2; i++) {
		row_begin(&sample.rows[i], i);
		sample.rows[i].ts_ns = i ? INT64_MAX : INT64_MIN;
		sample.rows[i].rx_ns = i ? INT64_MIN : 0;
		value_put(&sample.rows[i], (struct row_value){ .type = SB_T_BOOL });
	}
	encode();
	check_chunk();
}

/* Irregular reports, of which all lie on a grid of `grid_ns`. */
static size_t cost_of_grid(int64_t grid_ns)
{
	seed = 88172645463325252ULL;
	int64_t ts = BASE / grid_ns * grid_ns + 12345;
	sample.n = 240;
	for (uint32_t i = 0; i < sample.n; i++) {
		row_begin(&sample.rows[i], i);
		ts += (int64_t)((1 + rnd() % 40) * (uint64_t)(15000000000 / grid_ns)) * grid_ns;
		ts += grid_ns * (int64_t)(rnd() % (uint64_t)(15000000000 / grid_ns));
		sample.rows[i].ts_ns = sample.rows[i].rx_ns = ts;
		value_put(&sample.rows[i], (struct row_value){ .type = SB_T_BOOL });
	}
	encode();
	check_chunk();
	return bytes.n;
}

static void a_coarser_grid_of_times_costs_less(void **state)
{
	(void)state;
	size_t ns = cost_of_grid(1);
	size_t ms = cost_of_grid(1000000);
	size_t quarter = cost_of_grid(250000000); /* no unit anybody thought of */
	size_t fifteen = cost_of_grid(15000000000);
	assert_true(ms + 240 * 2 < ns);
	assert_true(quarter + 240 * 3 / 4 < ms);
	assert_true(fifteen + 240 / 2 < quarter);
	assert_in_range(fifteen, 1, 240);
}

/* Few and short, few and long, many alike, noise, none at all, the longest. */
static struct sb_bytes text_of(uint32_t kind, uint32_t i)
{
	static char text[CHUNK_ROWS][160];
	char *p = text[i];
	static char long_one[ROW_TEXT_MAX];
	switch (kind) {
	case 0:
		(void)snprintf(p, 160, "state %u", i % 3);
		break;
	case 1:
		(void)snprintf(p, 160, "a long sentence that is said again and again, number %u",
		               i % 40);
		break;
	case 2:
		(void)snprintf(p, 160, "{\"event\":\"door\",\"seq\":%u,\"by\":\"user %llu\"}", i,
		               (unsigned long long)(rnd() % 1000));
		break;
	case 3:
		for (int k = 0; k < 100; k++)
			p[k] = (char)rnd();
		return (struct sb_bytes){ (const uint8_t *)p, rnd() % 100 };
	case 4:
		return (struct sb_bytes){ NULL, 0 };
	default:
		memset(long_one, 'x', sizeof(long_one));
		return (struct sb_bytes){ (const uint8_t *)long_one, i ? 0 : sizeof(long_one) };
	}
	return (struct sb_bytes){ (const uint8_t *)p, strlen(p) };
}

static size_t cost_of_texts(uint32_t kind, uint32_t n)
{
	sample.n = n;
	for (uint32_t i = 0; i < n; i++) {
		row_begin(&sample.rows[i], i);
		value_put(&sample.rows[i],
		          (struct row_value){ .type = SB_T_STR, .v.blob = text_of(kind, i) });
	}
	encode();
	check_chunk();
	return bytes.n;
}

static void texts_of_any_kind_come_back_and_cost_what_is_new_in_them(void **state)
{
	(void)state;
	for (uint32_t kind = 0; kind < 6; kind++)
		for (uint32_t n = 1; n <= 3; n++)
			(void)cost_of_texts(kind, n);
	assert_in_range(cost_of_texts(0, 480), 1, 200);
	assert_in_range(cost_of_texts(1, 480), 1, 1000);
	assert_in_range(cost_of_texts(2, 480), 1, 480 * 44 / 5);
	(void)cost_of_texts(3, 480);
	assert_in_range(cost_of_texts(4, 480), 1, 100);
	assert_in_range(cost_of_texts(5, 480), 1, 300);
}

/* ---- what was written before */

static void old_row(uint32_t i)
{
	static const char *const texts[] = { "open", "closed", "a longer text that says why" };
	const char *text = texts[i % 3];
	struct row *row = &sample.rows[i];
	row_begin(row, i);
	row->ts_ns += (int64_t)(i * 7919 % 83) * 1000000;
	row->flags = i > 30 ? 2 : 0;
	row->rx_ns = row->ts_ns + i % 5 * 1000000;
	value_put(row,
	          (struct row_value){ .type = SB_T_F64, .v.f = (double)(200 + i * i % 17) / 10 });
	if (i % 3)
		row->values[row->n++] = (struct row_value){
			.column = 1, .type = SB_T_I64, .quality = i == 4 ? 64 : 0, .v.i = i * 1000
		};
	row->values[row->n++] =
		(struct row_value){ .column = 2, .type = SB_T_BOOL, .v.i = i / 9 & 1 };
	row->values[row->n++] = (struct row_value){
		.column = 3, .type = SB_T_STR, .v.blob = { (const uint8_t *)text, strlen(text) }
	};
	row->values[row->n++] =
		(struct row_value){ .column = 5, .type = SB_T_F64, .v.f = 1.0 / (1 + i) };
	row->values[row->n++] =
		(struct row_value){ .column = 9, .type = SB_T_U64, .v.u = UINT64_MAX - i * i };
}

static void chunks_of_earlier_builds_stay_readable(void **state)
{
	(void)state;
	sample.n = 40;
	for (uint32_t i = 0; i < sample.n; i++)
		old_row(i);
	buffer_reset(&bytes);
	buffer_give(&bytes, chunk_format1, sizeof(chunk_format1));
	check_chunk();
	encode();
	assert_int_equal(bytes.p[0], 2);
	assert_true(bytes.n < sizeof(chunk_format1));
	check_chunk();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_odd_double_comes_back_among_any_others),
		cmocka_unit_test(every_odd_integer_comes_back),
		cmocka_unit_test(times_of_any_kind_come_back),
		cmocka_unit_test(a_coarser_grid_of_times_costs_less),
		cmocka_unit_test(texts_of_any_kind_come_back_and_cost_what_is_new_in_them),
		cmocka_unit_test(chunks_of_earlier_builds_stay_readable),
	};
	return cmocka_run_group_tests(tests, NULL, sample_fini);
}
