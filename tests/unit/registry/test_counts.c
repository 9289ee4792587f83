#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "check.h"
#include "model/row.h"
#include "registry/fake.h"
#include "registry/registry.h"
#include "series/series.h"

static struct sb_str str(const char *s)
{
	return sb_str_of(s, strlen(s));
}

static struct registry *make(void)
{
	struct registry *reg = NULL;
	int r = registry_new(&reg, &(struct registry_config){
					   .docs = fake_docs(),
					   .provisioning = PROVISION_ACTIVE,
					   .max_devices = 10,
				   });
	assert_int_equal(r, 0);
	return reg;
}

static int fresh(void **state)
{
	(void)state;
	fake_docs_clear();
	clock_set(0, 0);
	return 0;
}

/* Points of a device are in the journal, and with its record seq in blocks. */
static void flush(struct registry *reg, const struct device *dev, uint32_t points, uint32_t late,
                  uint64_t seq)
{
	const struct series_count count = { dev->no, points, late };
	registry_flushed(reg, &count, 1, seq);
}

static void replay(struct registry *reg, const struct device *dev, uint16_t points, bool late,
                   uint64_t seq)
{
	const struct row row = {
		.n = points,
		.flags = late ? SB_P_LATE : 0,
		.rx_ns = (int64_t)seq * 1000,
	};
	registry_replayed(reg, dev->no, &row, seq);
}

static struct device *reload(struct registry **reg)
{
	struct device *dev;

	registry_free(*reg);
	*reg = make();
	assert_int_equal(registry_load(*reg), 0);
	assert_int_equal(registry_find(*reg, str("a"), &dev), 0);
	return dev;
}

static void points_behind_the_last_flush_count_again(void **state)
{
	struct registry *reg = make();
	struct device *dev;

	(void)state;
	assert_int_equal(registry_meet(reg, str("a"), &dev), 0);
	flush(reg, dev, 100, 10, 50);
	dev->fates[FATE_accepted] = 140; /* what ingest counted until a crash */
	dev->fates[FATE_late] = 12;
	assert_int_equal(registry_save(reg), 0);
	dev = reload(&reg);
	assert_int_equal(dev->fates[FATE_accepted], 100);
	replay(reg, dev, 20, false, 51);
	replay(reg, dev, 20, true, 52);
	assert_int_equal(dev->fates[FATE_accepted], 140);
	assert_int_equal(dev->fates[FATE_late], 30);
	assert_int_equal(dev->data_ns, 52000);
	assert_int_equal(dev->seen_ns, 52000);
	flush(reg, dev, 40, 20, 52);
	assert_int_equal(registry_save(reg), 0);
	dev = reload(&reg);
	assert_int_equal(dev->fates[FATE_accepted], 140);
	assert_int_equal(dev->fates[FATE_late], 30);
	registry_free(reg);
}

static void a_crash_between_counters_and_checkpoint_counts_nothing_twice(void **state)
{
	struct registry *reg = make();
	struct device *dev;

	(void)state;
	assert_int_equal(registry_meet(reg, str("a"), &dev), 0);
	flush(reg, dev, 100, 10, 50);
	assert_int_equal(registry_save(reg), 0);
	/* The checkpoint still says 40, so 41 to 50 come again, and are flushed again. */
	dev = reload(&reg);
	replay(reg, dev, 30, true, 45);
	replay(reg, dev, 5, false, 50);
	replay(reg, dev, 7, true, 51);
	assert_int_equal(dev->fates[FATE_accepted], 107);
	assert_int_equal(dev->fates[FATE_late], 17);
	flush(reg, dev, 42, 37, 51);
	assert_int_equal(registry_save(reg), 0);
	dev = reload(&reg);
	assert_int_equal(dev->fates[FATE_accepted], 107);
	assert_int_equal(dev->fates[FATE_late], 17);
	replay(reg, dev, 7, true, 51);
	assert_int_equal(dev->fates[FATE_accepted], 107);
	registry_free(reg);
}

static void reasons_and_kept_payloads_come_back(void **state)
{
	struct registry *reg = make();
	const struct sb_bytes payload = { (const uint8_t *)"\x00{broken", 8 };
	struct device *dev;
	char why[32];

	(void)state;
	assert_int_equal(registry_meet(reg, str("a"), &dev), 0);
	for (int i = 0; i < DEVICE_QUARANTINE_KEPT + 2; i++) {
		(void)snprintf(why, sizeof(why), "number %d", i);
		registry_quarantine(reg, dev, str("telemetry"), payload, why);
	}
	registry_fate(reg, dev, FATE_refused, 3, "unknown topic");
	assert_int_equal(registry_save(reg), 0);
	assert_int_equal(fake_docs_count(SB_STR("device.notes")), 1);
	for (int i = 0; i < 2; i++) {
		dev = reload(&reg);
		assert_int_equal(dev->fates[FATE_quarantined], DEVICE_QUARANTINE_KEPT + 2);
		assert_string_equal(dev->reasons[FATE_refused].text, "unknown topic");
		assert_true(dev->reasons[FATE_refused].at_ns > 0);
		assert_int_equal(dev->reasons[FATE_late].at_ns, 0);
		const struct device_quarantine *oldest = &dev->quarantine[dev->quarantine_at];
		assert_string_equal(oldest->why, "number 2");
		assert_string_equal(oldest->subject, "telemetry");
		assert_int_equal(oldest->head_len, 8);
		assert_int_equal(oldest->total, 8);
		assert_memory_equal(oldest->head, payload.p, 8);
	}
	/* The next one takes the place of the oldest. */
	registry_quarantine(reg, dev, str("telemetry"), payload, "one more");
	assert_int_equal(registry_save(reg), 0);
	dev = reload(&reg);
	assert_string_equal(dev->quarantine[dev->quarantine_at].why, "number 3");
	registry_free(reg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(points_behind_the_last_flush_count_again, fresh),
		cmocka_unit_test_setup(a_crash_between_counters_and_checkpoint_counts_nothing_twice,
		                       fresh),
		cmocka_unit_test_setup(reasons_and_kept_payloads_come_back, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
