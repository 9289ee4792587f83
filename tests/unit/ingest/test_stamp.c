#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "check.h"
#include "ingest/stamp.h"
#include "ingest/state.h"
#include "registry/registry.h"

#define RX (1700000000LL * NS_PER_S)

static struct device dev;
static struct state_device own;

static int fresh(void **state)
{
	(void)state;
	memset(&dev, 0, sizeof(dev));
	memset(&own, 0, sizeof(own));
	return 0;
}

static struct sb_point point(int64_t ts_ns)
{
	return (struct sb_point){ .ts_ns = ts_ns };
}

static int64_t stamp_one(int64_t ts_ns, int64_t rx_ns, uint16_t *flags)
{
	struct sb_point p = point(ts_ns);
	int64_t newest = stamp_message(&dev, &own, rx_ns, &p, 1);
	assert_int_equal(newest, p.ts_ns);
	*flags = p.flags;
	return p.ts_ns;
}

static void a_missing_time_is_the_time_of_arrival_and_never_twice_the_same(void **state)
{
	uint16_t flags;
	(void)state;
	assert_int_equal(stamp_one(SB_TS_UNKNOWN, RX + 123, &flags), RX);
	assert_int_equal(flags, SB_P_HOST_STAMPED);
	assert_int_equal(stamp_one(SB_TS_UNKNOWN, RX + 123, &flags), RX + 1000);
	assert_int_equal(stamp_one(SB_TS_UNKNOWN, RX + 123, &flags), RX + 2000);
	assert_int_equal(stamp_one(SB_TS_UNKNOWN, RX + 5000, &flags), RX + 5000);
	/* Our own clock was set back by an hour. */
	assert_int_equal(stamp_one(SB_TS_UNKNOWN, RX - 3600 * NS_PER_S, &flags),
	                 RX - 3600 * NS_PER_S);
}

static void a_good_time_stays_as_it_is(void **state)
{
	uint16_t flags;
	(void)state;
	assert_int_equal(stamp_one(RX - 12345678, RX, &flags), RX - 12345678);
	assert_int_equal(flags, 0);
	assert_int_equal(stamp_one(RX + 9 * 60 * NS_PER_S, RX, &flags), RX + 9 * 60 * NS_PER_S);
	assert_int_equal(flags, 0);
}

static void times_of_1970_keep_their_spacing(void **state)
{
	struct sb_point p[3] = { point(10 * NS_PER_S), point(11 * NS_PER_S), point(15 * NS_PER_S) };
	(void)state;
	assert_int_equal(stamp_message(&dev, &own, RX, p, 3), RX);
	assert_int_equal(p[0].ts_ns, RX - 5 * NS_PER_S);
	assert_int_equal(p[1].ts_ns, RX - 4 * NS_PER_S);
	assert_int_equal(p[0].flags, SB_P_HOST_STAMPED);
}

static void messages_of_a_clock_that_was_never_set_keep_their_spacing_too(void **state)
{
	uint16_t flags;
	(void)state;
	assert_int_equal(stamp_one(10 * NS_PER_S, RX, &flags), RX);
	/* Delayed by a second on its way: the offset learned before tells when it was. */
	assert_int_equal(stamp_one(20 * NS_PER_S, RX + 11 * NS_PER_S, &flags), RX + 10 * NS_PER_S);
	/* Faster than any before: the offset follows. */
	assert_int_equal(stamp_one(31 * NS_PER_S, RX + 20 * NS_PER_S, &flags), RX + 20 * NS_PER_S);
	assert_int_equal(flags, SB_P_HOST_STAMPED);
	/* Restarted: counts from zero again. */
	assert_int_equal(stamp_one(1 * NS_PER_S, RX + 900 * NS_PER_S, &flags), RX + 900 * NS_PER_S);
}

