#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/zone.h"
#include "check.h"
#include "series/fake_world.h"
#include "series/grid.h"
#include "series/series.h"

#define BUCKETS 20000
#define STATES  64

/* ---- what every bucket should say, told by the definitions */

struct expected {
	struct series_bucket b;
	struct series_state states[STATES];
	size_t n_states;
	double quantiles[3];
};

static struct series_point all[WORLD_POINTS]; /* of a series, in order of time */
static size_t n_all;
static struct expected model[BUCKETS], got[BUCKETS];
static size_t n_model, n_got;
static const double quantiles[] = { 0.5, 0.95, 0.99 };
static struct zone *berlin, *sao_paulo;

static int by_time(const void *a, const void *b)
{
	const struct series_point *x = a, *y = b;
	return (x->ts_ns > y->ts_ns) - (x->ts_ns < y->ts_ns);
}

static void collect(uint8_t series)
{
	n_all = 0;
	for (size_t i = 0; i < world.n; i++)
		if (world.points[i].series == series && world.points[i].live)
			all[n_all++] = world.points[i].p;
	qsort(all, n_all, sizeof(all[0]), by_time);
}

static bool number_of(const struct series_point *p, double *v)
{
	*v = p->type == SB_T_F64 ? p->v.f : p->type == SB_T_STR ? (double)NAN : (double)p->v.i;
	return !isnan(*v);
}

static bool same(const struct series_point *a, const struct series_point *b)
{
	double x, y;
	bool first = number_of(a, &x);
	bool second = number_of(b, &y);
	bool numbers = first && second;
	if ((a->type == SB_T_STR) != (b->type == SB_T_STR) ||
	    (a->type == SB_T_BOOL) != (b->type == SB_T_BOOL))
		return false;
	if (a->type == SB_T_STR)
		return a->v.blob.n == b->v.blob.n &&
		       memcmp(a->v.blob.p, b->v.blob.p, a->v.blob.n) == 0;
	return numbers ? x == y : isnan(x) && isnan(y);
}

