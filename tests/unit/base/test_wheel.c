#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/own.h"
#include "base/wheel.h"
#include "check.h"

static struct wheel wheel;
static int64_t now;

struct probe {
	struct timer timer;
	int fired;
	int64_t fired_at;
};

static void note(struct timer *t)
{
	struct probe *p = container_of(t, struct probe, timer);
	p->fired++;
	p->fired_at = now;
}

static void arm(struct probe *p, int64_t delay_ns)
{
	p->timer.fn = note;
	p->timer.due_ns = now + delay_ns;
	wheel_arm(&wheel, &p->timer);
}

static void advance_to(int64_t t)
{
	now = t;
	wheel_advance(&wheel, now);
}

static int start(void **state)
{
	(void)state;
	now = 12345678901;
	wheel_init(&wheel, now);
	return 0;
}

static void a_timer_fires_within_a_tick_and_never_early(void **state)
{
	(void)state;
	/* Advance exactly when the wheel asks for it, as the loop does. */
	for (int64_t delay = 0; delay < 9000LL * NS_PER_S; delay = delay * 3 / 2 + 1777777) {
		struct probe p = { 0 };
		int64_t due = now + delay;
		arm(&p, delay);
		int turns = 0;
		while (!p.fired) {
			int64_t next = wheel_next_ns(&wheel);
			assert_true(next < INT64_MAX);
			advance_to(MAX(next, now));
			assert_true(++turns < 10);
		}
		assert_true(p.fired_at >= due);
		assert_true(p.fired_at < due + 2 * WHEEL_TICK_NS);
	}
	assert_int_equal(wheel_next_ns(&wheel), INT64_MAX);
}

static void thousands_of_random_timers_fire_once_each_in_time(void **state)
{
	(void)state;
	enum { N = 5000 };
	struct probe *p = calloc(N, sizeof(*p));
	assert_non_null(p);
	srand(3);
	int64_t begin = now;
	for (int i = 0; i < N; i++)
		arm(&p[i], (int64_t)rand() % 7200 * NS_PER_S + rand() % NS_PER_S);
	for (int i = 0; i < N; i += 5)
		timer_end(&p[i].timer);
	while (now < begin + 7300 * NS_PER_S)
		advance_to(now + rand() % (3 * NS_PER_S));
	for (int i = 0; i < N; i++) {
		assert_int_equal(p[i].fired, i % 5 != 0);
		if (p[i].fired)
			assert_in_range(p[i].fired_at - p[i].timer.due_ns, 0,
			                3 * NS_PER_S + WHEEL_TICK_NS);
	}
	free(p);
}

static void a_timer_months_away_survives_the_last_level(void **state)
{
	(void)state;
	struct probe p = { 0 };
	int64_t due = now + 400 * 86400 * NS_PER_S;
	arm(&p, due - now);
	while (!p.fired && now < due + NS_PER_S)
		advance_to(wheel_next_ns(&wheel));
	assert_int_equal(p.fired, 1);
	assert_true(now >= due);
}

static void a_period_skips_what_was_missed(void **state)
{
	(void)state;
	struct probe p = { .timer.period_ns = 100 * NS_PER_MS };
	arm(&p, 100 * NS_PER_MS);
	int64_t begin = now;
	for (int i = 1; i <= 50; i++)
		advance_to(begin + i * 20 * NS_PER_MS + NS_PER_MS);
	assert_in_range(p.fired, 9, 10);
	int before = p.fired;
	advance_to(now + 10 * NS_PER_S);
	assert_int_equal(p.fired, before + 1);
	timer_end(&p.timer);
	advance_to(now + NS_PER_S);
	assert_int_equal(p.fired, before + 1);
}

static struct probe *victim;

static void end_the_other(struct timer *t)
{
	note(t);
	timer_end(&victim->timer);
}

static void a_timer_may_end_another_that_is_due_in_the_same_tick(void **state)
{
	(void)state;
	struct probe a = { 0 }, b = { 0 };
	victim = &b;
	arm(&a, NS_PER_S);
	arm(&b, NS_PER_S);
	a.timer.fn = end_the_other;
	advance_to(now + 2 * NS_PER_S);
	assert_int_equal(a.fired, 1);
	assert_int_equal(b.fired, 0);
}

static void free_itself(struct timer *t)
{
	timer_end(t);
	free(container_of(t, struct probe, timer));
}

static void a_periodic_timer_may_free_itself(void **state)
{
	(void)state;
	struct probe *p = calloc(1, sizeof(*p));
	assert_non_null(p);
	p->timer.period_ns = NS_PER_S;
	arm(p, NS_PER_S);
	p->timer.fn = free_itself;
	advance_to(now + 3 * NS_PER_S);
	advance_to(now + 3 * NS_PER_S);
}

static void arming_again_moves_a_timer(void **state)
{
	(void)state;
	struct probe p = { 0 };
	arm(&p, NS_PER_S);
	arm(&p, 50 * NS_PER_S);
	advance_to(now + 2 * NS_PER_S);
	assert_int_equal(p.fired, 0);
	advance_to(now + 50 * NS_PER_S);
	assert_int_equal(p.fired, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_timer_fires_within_a_tick_and_never_early, start),
		cmocka_unit_test_setup(thousands_of_random_timers_fire_once_each_in_time, start),
		cmocka_unit_test_setup(a_timer_months_away_survives_the_last_level, start),
		cmocka_unit_test_setup(a_period_skips_what_was_missed, start),
		cmocka_unit_test_setup(a_timer_may_end_another_that_is_due_in_the_same_tick, start),
		cmocka_unit_test_setup(a_periodic_timer_may_free_itself, start),
		cmocka_unit_test_setup(arming_again_moves_a_timer, start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