static void the_far_future_and_impossible_times_are_corrected(void **state)
{
	uint16_t flags;
	const int64_t times[] = { RX + 11 * 60 * NS_PER_S, INT64_MAX, INT64_MIN + 1, -1, 0 };
	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		int64_t ts = stamp_one(times[i], RX, &flags);
		assert_int_equal(flags & SB_P_HOST_STAMPED, SB_P_HOST_STAMPED);
		assert_int_equal(ts, RX);
	}
}

static void good_and_wrong_times_in_one_message_are_told_apart(void **state)
{
	struct sb_point p[4] = { point(5 * NS_PER_S), point(RX - NS_PER_S), point(SB_TS_UNKNOWN),
		                 point(INT64_MAX) };
	(void)state;
	stamp_message(&dev, &own, RX, p, 4);
	assert_int_equal(p[1].ts_ns, RX - NS_PER_S);
	assert_int_equal(p[1].flags, 0);
	assert_int_equal(p[2].ts_ns, RX);
	assert_int_equal(p[3].ts_ns, RX);
	assert_int_equal(p[0].ts_ns, RX); /* cannot be both: the time of arrival */
	assert_int_equal(p[0].flags, SB_P_HOST_STAMPED);
}

static void the_clock_offset_follows_the_least_delayed_messages(void **state)
{
	uint16_t flags;
	(void)state;
	for (int i = 0; i < 200; i++) {
		int64_t rx = RX + i * NS_PER_S;
		int64_t delay = i % 10 == 0 ? 5 * NS_PER_MS : 80 * NS_PER_MS;
		stamp_one(rx + 3 * NS_PER_S - delay, rx, &flags);
		assert_int_equal(flags, 0);
	}
	assert_true(dev.hot.clock_known);
	assert_true(dev.hot.clock_offset_ns > 3 * NS_PER_S - 20 * NS_PER_MS);
	assert_true(dev.hot.clock_offset_ns <= 3 * NS_PER_S);
}

static void old_points_of_a_live_device_are_replayed_ones(void **state)
{
	uint16_t flags;
	(void)state;
	stamp_one(RX, RX, &flags);
	stamp_one(RX - 59 * NS_PER_S, RX, &flags);
	assert_int_equal(flags, 0);
	stamp_one(RX - 61 * NS_PER_S, RX, &flags);
	assert_int_equal(flags, SB_P_REPLAYED);
	/* A device that reports every ten minutes may be an interval or so late. */
	atomic_store(&dev.interval_ns, 600 * NS_PER_S);
	stamp_one(RX - 900 * NS_PER_S, RX, &flags);
	assert_int_equal(flags, 0);
	stamp_one(RX - 3100 * NS_PER_S, RX, &flags);
	assert_int_equal(flags, SB_P_REPLAYED);
}

static void the_interval_is_learned_from_live_messages(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		stamp_learn(&dev, RX + i * 10 * NS_PER_S);
		stamp_learn(&dev, RX + i * 10 * NS_PER_S + NS_PER_MS); /* second part of a report */
	}
	int64_t interval = atomic_load(&dev.interval_ns);
	assert_true(interval > 9 * NS_PER_S && interval < 11 * NS_PER_S);
	stamp_learn(&dev, RX + 500 * NS_PER_S + 3600 * NS_PER_S); /* an outage is not an interval */
	assert_true(atomic_load(&dev.interval_ns) < 20 * NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, fresh)
		TEST(a_missing_time_is_the_time_of_arrival_and_never_twice_the_same),
		TEST(a_good_time_stays_as_it_is),
		TEST(times_of_1970_keep_their_spacing),
		TEST(messages_of_a_clock_that_was_never_set_keep_their_spacing_too),
		TEST(the_far_future_and_impossible_times_are_corrected),
		TEST(good_and_wrong_times_in_one_message_are_told_apart),
		TEST(the_clock_offset_follows_the_least_delayed_messages),
		TEST(old_points_of_a_live_device_are_replayed_ones),
		TEST(the_interval_is_learned_from_live_messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
