#include <errno.h>
#include <string.h>

#include "registry/may.h"
#include "registry/stage.h"

#define NO   (-EACCES)
#define PART SB_MAY_PART

static struct sb_principal user(const char *name, int role)
{
	return (struct sb_principal){ .kind = SB_PRINCIPAL_USER,
		                      .role = role,
		                      .id = users_id(str(name), false) };
}

static struct sb_principal device(const char *id)
{
	struct device *dev;

	assert_int_equal(registry_meet(reg, str(id), &dev), 0);
	return device_principal(dev);
}

static const struct sb_principal anonymous = { .kind = SB_PRINCIPAL_ANONYMOUS, .id = 1 };

static int publish(struct sb_principal who, const char *topic)
{
	return may_check(reg, &who, SB_MAY_PUBLISH, str(topic));
}

static int subscribe(struct sb_principal who, const char *filter)
{
	return may_check(reg, &who, SB_MAY_SUBSCRIBE, str(filter));
}

static int reads(struct sb_principal who, const char *topic)
{
	return may_check(reg, &who, SB_MAY_READ, str(topic));
}

static void change_device(const char *id, const char *password, int admin)
{
	struct device_change change = { .admin = admin, .if_rev = UINT64_MAX, .who = "anna" };

	if (password)
		change.password = str(password);
	assert_int_equal(registry_change(reg, str(id), &change, NULL, NULL), SB_PENDING);
	assert_int_equal(registry_save(reg), 0);
}

static void change_user(const char *name, const struct user_change *change)
{
	assert_int_equal(users_change(users, str(name), change, "admin"), 0);
}

static int fresh(void **state)
{
	if (stage_up(state) < 0)
		return -1;
	for (int role = SB_ROLE_VIEWER; role <= SB_ROLE_ADMIN; role++)
		if (users_create(users, str((const char *[]){ "", "vera", "otto", "anna" }[role]),
		                 str("long enough"), role, "x") < 0)
			return -1;
	return 0;
}

static void a_device_has_its_own_topics_and_no_others(void **state)
{
	struct sb_principal open = device("open");

	(void)state;
	assert_int_equal(publish(open, "devices/open/telemetry"), 0);
	assert_int_equal(subscribe(open, "devices/open/#"), 0);
	assert_int_equal(reads(open, "devices/open/commands/1"), 0);
	for (const char *const *t =
	             (const char *const[]){ "devices/boiler/telemetry", "devices/+/x",
	                                    "devices/open", "devices/#", "#", "plain",
	                                    "devices/openx/x", "$SYS/x", NULL };
	     *t; t++) {
		assert_int_equal(publish(open, *t), NO);
		assert_int_equal(subscribe(open, *t), NO);
		assert_int_equal(reads(open, *t), NO);
	}
	change_device("open", NULL, DEVICE_SUSPENDED);
	assert_int_equal(publish(open, "devices/open/telemetry"), SB_E_SUSPENDED);
	assert_int_equal(may_renew(reg, &open), SB_E_SUSPENDED);
}

static void anonymous_peers_have_what_has_no_credential(void **state)
{
	(void)state;
	assert_int_equal(publish(anonymous, "plain/x"), 0);
	assert_int_equal(publish(anonymous, "devices/open/telemetry"), 0);
	assert_int_equal(publish(anonymous, "devices/boiler/telemetry"), NO);
	assert_int_equal(publish(anonymous, "devices/nobody-yet/telemetry"), 0);
	assert_int_equal(subscribe(anonymous, "plain/#"), 0);
	assert_int_equal(subscribe(anonymous, "devices/open/#"), 0);
	assert_int_equal(subscribe(anonymous, "devices/boiler/#"), NO);
	assert_int_equal(subscribe(anonymous, "#"), PART);
	assert_int_equal(subscribe(anonymous, "devices/+/telemetry"), PART);
	assert_int_equal(subscribe(anonymous, "+/boiler/telemetry"), PART);
	assert_int_equal(subscribe(anonymous, "$SYS/#"), NO);
	assert_int_equal(reads(anonymous, "devices/open/telemetry"), 0);
	assert_int_equal(reads(anonymous, "devices/boiler/telemetry"), NO);
	assert_int_equal(reads(anonymous, "plain/x"), 0);
	change_device("boiler", "", -1);
	assert_int_equal(reads(anonymous, "devices/boiler/telemetry"), 0);
}

static void roles_decide_where_there_is_no_list(void **state)
{
	struct sb_principal vera = user("vera", SB_ROLE_VIEWER);
	struct sb_principal otto = user("otto", SB_ROLE_OPERATOR);
	struct sb_principal anna = user("anna", SB_ROLE_ADMIN);

	(void)state;
	assert_int_equal(publish(vera, "plain/x"), NO);
	assert_int_equal(subscribe(vera, "#"), 0);
	assert_int_equal(subscribe(vera, "$SYS/#"), NO);
	assert_int_equal(publish(otto, "plain/x"), 0);
	assert_int_equal(publish(otto, "devices/open/commands/7"), 0);
	assert_int_equal(publish(otto, "devices/open/state/desired"), 0);
	assert_int_equal(publish(otto, "devices/open/ota"), 0);
	assert_int_equal(publish(otto, "devices/open/telemetry"), NO);
	assert_int_equal(publish(otto, "devices/open/commands/7/result"), NO);
	assert_int_equal(publish(otto, "devices/open/state/reported"), NO);
	assert_int_equal(publish(anna, "devices/open/telemetry"), 0);
	assert_int_equal(subscribe(anna, "$SYS/#"), 0);
	/* Whoever came in with less keeps less. */
	anna.role = SB_ROLE_VIEWER;
	assert_int_equal(publish(anna, "plain/x"), NO);
}

