#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "check.h"
#include "model/record.h"
#include "registry/fake.h"
#include "registry/registry.h"
#include "series/series.h"

#define THREADS 4
#define MANY    500

static struct sb_str str(const char *s)
{
	return sb_str_of(s, strlen(s));
}

struct journal_fake {
	pthread_mutex_t lock;
	struct buffer last;
	uint32_t n;
	int fail;
};

static int define(void *ud, struct sb_bytes record)
{
	struct journal_fake *j = ud;
	int r;

	pthread_mutex_lock(&j->lock);
	r = j->fail;
	if (r == 0) {
		buffer_reset(&j->last);
		buffer_give(&j->last, record.p, record.n);
		j->n++;
	}
	pthread_mutex_unlock(&j->lock);
	return r;
}

static struct journal_fake journal = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct registry *make(enum provisioning provisioning, uint32_t max)
{
	struct registry *reg = NULL;
	int r = registry_new(&reg, &(struct registry_config){
					   .docs = fake_docs(),
					   .provisioning = provisioning,
					   .max_devices = max,
					   .define = define,
					   .ud = &journal,
				   });
	assert_int_equal(r, 0);
	return reg;
}

static int fresh(void **state)
{
	(void)state;
	fake_docs_clear();
	buffer_fini(&journal.last);
	journal = (struct journal_fake){ .lock = PTHREAD_MUTEX_INITIALIZER };
	clock_set(0, 0);
	return 0;
}

static void a_first_contact_makes_a_pending_device_that_is_defined_before_it_is_seen(void **state)
{
	struct registry *reg = make(PROVISION_PENDING, 10);
	struct device *dev;

	(void)state;
	assert_int_equal(registry_find(reg, str("boiler-1"), &dev), SB_E_UNKNOWN_DEVICE);
	assert_int_equal(registry_meet(reg, str("boiler-1"), &dev), 0);
	assert_int_equal(dev->admin, DEVICE_PENDING);
	assert_int_equal(dev->no, 1);
	assert_int_equal(journal.n, 1);
	assert_int_equal(journal.last.p[0], RECORD_DEVICE);
	assert_ptr_equal(registry_get(reg, registry_handle(dev)), dev);
	assert_int_equal(registry_count(reg), 1);
	registry_free(reg);
}

static void a_device_the_journal_could_not_take_is_not_there(void **state)
{
	struct registry *reg = make(PROVISION_ACTIVE, 10);
	struct device *dev;

	(void)state;
	journal.fail = SB_E_DEGRADED;
	assert_int_equal(registry_meet(reg, str("a"), &dev), SB_E_DEGRADED);
	assert_int_equal(registry_find(reg, str("a"), &dev), SB_E_UNKNOWN_DEVICE);
	assert_int_equal(registry_count(reg), 0);
	registry_free(reg);
}

