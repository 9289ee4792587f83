#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "check.h"
#include "series/tierchunk.h"
#include "series/tierwrite.h"

#define BASE 1764547200000000000LL /* 2025-12-01 */

static uint64_t seed = 88172645463325252ULL;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

enum shape { STEADY, COUNTER, NOISE, SWITCH, EXTREME };

static struct series_point point_of(enum shape shape, uint64_t *total)
{
	struct series_point p = { .type = SB_T_F64 };
	p.quality = rnd() % 50 ? 0 : 0x40;
	p.flags = rnd() % 60 ? 0 : SB_P_LATE;
	switch (shape) {
	case STEADY:
		p.v.f = 20 + (double)(rnd() % 50) / 10;
		break;
	case COUNTER:
		*total = rnd() % 3000 ? *total + rnd() % 20 : 0;
		p.type = SB_T_U64;
		p.v.u = *total;
		break;
	case NOISE:
		p.v.f = (double)rnd() * 0x1p-63 - 1;
		break;
	case SWITCH:
		p.type = SB_T_BOOL;
		p.v.i = rnd() % 2;
		break;
	case EXTREME:
		p.type = SB_T_I64;
		p.v.u = rnd() % 2 ? rnd() : rnd() % 2 ? (uint64_t)INT64_MIN : 0;
		break;
	}
	return p;
}

/* Some periods have nothing. */
static uint32_t rows_make(struct tier_row *rows, enum shape shape, enum tier tier, uint32_t periods)
{
	uint64_t total = 0;
	uint32_t n = 0;
	for (uint32_t i = 0; i < periods; i++) {
		int64_t t = BASE + i * tier_width(tier);
		if (rnd() % 9 == 0)
			continue;
		rows[n] = (struct tier_row){ .t_ns = t };
		uint32_t points = 1 + (uint32_t)(rnd() % 60);
		for (uint32_t k = 0; k < points; k++) {
			struct series_point p = point_of(shape, &total);
			p.ts_ns = t + tier_width(tier) / points * k +
			          (int64_t)(rnd() % 80) * 1000000;
			tier_add(&rows[n], &p);
		}
		n++;
	}
	return n;
}

static void check_edge(const struct series_point *a, const struct series_point *b)
{
	assert_int_equal(a->ts_ns, b->ts_ns);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->quality, b->quality);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->v.u, b->v.u);
}

static void check_row(const struct tier_row *a, const struct tier_row *b, bool counter)
{
	double span = (double)(a->s.last.ts_ns - a->s.first.ts_ns);
	double most = fmax(fabs(b->s.min), fabs(b->s.max));
	assert_int_equal(a->t_ns, b->t_ns);
	assert_int_equal(a->s.count, b->s.count);
	assert_true(a->s.min == b->s.min && a->s.max == b->s.max);
	assert_true(fabs(a->s.sum - b->s.sum) <= 1e-14 * (double)b->s.count * most * 60);
	check_edge(&a->s.first, &b->s.first);
	check_edge(&a->s.last, &b->s.last);
	assert_true(a->s.has & SERIES_AREA);
	assert_true(fabs(a->s.area - b->s.area) <= span * fmax(1e-3, 1e-6 * most));
	assert_true(!counter || a->s.has & SERIES_INCREASE);
	assert_true(!(a->s.has & SERIES_INCREASE) ||
	            fabs(a->s.increase - b->s.increase) <= 1e-9 * (1 + most * 60));
}