static double grown(double from, double to)
{
	return to >= from ? to - from : to > 0 ? to : 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void model_numbers(struct expected *e, int64_t lo, int64_t hi)
{
	static double sorted[WORLD_POINTS];
	struct series_bucket *b = &e->b;
	double last = (double)NAN, v;
	size_t n = 0;
	b->min = b->max = b->sum = (double)NAN;
	for (size_t i = 0; i < n_all && all[i].ts_ns < hi; i++) {
		bool number = number_of(&all[i], &v);
		if (all[i].ts_ns < lo) {
			last = number ? v : last;
			continue;
		}
		if (b->first.type == SB_T_NULL)
			b->first = all[i];
		b->last = all[i];
		b->count += number || all[i].type == SB_T_STR;
		if (i && !same(&all[i - 1], &all[i]))
			b->transitions++;
		if (!number)
			continue;
		b->min = n ? fmin(b->min, v) : v;
		b->max = n ? fmax(b->max, v) : v;
		b->sum = n ? b->sum + v : v;
		if (!isnan(last))
			*(n ? &b->increase : &b->step) += grown(last, v);
		sorted[n++] = last = v;
	}
	qsort(sorted, n, sizeof(sorted[0]), by_value);
	for (size_t i = 0; i < 3; i++) {
		size_t place = (size_t)ceil(quantiles[i] * (double)n);
		e->quantiles[i] = n ? sorted[place ? place - 1 : 0] : (double)NAN;
	}
}

static void model_state(struct expected *e, const struct series_point *p, int64_t ns)
{
	size_t i = 0;
	while (i < e->n_states && !same(&e->states[i].value, p))
		i++;
	if (i == STATES) {
		e->b.other_ns += ns;
		return;
	}
	if (i == e->n_states)
		e->states[e->n_states++].value = *p;
	e->states[i].held_ns += ns;
}

/* Every value holds until the next one that the query covers, the last until its end or now. */
static void model_held(struct expected *e, int64_t lo, int64_t hi, int64_t to, int64_t now)
{
	double v;
	for (size_t i = 0; i < n_all && all[i].ts_ns < hi; i++) {
		bool is_last = i + 1 == n_all || all[i + 1].ts_ns >= to;
		int64_t end = is_last ? (to < now ? to : now) : all[i + 1].ts_ns;
		int64_t begin = all[i].ts_ns > lo ? all[i].ts_ns : lo;
		end = end < hi ? end : hi;
		if (end <= begin)
			continue;
		model_state(e, &all[i], end - begin);
		if (!number_of(&all[i], &v))
			continue;
		e->b.area += v * (double)(end - begin);
		e->b.held_ns += end - begin;
	}
}

static void model_buckets(const struct series_query *q, const struct grid *grid, int64_t now)
{
	bool holds = q->want & (SERIES_AREA | SERIES_STATES);
	n_model = 0;
	if (!n_all)
		return;
	int64_t at = q->from_ns > all[0].ts_ns ? q->from_ns : all[0].ts_ns;
	int64_t end = all[n_all - 1].ts_ns + 1;
	if (holds && end < now)
		end = now;
	end = end < q->to_ns ? end : q->to_ns;
	while (at < end) {
		struct grid_cell c = grid_cell(grid, at);
		struct expected *e = &model[n_model];
		*e = (struct expected){ .b = { .t_ns = c.begin_ns, .last_ns = c.last_ns } };
		int64_t hi = c.last_ns + 1 < q->to_ns ? c.last_ns + 1 : q->to_ns;
		model_numbers(e, at, hi);
		model_held(e, at, hi, q->to_ns, now);
		bool fills = q->want & SERIES_STATES ? e->n_states > 0 : e->b.held_ns > 0;
		if (e->b.first.type != SB_T_NULL || (holds && fills))
			n_model++;
		assert_true(n_model < BUCKETS);
		at = c.last_ns + 1;
	}
}

/* ---- what comes */

static int on_bucket(void *ud, const struct series_bucket *b)
{
	struct expected *e = &got[n_got++];
	static char texts[BUCKETS][4][24];
	(void)ud;
	*e = (struct expected){ .b = *b, .n_states = b->n_states };
	memcpy(e->quantiles, b->quantiles, sizeof(e->quantiles));
	assert_true(b->n_states <= STATES && n_got <= BUCKETS);
	for (size_t i = 0; i < b->n_states; i++) {
		e->states[i] = b->states[i];
		assert_true(i == 0 || b->states[i - 1].held_ns >= b->states[i].held_ns);
		if (b->states[i].value.type != SB_T_STR)
			continue;
		char *text = texts[n_got - 1][i % 4];
		if (b->states[i].value.v.blob.n)
			memcpy(text, b->states[i].value.v.blob.p, b->states[i].value.v.blob.n);
		e->states[i].value.v.blob.p = (const uint8_t *)text;
	}
	return 0;
}

static void check_number(double a, double b, const char *what)
{
	if (!((isnan(a) && isnan(b)) || fabs(a - b) <= 1e-9 * (1 + fabs(b))))
		fail_msg("%s is %.12g, not %.12g", what, a, b);
}

static void check_states(const struct expected *a, const struct expected *b)
{
	assert_int_equal(a->n_states, b->n_states);
	assert_int_equal(a->b.other_ns, b->b.other_ns);
	for (size_t i = 0; i < b->n_states; i++) {
		size_t k = 0;
		while (k < a->n_states && !same(&a->states[k].value, &b->states[i].value))
			k++;
		assert_true(k < a->n_states);
		assert_int_equal(a->states[k].held_ns, b->states[i].held_ns);
	}
}

static void check_bucket(const struct expected *a, const struct expected *b, uint32_t want)
{
	assert_int_equal(a->b.t_ns, b->b.t_ns);
	assert_int_equal(a->b.last_ns, b->b.last_ns);
	assert_int_equal(a->b.count, b->b.count);
	assert_int_equal(a->b.first.type, b->b.first.type);
	check_number(a->b.min, b->b.min, "min");
	check_number(a->b.max, b->b.max, "max");
	check_number(a->b.sum, b->b.sum, "sum");
	if (b->b.first.type != SB_T_NULL) {
		assert_int_equal(a->b.first.ts_ns, b->b.first.ts_ns);
		assert_int_equal(a->b.last.ts_ns, b->b.last.ts_ns);
	}
	if (want & SERIES_INCREASE) {
		check_number(a->b.increase, b->b.increase, "increase");
		check_number(a->b.step, b->b.step, "step");
	}
	if (want & SERIES_AREA) {
		assert_int_equal(a->b.held_ns, b->b.held_ns);
		check_number(a->b.time_mean,
		             b->b.held_ns ? b->b.area / (double)b->b.held_ns : (double)NAN,
		             "time mean");
	}
	if (want & SERIES_STATES) {
		assert_int_equal(a->b.transitions, b->b.transitions);
		check_states(a, b);
	}
	for (int i = 0; i < 3 && (want & SERIES_QUANTILES); i++)
		if (b->b.count <= 1024)
			check_number(a->quantiles[i], b->quantiles[i], "quantile");
		else
			assert_true(fabs(a->quantiles[i] - b->quantiles[i]) <=
			            0.0100001 * fabs(b->quantiles[i]));
}

static void check_query(struct series_query *q, const struct grid *grid, uint8_t series,
                        int64_t now)
{
	q->series = world.series[series];
	q->grid = grid;
	q->bucket = on_bucket;
	q->quantiles = quantiles;
	q->n_quantiles = 3;
	collect(series);
	model_buckets(q, grid, now);
	n_got = 0;
	clock_set(now, 1);
	int r = series_db_query(world.db, q);
	clock_set(0, 0);
	assert_int_equal(r, 0);
	size_t n = q->limit && q->limit < n_model ? q->limit : n_model;
	assert_int_equal(n_got, n);
	for (size_t i = 0; i < n; i++)
		check_bucket(&got[i], &model[q->newest_first ? n_model - 1 - i : i], q->want);
}

static void check_random(int64_t from, int64_t to)
{
	static const char *const widths[] = { "15m", "1h", "6h", "1d", "1w", "1M", "7h", "2d" };
	uint64_t span = (uint64_t)(to - from);
	struct grid grid = { 0 };
	const char *width = widths[world_rnd() % 8];
	assert_int_equal(grid_parse(&grid, sb_str_of(width, strlen(width))), 0);
	grid.zone = world_rnd() % 3 == 0 ? NULL : world_rnd() % 2 ? berlin : sao_paulo;
	struct series_query q = { .from_ns = INT64_MIN, .to_ns = INT64_MAX };
	if (world_rnd() % 4) {
		q.from_ns = from + (int64_t)(world_rnd() % span);
		q.to_ns = q.from_ns + (int64_t)(world_rnd() % span);
	}
	q.want = (uint32_t)(world_rnd() % 16);
	q.newest_first = world_rnd() % 3 == 0;
	q.limit = world_rnd() % 3 ? 0 : world_rnd() % 20;
	int64_t now = from + (int64_t)(world_rnd() % (span + span / 4));
	check_query(&q, &grid, (uint8_t)(world_rnd() % WORLD_SERIES), now);
}

/* ---- tests */

static int setup(void **state)
{
	int r = zone_load(&berlin, SB_STR("Europe/Berlin"));
	if (r >= 0)
		r = zone_load(&sao_paulo, SB_STR("America/Sao_Paulo"));
	return r < 0 ? r : world_setup(state);
}

static int teardown(void **state)
{
	berlin = zone_free(berlin);
	sao_paulo = zone_free(sao_paulo);
	return world_teardown(state);
}

static void reopen(void)
{
	world_close();
	world.quiet = true;
	assert_int_equal(world_open(), 0);
	world.quiet = false;
}

/* Out of order, days late, the same again, corrected, flushed and started again anywhere. */
static void random_histories_match_the_definitions(void **state)
{
	(void)state;
	/* 2026-10-24, so that an hour comes twice */
	int64_t ts = 1792800000000000000LL, begin = ts;
	for (int step = 0; step < 2500; step++) {
		uint64_t what = world_rnd() % 100;
		if (what == 0)
			assert_int_equal(series_db_flush(world.db), 0);
		else if (what == 1 && step % 5 == 0)
			reopen();
		else if (what < 8)
			world_insert_random(ts - (int64_t)(world_rnd() % 4000) * WORLD_MINUTE);
		else if (what < 16)
			check_random(begin - 4000 * WORLD_MINUTE, ts + 600 * WORLD_MINUTE);
		else
			world_insert_random(ts += world_rnd() % 5 ? WORLD_MINUTE : 0);
		if (what == 20)
			ts += (int64_t)(world_rnd() % 900) * WORLD_MINUTE;
	}
	for (int i = 0; i < 250; i++)
		check_random(begin - 4000 * WORLD_MINUTE, ts + 600 * WORLD_MINUTE);
}

static void insert_number(double v, int64_t ts)
{
	struct row_value value = { .type = SB_T_F64 };
	uint8_t series = 0;
	value.v.f = v;
	world_insert(&value, &series, 1, ts, ts, 0);
}

/* Chunks of one value, chunks of many, a counter that begins again now and then. */
static void long_stretches_match_the_definitions(void **state)
{
	(void)state;
	double v = 0;
	for (int i = 0; i < 6000; i++) {
		if (i / 500 % 2)
			v += (double)(world_rnd() % 100) / 4;
		if (world_rnd() % 300 == 0)
			v = 3;
		insert_number(v, WORLD_BASE + i * WORLD_MINUTE);
		if (i % 2500 == 2400)
			assert_int_equal(series_db_flush(world.db), 0);
	}
	static const uint32_t wants[] = { SERIES_INCREASE, SERIES_AREA, SERIES_STATES,
		                          SERIES_QUANTILES, 15 };
	for (uint32_t i = 0; i < 20; i++) {
		struct grid grid = { .unit = i / 5 % 2 ? GRID_WEEKS : GRID_DAYS,
			             .n = 1,
			             .zone = berlin };
		struct series_query q = { .from_ns = INT64_MIN, .to_ns = INT64_MAX };
		q.want = wants[i % 5];
		q.newest_first = i & 1;
		q.from_ns = WORLD_BASE + i * 100 * WORLD_MINUTE;
		check_query(&q, &grid, 0, WORLD_BASE + 9000 * WORLD_MINUTE);
	}
}

static void a_value_that_flips_its_type_is_whole_in_every_answer(void **state)
{
	(void)state;
	static const char text[] = "fault";
	for (int i = 0; i < 900; i++) {
		struct row_value v = { .type = (uint8_t)(i % 4 == 3 ? SB_T_STR
			                                            : SB_T_BOOL + i % 4) };
		uint8_t series = 0;
		if (v.type == SB_T_STR)
			v.v.blob = (struct sb_bytes){ (const uint8_t *)text, 5 };
		else
			v.v.i = v.type == SB_T_BOOL ? i % 2 : i;
		world_insert(&v, &series, 1, WORLD_BASE + i * WORLD_MINUTE, WORLD_BASE, 0);
		if (i % 200 == 150)
			assert_int_equal(series_db_flush(world.db), 0);
	}
	for (int i = 0; i < 8; i++) {
		struct grid grid = { .unit = GRID_NS, .n = 7 * WORLD_MINUTE };
		struct series_query q = { .from_ns = INT64_MIN, .to_ns = INT64_MAX };
		q.want = i & 1 ? SERIES_INCREASE | SERIES_QUANTILES : 0;
		q.newest_first = i & 2;
		check_query(&q, &grid, 0, WORLD_BASE + 900 * WORLD_MINUTE);
	}
	/* Its facts name a column for each of them. */
	for (int t = SB_T_BOOL; t <= SB_T_STR; t++)
		assert_int_equal(world.series[0]->places[t].stream != 0, t != SB_T_F64);
}

static void what_a_counter_counted_is_the_same_in_any_buckets(void **state)
{
	(void)state;
	double total = 0, v = 1000;
	insert_number(v, WORLD_BASE - 100);
	for (int i = 0; i < 3000; i++) {
		double more = (double)(world_rnd() % 50);
		bool reset = world_rnd() % 500 == 0;
		v = reset ? more : v + more;
		total += more;
		insert_number(v, WORLD_BASE + i * WORLD_MINUTE);
	}
	assert_int_equal(series_db_flush(world.db), 0);
	static const int64_t widths[] = { 1, 7, 60, 1440, 100000 };
	for (int i = 0; i < 10; i++) {
		struct series_query q = { .series = world.series[0],
			                  .from_ns = WORLD_BASE,
			                  .to_ns = INT64_MAX,
			                  .bucket_ns = widths[i / 2] * WORLD_MINUTE,
			                  .want = SERIES_INCREASE,
			                  .newest_first = i & 1,
			                  .bucket = on_bucket };
		double sum = 0;
		n_got = 0;
		assert_int_equal(series_db_query(world.db, &q), 0);
		for (size_t k = 0; k < n_got; k++)
			sum += got[k].b.increase + got[k].b.step;
		check_number(sum, total, "what it counted");
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(random_histories_match_the_definitions),
		T(long_stretches_match_the_definitions),
		T(a_value_that_flips_its_type_is_whole_in_every_answer),
		T(what_a_counter_counted_is_the_same_in_any_buckets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