static void provisioning_limits_and_names_are_kept(void **state)
{
	static const char *const bad[] = {
		"", "a/b", "a+b", "#", "$SYS", " a", "a ", "a\nb", "\xff"
	};
	struct registry *off = make(PROVISION_OFF, 10);
	struct registry *reg = make(PROVISION_ACTIVE, 2);
	struct device *dev;

	(void)state;
	assert_int_equal(registry_meet(off, str("a"), &dev), SB_E_UNKNOWN_DEVICE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(registry_meet(reg, str(bad[i]), &dev), SB_E_NAME);
	assert_int_equal(registry_meet(reg, str("a"), &dev), 0);
	assert_int_equal(dev->admin, DEVICE_ACTIVE);
	assert_int_equal(registry_meet(reg, str("b"), &dev), 0);
	assert_int_equal(registry_meet(reg, str("c"), &dev), SB_E_QUOTA);
	assert_int_equal(registry_meet(reg, str("b"), &dev), 0);
	registry_free(reg);
	registry_free(off);
}

static void handles_that_mean_nothing_find_nothing(void **state)
{
	struct registry *reg = make(PROVISION_ACTIVE, 10);
	struct device *dev;

	(void)state;
	assert_int_equal(registry_meet(reg, str("a"), &dev), 0);
	assert_null(registry_get(reg, 0));
	assert_null(registry_get(reg, 1));
	assert_null(registry_get(reg, UINT64_MAX));
	assert_null(registry_get(reg, registry_handle(dev) + 1));
	assert_null(registry_get(reg, registry_handle(dev) + (1ull << 32)));
	assert_null(registry_at(reg, UINT32_MAX));
	registry_free(reg);
}

/* Points of a device are in the journal, and with its record seq in blocks. */
static void flush(struct registry *reg, const struct device *dev, uint32_t points, uint32_t late,
                  uint64_t seq)
{
	const struct series_count count = { dev->no, points, late };
	registry_flushed(reg, &count, 1, seq);
}

static void who_stands_in_the_configuration_need_not_be_approved(void **state)
{
	static const enum provisioning all[] = { PROVISION_OFF, PROVISION_PENDING };
	struct device *dev;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct registry *reg = make(all[i], 2);
		assert_int_equal(registry_configured(reg, str("signalbox"), &dev), 0);
		assert_int_equal(dev->admin, DEVICE_ACTIVE);
		dev->admin = DEVICE_PENDING; /* it showed up before it was configured */
		assert_int_equal(registry_configured(reg, str("signalbox"), &dev), 0);
		assert_int_equal(dev->admin, DEVICE_ACTIVE);
		dev->admin = DEVICE_SUSPENDED;
		assert_int_equal(registry_configured(reg, str("signalbox"), &dev), 0);
		assert_int_equal(dev->admin, DEVICE_SUSPENDED);
		assert_int_equal(registry_configured(reg, str("a/b"), &dev), SB_E_NAME);
		assert_int_equal(registry_configured(reg, str("meter"), &dev), 0);
		assert_int_equal(registry_configured(reg, str("one too many"), &dev), SB_E_QUOTA);
		registry_free(reg);
	}
}

static void devices_come_back_from_documents_with_their_counters(void **state)
{
	struct registry *reg = make(PROVISION_ACTIVE, 1000);
	struct device *dev;
	uint32_t no = 0;
	char id[32];

	(void)state;
	for (int i = 0; i < 300; i++) {
		(void)snprintf(id, sizeof(id), "dev-%d", i);
		assert_int_equal(registry_meet(reg, str(id), &dev), 0);
		flush(reg, dev, (uint32_t)i * 10, 0, (uint64_t)i + 1);
		registry_fate(reg, dev, FATE_refused, 1, "unknown topic");
	}
	assert_int_equal(registry_save(reg), 0);
	registry_free(reg);
	assert_int_equal(fake_docs_count(SB_STR("device")), 300);

	reg = make(PROVISION_ACTIVE, 1000);
	assert_int_equal(registry_load(reg), 0);
	assert_int_equal(registry_count(reg), 300);
	assert_int_equal(registry_find(reg, str("dev-299"), &dev), 0);
	assert_int_equal(dev->fates[FATE_accepted], 2990);
	assert_int_equal(dev->fates[FATE_refused], 1);
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(registry_next(reg, &no)->no, i + 1);
	assert_null(registry_next(reg, &no));
	assert_int_equal(registry_meet(reg, str("new"), &dev), 0);
	assert_int_equal(dev->no, 301);
	registry_free(reg);
}

static void a_device_known_only_to_the_journal_comes_back_once(void **state)
{
	struct registry *reg = make(PROVISION_PENDING, 10);
	struct sb_bytes record;
	struct device *dev;

	(void)state;
	assert_int_equal(registry_meet(reg, str("a"), &dev), 0);
	registry_free(reg);
	fake_docs_clear();

	record = (struct sb_bytes){ journal.last.p, journal.last.n };
	reg = make(PROVISION_PENDING, 10);
	assert_int_equal(registry_load(reg), 0);
	assert_int_equal(registry_apply(reg, record), 0);
	assert_int_equal(registry_apply(reg, record), 0);
	assert_int_equal(registry_count(reg), 1);
	assert_int_equal(registry_find(reg, str("a"), &dev), 0);
	assert_int_equal(dev->admin, DEVICE_PENDING);
	assert_int_equal(registry_save(reg), 0);
	assert_int_equal(fake_docs_count(SB_STR("device")), 1);
	for (size_t n = 0; n < record.n; n++)
		assert_int_equal(registry_apply(reg, (struct sb_bytes){ record.p, n }),
		                 SB_E_CORRUPT);
	registry_free(reg);
}

