#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "check.h"
#include "registry/fake.h"
#include "registry/registry.h"

static struct sb_str str(const char *s)
{
	return sb_str_of(s, strlen(s));
}

struct answer {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int n, r;
};

static struct answer answer = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0 };

static void done(void *ud, int r)
{
	struct answer *a = ud;

	pthread_mutex_lock(&a->lock);
	a->n++;
	a->r = r;
	pthread_cond_signal(&a->cond);
	pthread_mutex_unlock(&a->lock);
}

static int wait_for(int n)
{
	pthread_mutex_lock(&answer.lock);
	while (answer.n < n)
		pthread_cond_wait(&answer.cond, &answer.lock);
	pthread_mutex_unlock(&answer.lock);
	return answer.r;
}

static const struct device_change nothing = { .admin = -1, .if_rev = UINT64_MAX, .who = "anna" };

static struct registry *reg;

static int fresh(void **state)
{
	(void)state;
	fake_docs_clear();
	answer.n = answer.r = 0;
	return registry_new(&reg, &(struct registry_config){
					  .docs = fake_docs(),
					  .provisioning = PROVISION_PENDING,
					  .max_devices = 100,
				  });
}

static int end(void **state)
{
	(void)state;
	reg = registry_free(reg);
	fake_docs_clear();
	return 0;
}

static void a_change_is_on_disk_with_its_audit_entry_when_it_is_answered(void **state)
{
	struct device_change change = nothing;
	struct device *dev;

	(void)state;
	assert_int_equal(registry_meet(reg, str("a"), &dev), 0);
	change.name = str("Boiler 2");
	change.tags = str("heat spare");
	change.admin = DEVICE_ACTIVE;
	change.password = str("correct horse");
	assert_int_equal(registry_change(reg, str("a"), &change, done, &answer), SB_PENDING);
	assert_int_equal(wait_for(1), 0);
	assert_string_equal(dev->name, "Boiler 2");
	assert_int_equal(dev->admin, DEVICE_ACTIVE);
	assert_int_equal(dev->rev, 2);
	assert_int_equal(fake_docs_count(SB_STR("audit")), 1);
	const char *audit = fake_docs_text(SB_STR("audit"));
	assert_non_null(
		strstr(audit, "\"who\":\"anna\",\"what\":\"device.change\",\"subject\":\"a\""));
	assert_non_null(strstr(audit,
	                       "\"before\":{\"name\":\"\",\"tags\":\"\",\"state\":\"pending\","
	                       "\"credential\":\"none\",\"next_credential\":\"none\"}"));
	assert_non_null(strstr(audit, "\"state\":\"active\",\"credential\":\"password\","
	                              "\"next_credential\":\"none\"}"));
	assert_null(strstr(audit, "correct"));
	assert_null(strstr(audit, "argon"));

	registry_free(reg);
	assert_int_equal(registry_new(&reg, &(struct registry_config){ .docs = fake_docs() }), 0);
	assert_int_equal(registry_load(reg), 0);
	assert_int_equal(registry_find(reg, str("a"), &dev), 0);
	assert_string_equal(dev->name, "Boiler 2");
	assert_string_equal(dev->tags, "heat spare");
	assert_non_null(dev->credential);
	assert_int_equal(dev->rev, 2);
}

static void an_old_revision_is_a_conflict_and_a_dry_run_changes_nothing(void **state)
{
	struct device_change change = nothing;
	struct device *dev;

	(void)state;
	assert_int_equal(registry_meet(reg, str("a"), &dev), 0);
	change.site = str("north");
	change.if_rev = 7;
	assert_int_equal(registry_change(reg, str("a"), &change, done, &answer), SB_E_CONFLICT);
	change.if_rev = dev->rev;
	change.dry_run = true;
	assert_int_equal(registry_change(reg, str("a"), &change, done, &answer), 0);
	assert_string_equal(dev->site, "");
	change.dry_run = false;
	assert_int_equal(registry_change(reg, str("a"), &change, done, &answer), SB_PENDING);
	assert_int_equal(wait_for(1), 0);
	assert_int_equal(registry_change(reg, str("a"), &change, done, &answer), SB_E_CONFLICT);
	assert_int_equal(registry_change(reg, str("b"), &change, done, &answer),
	                 SB_E_UNKNOWN_DEVICE);
}

static void of_two_changes_for_one_revision_one_wins(void **state)
{
	struct device_change change = nothing;
	struct device *dev;
	int second;

	(void)state;
	assert_int_equal(registry_meet(reg, str("a"), &dev), 0);
	change.if_rev = 1;
	change.site = str("north");
	change.password = str("slow enough to overlap"); /* hashing keeps the writer busy */
	assert_int_equal(registry_change(reg, str("a"), &change, done, &answer), SB_PENDING);
	change.site = str("south");
	second = registry_change(reg, str("a"), &change, done, &answer);
	if (second == SB_PENDING)
		second = wait_for(2);
	else
		(void)wait_for(1);
	assert_int_equal(second, SB_E_CONFLICT);
	assert_string_equal(dev->site, "north");
}