static void rows_come_back(void **state)
{
	static struct tier_row rows[5][TIERCHUNK_ROWS], back[TIERCHUNK_ROWS];
	struct tierwrite_column columns[5];
	struct buffer bytes = { 0 };
	struct tierchunk ch;
	(void)state;
	for (enum tier tier = 0; tier < TIERS; tier++) {
		struct tierchunk_facts facts = { tier, BASE, 1 + (uint32_t)(rnd() % 480) };
		for (uint8_t s = 0; s < 5; s++) {
			uint32_t n = rows_make(rows[s], (enum shape)s, tier, facts.periods);
			columns[s] = (struct tierwrite_column){ (uint8_t)(3 * s),
				                                rows[s][0].s.first.type, rows[s],
				                                n };
		}
		assert_int_equal(tierwrite_chunk(&bytes, &facts, columns, 5), 0);
		assert_int_equal(tierchunk_open(&ch, (struct sb_bytes){ bytes.p, bytes.n }), 0);
		assert_int_equal(ch.facts.tier, tier);
		assert_int_equal(ch.facts.from_ns, BASE);
		assert_int_equal(ch.facts.periods, facts.periods);
		assert_int_equal(tierchunk_rows(&ch, 1, back), 0);
		for (uint8_t s = 0; s < 5; s++) {
			int n = tierchunk_rows(&ch, (uint8_t)(3 * s), back);
			assert_int_equal(n, columns[s].n);
			for (int i = 0; i < n; i++)
				check_row(&back[i], &rows[s][i], s == COUNTER);
		}
	}
	buffer_fini(&bytes);
}

static void a_chunk_without_rows_covers_its_time(void **state)
{
	struct tierchunk_facts facts = { TIER_HOUR, BASE, 24 };
	struct buffer bytes = { 0 };
	struct tierchunk ch;
	(void)state;
	assert_int_equal(tierwrite_chunk(&bytes, &facts, NULL, 0), 0);
	assert_int_equal(tierchunk_open(&ch, (struct sb_bytes){ bytes.p, bytes.n }), 0);
	assert_int_equal(ch.facts.periods, 24);
	assert_int_equal(ch.rows, 0);
	buffer_fini(&bytes);
}

static void fields_of_one_message_share_their_times(void **state)
{
	static struct tier_row rows[2][TIERCHUNK_ROWS];
	struct tierchunk_facts facts = { TIER_HOUR, BASE, 480 };
	struct tierwrite_column columns[2];
	struct buffer one = { 0 };
	struct buffer two = { 0 };
	(void)state;
	uint32_t n = rows_make(rows[0], STEADY, TIER_HOUR, 480);
	memcpy(rows[1], rows[0], sizeof(rows[0]));
	for (uint8_t i = 0; i < 2; i++)
		columns[i] = (struct tierwrite_column){ i, SB_T_F64, rows[i], n };
	assert_int_equal(tierwrite_chunk(&one, &facts, columns, 1), 0);
	assert_int_equal(tierwrite_chunk(&two, &facts, columns, 2), 0);
	/* What a row costs: hours of 30 values at a tenth of a degree. */
	assert_in_range(one.n / n, 1, 16);
	assert_in_range((two.n - one.n) / n, 1, 8);
	buffer_fini(&one);
	buffer_fini(&two);
}

static void damage_is_found(void **state)
{
	static struct tier_row rows[TIERCHUNK_ROWS];
	struct tierchunk_facts facts = { TIER_HOUR, BASE, 48 };
	struct buffer bytes = { 0 };
	struct tierchunk ch;
	(void)state;
	struct tierwrite_column column = { 0, SB_T_F64, rows,
		                           rows_make(rows, STEADY, TIER_HOUR, 48) };
	assert_int_equal(tierwrite_chunk(&bytes, &facts, &column, 1), 0);
	for (size_t i = 0; i < bytes.n; i++) {
		bytes.p[i] ^= (uint8_t)(1 + rnd() % 255);
		assert_int_equal(tierchunk_open(&ch, (struct sb_bytes){ bytes.p, bytes.n }),
		                 SB_E_CORRUPT);
		assert_int_equal(tierchunk_open(&ch, (struct sb_bytes){ bytes.p, i }),
		                 SB_E_CORRUPT);
		assert_int_equal(tierwrite_chunk(&bytes, &facts, &column, 1), 0);
	}
	buffer_fini(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_come_back),
		cmocka_unit_test(a_chunk_without_rows_covers_its_time),
		cmocka_unit_test(fields_of_one_message_share_their_times),
		cmocka_unit_test(damage_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