static void damaged_and_newer_documents_are_refused_not_guessed(void **state)
{
	static const uint8_t newer[] = { 9, 1, 1, 2, 0, 1, 'a', 0, 0, 0, 0, 0 };
	static const uint8_t damaged[] = { 1, 1, 1, 2, 0, 200, 'a' };
	struct registry *reg = make(PROVISION_PENDING, 10);

	(void)state;
	fake_docs_set(SB_STR("device"), str("a"), (struct sb_bytes){ newer, sizeof(newer) });
	assert_int_equal(registry_load(reg), SB_E_ABI);
	fake_docs_set(SB_STR("device"), str("a"), (struct sb_bytes){ damaged, sizeof(damaged) });
	assert_int_equal(registry_load(reg), SB_E_CORRUPT);
	registry_free(reg);
}

static void what_a_full_disk_refused_is_written_by_the_next_save(void **state)
{
	struct registry *reg = make(PROVISION_PENDING, 10);
	struct device *dev;

	(void)state;
	fake_docs_fail(-ENOSPC);
	assert_int_equal(registry_meet(reg, str("a"), &dev), 0);
	assert_int_equal(registry_save(reg), -ENOSPC);
	fake_docs_fail(0);
	assert_int_equal(registry_save(reg), 0);
	assert_int_equal(fake_docs_count(SB_STR("device")), 1);
	registry_free(reg);
}

static void saving_twice_writes_nothing_the_second_time(void **state)
{
	struct registry *reg = make(PROVISION_PENDING, 10);
	struct device *dev;
	uint32_t commits;

	(void)state;
	assert_int_equal(registry_meet(reg, str("a"), &dev), 0);
	assert_int_equal(registry_save(reg), 0);
	commits = fake_docs_commits();
	assert_int_equal(registry_save(reg), 0);
	assert_int_equal(fake_docs_commits(), commits);
	registry_free(reg);
}

static void *meet_many(void *ud)
{
	struct registry *reg = ud;
	struct device *dev;
	char id[32];

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(id, sizeof(id), "dev-%d", i);
		if (registry_meet(reg, str(id), &dev) < 0)
			return ud;
		registry_fate(reg, dev, FATE_late, 1, i % 7 ? NULL : "too old");
		if (registry_get(reg, registry_handle(dev)) != dev)
			return ud;
	}
	return NULL;
}

static void threads_that_meet_the_same_devices_make_each_once(void **state)
{
	struct registry *reg = make(PROVISION_ACTIVE, MANY);
	pthread_t threads[THREADS];
	struct device *dev;
	uint32_t no = 0;
	void *failed;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, meet_many, reg), 0);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(registry_count(reg), MANY);
	assert_int_equal(journal.n, MANY);
	while ((dev = registry_next(reg, &no)))
		assert_int_equal(dev->fates[FATE_late], THREADS);
	assert_int_equal(registry_save(reg), 0);
	assert_int_equal(fake_docs_count(SB_STR("device")), MANY);
	registry_free(reg);
}