static void lists_take_the_place_of_the_role(void **state)
{
	struct user_change lists = { .role = -1, .disabled = -1 };
	struct sb_principal otto = user("otto", SB_ROLE_OPERATOR);
	uint64_t before = may_generation(reg);

	(void)state;
	lists.publish = str("red/#\ndevices/+/telemetry");
	lists.subscribe = str("red/#\n$SYS/load");
	change_user("otto", &lists);
	assert_true(may_generation(reg) != before);
	assert_int_equal(publish(otto, "red/x"), 0);
	assert_int_equal(publish(otto, "devices/open/telemetry"), 0);
	assert_int_equal(publish(otto, "plain/x"), NO);
	assert_int_equal(subscribe(otto, "red/+/x"), 0);
	assert_int_equal(subscribe(otto, "#"), PART);
	assert_int_equal(subscribe(otto, "blue/#"), NO);
	assert_int_equal(subscribe(otto, "$SYS/load"), 0);
	assert_int_equal(reads(otto, "red/x"), 0);
	assert_int_equal(reads(otto, "blue/x"), NO);
	lists = (struct user_change){ .role = -1, .disabled = -1, .subscribe = str("") };
	change_user("otto", &lists);
	assert_int_equal(subscribe(otto, "red/x"), NO);
	assert_int_equal(publish(otto, "red/x"), 0);
	lists = (struct user_change){
		.role = -1, .disabled = -1, .publish_by_role = true, .subscribe_by_role = true
	};
	change_user("otto", &lists);
	assert_int_equal(subscribe(otto, "#"), 0);
	assert_int_equal(publish(otto, "devices/open/telemetry"), NO);
	lists.publish_by_role = false;
	lists.publish = str("a/#/b");
	assert_int_equal(users_change(users, str("otto"), &lists, "admin"), SB_E_MALFORMED);
}

static void lists_survive_a_restart(void **state)
{
	struct user_change lists = { .role = -1, .disabled = -1 };
	struct sb_principal otto = user("otto", SB_ROLE_OPERATOR);
	struct users *again;

	(void)state;
	lists.publish = str("red/#");
	change_user("otto", &lists);
	assert_int_equal(users_new(&again, fake_docs()), 0);
	assert_int_equal(users_load(again), 0);
	fake_instance_stop();
	registry_free(reg);
	users_free(users);
	users = again;
	assert_int_equal(registry_new(&reg,
	                              &(struct registry_config){
					      .docs = fake_docs(),
					      .host = (struct host *)(void *)fake_instance(),
					      .max_devices = 100,
					      .users = users,
				      }),
	                 0);
	fake_instance_start();
	assert_int_equal(publish(otto, "red/x"), 0);
	assert_int_equal(publish(otto, "plain/x"), NO);
}

static void whoever_is_disabled_or_gone_has_nothing(void **state)
{
	struct user_change disable = { .role = -1, .disabled = 1 };
	struct user_change demote = { .role = SB_ROLE_VIEWER, .disabled = -1 };
	struct sb_principal otto = user("otto", SB_ROLE_OPERATOR);
	struct sb_principal vera = user("vera", SB_ROLE_VIEWER);
	struct sb_principal nobody = user("nobody", SB_ROLE_ADMIN);
	struct sb_principal local = nobody;

	(void)state;
	assert_int_equal(may_renew(reg, &otto), 0);
	change_user("otto", &demote);
	assert_int_equal(may_renew(reg, &otto), 0);
	assert_int_equal(otto.role, SB_ROLE_VIEWER);
	change_user("otto", &disable);
	assert_int_equal(subscribe(otto, "#"), NO);
	assert_int_equal(may_renew(reg, &otto), NO);
	assert_int_equal(users_remove(users, str("vera"), "anna"), 0);
	assert_int_equal(reads(vera, "x"), NO);
	assert_int_equal(may_renew(reg, &nobody), NO);
	/* A token made beside the data directory has no user. */
	local.id = users_id(str("local:x"), true);
	assert_int_equal(publish(local, "x"), 0);
	assert_int_equal(may_renew(reg, &local), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fresh, stage_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_device_has_its_own_topics_and_no_others),
		TEST(anonymous_peers_have_what_has_no_credential),
		TEST(roles_decide_where_there_is_no_list),
		TEST(lists_take_the_place_of_the_role),
		TEST(lists_survive_a_restart),
		TEST(whoever_is_disabled_or_gone_has_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
