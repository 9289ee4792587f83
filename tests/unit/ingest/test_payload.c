#include <errno.h>

#include "ingest/world.h"

static int setup(void **state)
{
	struct world *w = malloc(sizeof(*w));
	world_init(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	world_fini(*state);
	free(*state);
	return 0;
}

static void a_payload_is_completed_when_it_is_durable(void **state)
{
	struct world *w = *state;
	world_start(w);
	struct device *dev = world_device(w, "d1");
	assert_int_equal(world_submit(w, dev, "temp 21.5 1700000000000;hum 40 1700000000000", 7),
	                 SB_PENDING);
	assert_int_equal(w->n_done, 0);
	world_wait(w, 1);
	assert_int_equal(w->done[0].token, 7);
	assert_int_equal(w->done[0].status, 0);
	assert_int_equal(w->done[0].rejected, 0);
	assert_int_equal(w->n_rows, 1);
	assert_int_equal(w->rows[0].n, 2);
	assert_int_equal(w->rows[0].ts_ns, T0);
	assert_true(w->rows[0].first.v.f == 21.5);
	assert_true(w->rows[0].last.v.f == 40);
	assert_int_equal(world_fate(dev, FATE_accepted), 2);
}

static void completions_come_in_order_rows_or_not(void **state)
{
	struct world *w = *state;
	char text[64];
	world_start(w);
	struct device *dev = world_device(w, "d1");
	for (int i = 0; i < 900; i++) {
		/* Every third says the same as the one before, every seventh nothing at all. */
		long long ms = 1700000000000 + (i % 3 == 2 ? i - 1 : i);
		snprintf(text, sizeof(text), i % 7 == 6 ? ";" : "a %d %lld", i % 3 == 2 ? i - 1 : i,
		         ms);
		assert_int_equal(world_submit(w, dev, text, (sb_token)i), SB_PENDING);
		if (i % 40 == 0)
			world_turn(w);
	}
	world_wait(w, 900);
	for (int i = 0; i < 900; i++) {
		assert_int_equal(w->done[i].token, i);
		assert_int_equal(w->done[i].status, 0);
	}
	assert_true(world_fate(dev, FATE_duplicate) > 200);
	assert_int_equal(world_fate(dev, FATE_accepted), w->points);
}

static void what_nobody_reads_is_quarantined_with_its_reason(void **state)
{
	struct world *w = *state;
	world_start(w);
	struct device *dev = world_device(w, "d1");
	assert_int_equal(world_submit(w, dev, "temp", 1), SB_E_MALFORMED);
	assert_int_equal(world_fate(dev, FATE_quarantined), 1);
	assert_string_equal(dev->reasons[FATE_quarantined].text, "no value in temp");
	assert_int_equal(world_submit(w, dev, "\x01\x02", 2), SB_E_MALFORMED);
	assert_string_equal(dev->reasons[FATE_quarantined].text, "no codec reads this");
	assert_int_equal(dev->quarantine[1].total, 2);
	assert_int_equal(world_submit(w, dev, "temp 1", 3), SB_PENDING);
	world_wait(w, 1);
	assert_int_equal(w->done[0].token, 3);
}

static void a_suspended_device_is_refused_and_a_pending_one_is_not(void **state)
{
	struct world *w = *state;
	world_start(w);
	struct device *dev = world_device(w, "d1");
	assert_int_equal(atomic_load(&dev->admin), DEVICE_PENDING);
	assert_int_equal(world_submit(w, dev, "a 1", 1), SB_PENDING);
	atomic_store(&dev->admin, DEVICE_SUSPENDED);
	assert_int_equal(world_submit(w, dev, "a 2", 2), SB_E_SUSPENDED);
	assert_int_equal(world_fate(dev, FATE_refused), 1);
	assert_string_equal(dev->reasons[FATE_refused].text, "device is suspended");
	world_wait(w, 1);
}

static void series_beyond_the_quota_are_left_out_and_the_rest_stays(void **state)
{
	struct world *w = *state;
	char text[4096];
	size_t at = 0;
	world_start(w);
	struct device *dev = world_device(w, "d1");
	for (int i = 0; i < 110; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "m%d %d 1700000000000;", i, i);
	assert_int_equal(world_submit(w, dev, text, 1), SB_PENDING);
	world_wait(w, 1);
	assert_int_equal(w->done[0].rejected, 10);
	assert_int_equal(w->points, 100);
	assert_int_equal(world_fate(dev, FATE_refused), 10);
	assert_string_equal(dev->reasons[FATE_refused].text,
	                    "series m100: limit of 100 series per device reached "
	                    "(ingest.max-series-per-device)");
}

static void a_payload_over_the_limit_is_refused(void **state)
{
	struct world *w = *state;
	world_start(w);
	struct device *dev = world_device(w, "d1");
	char *text = malloc(40000);
	memset(text, 'a', 39999);
	text[39999] = 0;
	assert_int_equal(world_submit(w, dev, text, 1), SB_E_RANGE);
	assert_string_equal(dev->reasons[FATE_refused].text,
	                    "payload of 39999 bytes: limit is 32768");
	free(text);
}

static void a_long_payload_makes_the_batch_grow(void **state)
{
	struct world *w = *state;
	char *text = malloc(32768);
	size_t at = 0;
	world_start(w);
	struct device *dev = world_device(w, "d1");
	for (int i = 0; i < 1500; i++)
		at += (size_t)snprintf(text + at, 32768 - at, "a %d %lld;", i, 1700000000000LL + i);
	assert_int_equal(world_submit(w, dev, text, 1), SB_PENDING);
	world_wait(w, 1);
	assert_int_equal(w->points, 1500);
	assert_int_equal(w->n_rows, 1500);
	free(text);
}

static void a_full_ring_is_back_pressure_and_loses_nothing(void **state)
{
	struct world *w = *state;
	char text[64];
	w->config.ring_bytes = 8192;
	world_start(w);
	struct device *dev = world_device(w, "d1");
	uint64_t sent = 0, again = 0;
	while (sent < 5000) {
		snprintf(text, sizeof(text), "a %d %lld", (int)sent, 1700000000000LL + (int)sent);
		int32_t r = world_submit(w, dev, text, sent);
		if (r == SB_PENDING) {
			sent++;
			continue;
		}
		assert_int_equal(r, SB_AGAIN);
		again++;
		uint64_t before = w->n_writable;
		for (int i = 0; w->n_writable == before && i < 1000; i++)
			world_turn(w);
		assert_int_equal(w->n_writable, before + 1);
	}
	world_wait(w, 5000);
	assert_true(again > 0);
	assert_int_equal(w->points, 5000);
	struct ingest_stats stats;
	ingest_stats(w->ingest, &stats);
	assert_int_equal(stats.points, 5000);
	assert_int_equal(stats.messages, 5000);
	assert_int_equal(stats.backpressure, again);
}

static void a_payload_no_ring_could_hold_is_refused_for_good(void **state)
{
	struct world *w = *state;
	char *text = malloc(32768);
	size_t at = 0;
	w->config.ring_bytes = 16384;
	world_start(w);
	struct device *dev = world_device(w, "d1");
	for (int i = 0; i < 1500; i++)
		at += (size_t)snprintf(text + at, 32768 - at, "a %d %lld;", i, 1700000000000LL + i);
	assert_int_equal(world_submit(w, dev, text, 1), SB_E_RANGE);
	assert_int_equal(world_fate(dev, FATE_quarantined), 1);
	assert_int_equal(world_submit(w, dev, "a 1", 2), SB_PENDING);
	world_wait(w, 1);
	free(text);
}

static void too_many_messages_wait_and_are_not_dropped(void **state)
{
	struct world *w = *state;
	w->config.limits.max_messages_per_second = 50;
	w->config.limits.burst_messages = 5;
	world_start(w);
	struct device *dev = world_device(w, "d1");
	char text[64];
	int sent = 0;
	while (sent < 12) {
		snprintf(text, sizeof(text), "a %d %lld", sent, 1700000000000LL + sent);
		if (world_submit(w, dev, text, (sb_token)sent) == SB_PENDING) {
			sent++;
			continue;
		}
		uint64_t before = w->n_writable;
		for (int i = 0; w->n_writable == before && i < 1000; i++)
			world_turn(w);
		assert_int_equal(w->n_writable, before + 1);
	}
	world_wait(w, 12);
	assert_true(world_fate(dev, FATE_throttled) >= 5);
	assert_string_equal(dev->reasons[FATE_throttled].text, "limit of 50 messages per second");
	assert_int_equal(w->points, 12);
}

static void a_stopped_instance_leaves_nothing_behind(void **state)
{
	struct world *w = *state;
	world_start(w);
	struct device *dev = world_device(w, "d1");
	for (int i = 0; i < 10; i++) {
		char text[64];
		snprintf(text, sizeof(text), "a %d %lld", i, 1700000000000LL + i);
		assert_int_equal(world_submit(w, dev, text, 1), SB_PENDING);
	}
	world_stop_instance(w, &w->adapter);
	assert_int_equal(world_submit(w, dev, "a 1", 1), SB_E_FAIL);
	world_turn(w);
	world_start_instance(w, &w->adapter);
	assert_int_equal(world_submit(w, dev, "b 1", 99), SB_PENDING);
	world_wait(w, 1);
	assert_int_equal(w->done[0].token, 99);
	assert_int_equal(w->points, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_payload_is_completed_when_it_is_durable),
		TEST(completions_come_in_order_rows_or_not),
		TEST(what_nobody_reads_is_quarantined_with_its_reason),
		TEST(a_suspended_device_is_refused_and_a_pending_one_is_not),
		TEST(series_beyond_the_quota_are_left_out_and_the_rest_stays),
		TEST(a_payload_over_the_limit_is_refused),
		TEST(a_long_payload_makes_the_batch_grow),
		TEST(a_full_ring_is_back_pressure_and_loses_nothing),
		TEST(a_payload_no_ring_could_hold_is_refused_for_good),
		TEST(too_many_messages_wait_and_are_not_dropped),
		TEST(a_stopped_instance_leaves_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