static void quarantine_keeps_the_newest_and_shows_no_control_characters(void **state)
{
	struct registry *reg = make(PROVISION_ACTIVE, 10);
	const uint8_t payload[300] = { 1, 2, 3 };
	struct device *dev;
	char why[32];

	(void)state;
	assert_int_equal(registry_meet(reg, str("a"), &dev), 0);
	assert_int_equal(dev->quarantine[0].at_ns, 0);
	for (int i = 0; i < DEVICE_QUARANTINE_KEPT + 1; i++) {
		(void)snprintf(why, sizeof(why), "no\nnumber %d", i);
		registry_quarantine(reg, dev, str("tele\x1b[31m"),
		                    (struct sb_bytes){ payload, 300 }, why);
	}
	assert_string_equal(dev->quarantine[0].why, "no\\x0anumber 4");
	assert_string_equal(dev->quarantine[1].why, "no\\x0anumber 1");
	assert_null(strchr(dev->quarantine[0].subject, 0x1b));
	assert_int_equal(dev->quarantine[0].head_len, 128);
	assert_int_equal(dev->quarantine[0].total, 300);
	assert_int_equal(dev->fates[FATE_quarantined], 5);
	assert_string_equal(dev->reasons[FATE_quarantined].text, "no\\x0anumber 4");
	registry_free(reg);
}

static void freshness_follows_the_learned_interval(void **state)
{
	struct registry *reg = make(PROVISION_ACTIVE, 10);
	struct device *dev;

	(void)state;
	assert_int_equal(registry_meet(reg, str("a"), &dev), 0);
	assert_int_equal(device_fresh(dev, 1000 * NS_PER_S), -1);
	dev->data_ns = 1000 * NS_PER_S;
	dev->interval_ns = 10 * NS_PER_S;
	assert_int_equal(device_fresh(dev, 1020 * NS_PER_S), 1);
	assert_int_equal(device_fresh(dev, 1027 * NS_PER_S), 0);
	registry_free(reg);
}

static void count_changes(void *ud, struct device *dev, uint32_t what)
{
	uint32_t *n = ud;
	(void)dev;
	n[what]++;
}

static void listeners_hear_of_devices_at_once_and_of_accepted_points_now_and_then(void **state)
{
	uint32_t n[16] = { 0 };
	struct registry_listener l = { .changed = count_changes, .ud = n };
	struct registry *reg = make(PROVISION_ACTIVE, 10);
	struct device *dev;

	(void)state;
	registry_listen(reg, &l);
	clock_set(NS_PER_S, NS_PER_S);
	assert_int_equal(registry_meet(reg, str("a"), &dev), 0);
	assert_int_equal(n[DEVICE_CHANGED_RECORD], 1);
	for (int i = 0; i < 100; i++)
		registry_fate(reg, dev, FATE_accepted, 1, NULL);
	assert_int_equal(n[DEVICE_CHANGED_FATE], 1);
	clock_set(2 * NS_PER_S, 2 * NS_PER_S);
	registry_fate(reg, dev, FATE_accepted, 1, NULL);
	registry_fate(reg, dev, FATE_refused, 1, "no");
	assert_int_equal(n[DEVICE_CHANGED_FATE], 3);
	registry_free(reg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			a_first_contact_makes_a_pending_device_that_is_defined_before_it_is_seen,
			fresh),
		cmocka_unit_test_setup(a_device_the_journal_could_not_take_is_not_there, fresh),
		cmocka_unit_test_setup(provisioning_limits_and_names_are_kept, fresh),
		cmocka_unit_test_setup(handles_that_mean_nothing_find_nothing, fresh),
		cmocka_unit_test_setup(devices_come_back_from_documents_with_their_counters, fresh),
		cmocka_unit_test_setup(a_device_known_only_to_the_journal_comes_back_once, fresh),
		cmocka_unit_test_setup(damaged_and_newer_documents_are_refused_not_guessed, fresh),
		cmocka_unit_test_setup(who_stands_in_the_configuration_need_not_be_approved, fresh),
		cmocka_unit_test_setup(what_a_full_disk_refused_is_written_by_the_next_save, fresh),
		cmocka_unit_test_setup(saving_twice_writes_nothing_the_second_time, fresh),
		cmocka_unit_test_setup(threads_that_meet_the_same_devices_make_each_once, fresh),
		cmocka_unit_test_setup(quarantine_keeps_the_newest_and_shows_no_control_characters,
		                       fresh),
		cmocka_unit_test_setup(freshness_follows_the_learned_interval, fresh),
		cmocka_unit_test_setup(
			listeners_hear_of_devices_at_once_and_of_accepted_points_now_and_then,
			fresh),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	(void)fresh(NULL);
	return failed;
}