static void a_change_the_disk_refused_did_not_happen(void **state)
{
	struct device_change change = nothing;
	struct device *dev;

	(void)state;
	assert_int_equal(registry_meet(reg, str("a"), &dev), 0);
	assert_int_equal(registry_save(reg), 0);
	fake_docs_fail(-ENOSPC);
	change.site = str("north");
	assert_int_equal(registry_change(reg, str("a"), &change, done, &answer), SB_PENDING);
	assert_int_equal(wait_for(1), -ENOSPC);
	assert_string_equal(dev->site, "");
	assert_int_equal(dev->rev, 1);
}

static void names_with_control_characters_and_long_ones_are_refused(void **state)
{
	struct device_change change = nothing;
	struct device *dev;
	char name[130];

	(void)state;
	memset(name, 'x', sizeof(name));
	assert_int_equal(registry_meet(reg, str("a"), &dev), 0);
	change.name = str("a\nb");
	assert_int_equal(registry_change(reg, str("a"), &change, done, &answer), SB_E_NAME);
	change.name = sb_str_of(name, 129);
	assert_int_equal(registry_change(reg, str("a"), &change, done, &answer), SB_E_NAME);
	change.name = sb_str_of(name, 128);
	assert_int_equal(registry_change(reg, str("a"), &change, done, &answer), SB_PENDING);
	assert_int_equal(wait_for(1), 0);
	change = nothing;
	change.password = sb_str_of(name, 257);
	assert_int_equal(registry_change(reg, str("a"), &change, done, &answer), SB_E_RANGE);
}

static void an_expected_device_becomes_active_when_it_shows_up(void **state)
{
	struct device_change change = nothing;
	struct device *dev;

	(void)state;
	change.name = str("new");
	assert_int_equal(registry_create(reg, str("a"), &change, done, &answer), SB_PENDING);
	assert_int_equal(wait_for(1), 0);
	assert_int_equal(registry_create(reg, str("a"), &change, done, &answer), SB_E_EXISTS);
	assert_int_equal(registry_find(reg, str("a"), &dev), 0);
	assert_int_equal(dev->admin, DEVICE_EXPECTED);
	assert_int_equal(registry_meet(reg, str("a"), &dev), 0);
	assert_int_equal(dev->admin, DEVICE_ACTIVE);
	assert_int_equal(registry_save(reg), 0);
	registry_free(reg);
	assert_int_equal(registry_new(&reg, &(struct registry_config){ .docs = fake_docs() }), 0);
	assert_int_equal(registry_load(reg), 0);
	assert_int_equal(registry_find(reg, str("a"), &dev), 0);
	assert_int_equal(dev->admin, DEVICE_ACTIVE);
}

static void many_changes_share_few_commits(void **state)
{
	struct device_change change = nothing;
	struct device *dev;
	char id[2] = { 0 };
	uint32_t commits;

	(void)state;
	for (id[0] = 'a'; id[0] <= 'z'; id[0]++)
		assert_int_equal(registry_meet(reg, str(id), &dev), 0);
	assert_int_equal(registry_save(reg), 0);
	commits = fake_docs_commits();
	change.password = str("hold on, writer");
	assert_int_equal(registry_change(reg, str("a"), &change, done, &answer), SB_PENDING);
	change.password = (struct sb_str){ 0 };
	change.admin = DEVICE_ACTIVE;
	for (id[0] = 'b'; id[0] <= 'z'; id[0]++)
		assert_int_equal(registry_change(reg, str(id), &change, done, &answer), SB_PENDING);
	assert_int_equal(wait_for(26), 0);
	assert_true(fake_docs_commits() - commits < 26);
	assert_int_equal(fake_docs_count(SB_STR("audit")), 26);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_change_is_on_disk_with_its_audit_entry_when_it_is_answered, fresh, end),
		cmocka_unit_test_setup_teardown(
			an_old_revision_is_a_conflict_and_a_dry_run_changes_nothing, fresh, end),
		cmocka_unit_test_setup_teardown(of_two_changes_for_one_revision_one_wins, fresh,
		                                end),
		cmocka_unit_test_setup_teardown(a_change_the_disk_refused_did_not_happen, fresh,
		                                end),
		cmocka_unit_test_setup_teardown(
			names_with_control_characters_and_long_ones_are_refused, fresh, end),
		cmocka_unit_test_setup_teardown(an_expected_device_becomes_active_when_it_shows_up,
		                                fresh, end),
		cmocka_unit_test_setup_teardown(many_changes_share_few_commits, fresh, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
