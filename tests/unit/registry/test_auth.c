#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "registry/inner.h"
#include "registry/stage.h"

static void nameless_peers_are_anonymous_where_that_is_allowed(void **state)
{
	struct sb_credentials cred = { .size = sizeof(cred), .client_id = str("x") };
	struct answer a = ask("open", "", "", NULL);

	(void)state;
	assert_int_equal(a.r, 0);
	assert_int_equal(a.who.kind, SB_PRINCIPAL_ANONYMOUS);
	assert_true(a.who.id != 0);
	a = (struct answer){ 0 };
	assert_int_equal(fake_service()->authenticate((struct sb_host *)fake_instance(), &cred,
	                                              stage_answered, &a, 1),
	                 0);
	assert_int_equal(a.r, -EACCES);
}

static void a_device_with_a_password_needs_it_even_where_anonymous_is_allowed(void **state)
{
	struct device *dev;
	struct answer a;

	(void)state;
	assert_int_equal(ask("boiler", "", "", NULL).r, -EACCES);
	assert_int_equal(ask("x", "boiler", "", NULL).r, -EACCES);
	assert_int_equal(ask("x", "boiler", "wrong", NULL).r, -EACCES);
	a = ask("x", "boiler", "secret of boiler", NULL);
	assert_int_equal(a.r, 0);
	assert_int_equal(a.who.kind, SB_PRINCIPAL_DEVICE);
	assert_int_equal(registry_find(reg, str("boiler"), &dev), 0);
	assert_int_equal(a.who.device, registry_handle(dev));
	a = ask("boiler", "", "secret of boiler", NULL); /* MQTT 5: a password without a name */
	assert_int_equal(a.r, 0);
}

static void unknown_names_are_refused_as_slowly_as_wrong_passwords(void **state)
{
	bool slow;

	(void)state;
	assert_int_equal(ask("x", "nobody", "guess", &slow).r, -EACCES);
	assert_true(slow);
	assert_int_equal(ask("x", "open", "guess", &slow).r, -EACCES);
	assert_true(slow);
	assert_int_equal(ask("x", "boiler", "guess", &slow).r, -EACCES);
	assert_true(slow);
}

static void a_password_is_hashed_once_until_it_changes(void **state)
{
	bool slow;

	(void)state;
	assert_int_equal(ask("x", "boiler", "secret of boiler", &slow).r, 0);
	assert_true(slow);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask("x", "boiler", "secret of boiler", &slow).r, 0);
		assert_false(slow);
	}
	stage_password("boiler", "another secret");
	assert_int_equal(ask("x", "boiler", "secret of boiler", &slow).r, -EACCES);
	assert_true(slow);
	assert_int_equal(ask("x", "boiler", "another secret", NULL).r, 0);
}

static void a_suspended_device_is_told_so_only_with_its_password(void **state)
{
	struct device_change change = { .admin = DEVICE_SUSPENDED, .if_rev = UINT64_MAX };

	(void)state;
	assert_int_equal(ask("x", "boiler", "secret of boiler", NULL).r, 0);
	assert_int_equal(registry_change(reg, str("boiler"), &change, NULL, NULL), SB_PENDING);
	assert_int_equal(registry_save(reg), 0);
	assert_int_equal(ask("x", "boiler", "secret of boiler", NULL).r, SB_E_SUSPENDED);
	assert_int_equal(ask("x", "boiler", "guess", NULL).r, -EACCES);
}

static void people_log_in_with_a_password_they_chose(void **state)
{
	struct user_change change = { .password = str("chosen by anna"),
		                      .role = -1,
		                      .disabled = -1 };
	struct answer a;

	(void)state;
	assert_int_equal(users_create(users, str("anna"), str("first password"), SB_ROLE_OPERATOR,
	                              "admin"),
	                 0);
	assert_int_equal(ask("x", "anna", "first password", NULL).r, -EACCES);
	assert_int_equal(users_change(users, str("anna"), &change, "anna"), 0);
	a = ask("x", "anna", "chosen by anna", NULL);
	assert_int_equal(a.r, 0);
	assert_int_equal(a.who.kind, SB_PRINCIPAL_USER);
	assert_int_equal(a.who.role, SB_ROLE_OPERATOR);
}

static void a_stopping_instance_leaves_no_answer_behind(void **state)
{
	struct answer a[8] = { 0 };
	uint32_t posted = 0;

	(void)state;
	for (int i = 0; i < 8; i++) {
		char password[2] = { (char)('a' + i), 0 };
		struct sb_credentials cred = {
			.size = sizeof(cred),
			.username = str("boiler"),
			.password = { (const uint8_t *)password, 1 },
		};
		assert_int_equal(fake_service()->authenticate((struct sb_host *)fake_instance(),
		                                              &cred, stage_answered, &a[i], 1),
		                 0);
	}
	fake_instance_stop();
	while (fake_instance_run_waiting())
		posted++;
	assert_true(posted < 8);
}

static void only_a_device_itself_acts_for_one_with_a_credential(void **state)
{
	struct sb_host *handle = (struct sb_host *)fake_instance();
	struct answer device = ask("c", "boiler", "secret of boiler", NULL);
	struct answer nameless = ask("open", "", "", NULL);
	struct sb_principal person = { .kind = SB_PRINCIPAL_USER, .role = SB_ROLE_VIEWER };

	(void)state;
	assert_int_equal(fake_service()->may_act(handle, &device.who, str("boiler")), 0);
	assert_int_equal(fake_service()->may_act(handle, &device.who, str("open")), -EACCES);
	assert_int_equal(fake_service()->may_act(handle, &nameless.who, str("boiler")), -EACCES);
	assert_int_equal(fake_service()->may_act(handle, &nameless.who, str("open")), 0);
	assert_int_equal(fake_service()->may_act(handle, &nameless.who, str("nobody yet")), 0);
	assert_int_equal(fake_service()->may_act(handle, &nameless.who, str("a/b")), SB_E_NAME);
	assert_int_equal(fake_service()->may_act(handle, &person, str("open")), -EACCES);
	person.role = SB_ROLE_OPERATOR;
	assert_int_equal(fake_service()->may_act(handle, &person, str("boiler")), 0);
}

static void withdrawn(void *ud, sb_device device)
{
	*(sb_device *)ud = device;
}

static void whoever_watches_hears_of_withdrawn_rights(void **state)
{
	struct sb_host *handle = (struct sb_host *)fake_instance();
	struct device_change suspend = { .admin = DEVICE_SUSPENDED,
		                         .if_rev = UINT64_MAX,
		                         .who = "anna" };
	struct device_change rename = { .admin = -1, .if_rev = UINT64_MAX, .name = str("x") };
	sb_device told = 0, open = 0;
	struct answer nameless = ask("open", "", "", NULL);

	(void)state;
	assert_int_equal(fake_service()->resolve(handle, str("open"), &open), 0);
	assert_int_equal(fake_service()->watch(handle, withdrawn, &told), 0);
	assert_int_equal(registry_change(reg, str("open"), &rename, NULL, NULL), SB_PENDING);
	assert_int_equal(registry_save(reg), 0);
	assert_int_equal(fake_instance_run_waiting(), 0);
	assert_int_equal(registry_change(reg, str("open"), &suspend, NULL, NULL), SB_PENDING);
	assert_int_equal(registry_save(reg), 0);
	assert_int_equal(fake_instance_run(1), 1);
	assert_true(told == open);
	assert_int_equal(fake_service()->may_act(handle, &nameless.who, str("open")),
	                 SB_E_SUSPENDED);
	stage_password("open", "a new one");
	told = 0;
	fake_instance_stop(); /* what was posted before is told nobody */
	while (fake_instance_run_waiting())
		;
	assert_true(told == 0);
}

static uint64_t hashed(void)
{
	struct auth_stats stats;

	auth_stats(reg->auth, &stats);
	return stats.hashed;
}

static void two_thousand_logins_cost_a_hash_for_each_device(void **state)
{
	char id[16];
	uint64_t before;

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct device *dev;
		(void)snprintf(id, sizeof(id), "fleet-%d", i);
		assert_int_equal(registry_meet(reg, str(id), &dev), 0);
		stage_password(id, "a secret of the fleet");
	}
	before = hashed();
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(id, sizeof(id), "fleet-%d", i % 5);
		assert_int_equal(ask("x", id, "a secret of the fleet", NULL).r, 0);
	}
	assert_int_equal(hashed() - before, 5);
}

/* As ask(), but from this address, and with the answer of the call. */
static int ask_from(const char *peer, const char *name, const char *password)
{
	struct sb_credentials cred = {
		.size = sizeof(cred),
		.peer = str(peer),
		.username = str(name),
		.password = { (const uint8_t *)password, strlen(password) },
	};
	struct answer a = { 0 };
	int r = fake_service()->authenticate((struct sb_host *)fake_instance(), &cred,
	                                     stage_answered, &a, 42);

	if (r == 0 && a.n == 0)
		assert_int_equal(fake_instance_run(1), 1);
	return r ? r : a.r;
}

static void guessing_ends_in_a_request_to_come_later_not_in_hashes(void **state)
{
	char guess[16];
	uint64_t before;
	int denied = 0;

	(void)state;
	assert_int_equal(ask_from("10.0.0.1:1", "boiler", "secret of boiler"), 0);
	before = hashed();
	for (int i = 0; i < 60; i++) {
		(void)snprintf(guess, sizeof(guess), "guess %d", i);
		int r = ask_from("10.0.0.9:1", "boiler", guess);
		assert_true(r == -EACCES || r == SB_E_OVERLOAD);
		denied += r == -EACCES;
	}
	/* 20 at once for one name, and one every five seconds. */
	assert_in_range(denied, 20, 24);
	assert_int_equal(hashed() - before, denied);
	/* Who is known comes in all the same, and other names are not touched. */
	assert_int_equal(ask_from("10.0.0.1:1", "boiler", "secret of boiler"), 0);
	assert_int_equal(ask_from("10.0.0.9:1", "open", "guess"), -EACCES);
}

static void next_credentials_are_taken_beside_the_accepted_one(void **state)
{
	struct device_change change = { .admin = -1, .if_rev = UINT64_MAX, .as_next = true };
	struct device_change promote = { .admin = -1, .if_rev = UINT64_MAX, .promote = true };

	(void)state;
	assert_int_equal(registry_change(reg, str("boiler"), &promote, NULL, NULL), SB_E_NOT_FOUND);
	change.password = str("the next one");
	assert_int_equal(registry_change(reg, str("boiler"), &change, NULL, NULL), SB_PENDING);
	assert_int_equal(registry_save(reg), 0);
	assert_int_equal(ask("x", "boiler", "secret of boiler", NULL).r, 0);
	assert_int_equal(ask("x", "boiler", "the next one", NULL).r, 0);
	assert_int_equal(ask("x", "boiler", "neither", NULL).r, -EACCES);
	assert_int_equal(registry_change(reg, str("boiler"), &promote, NULL, NULL), SB_PENDING);
	assert_int_equal(registry_save(reg), 0);
	assert_int_equal(ask("x", "boiler", "secret of boiler", NULL).r, -EACCES);
	assert_int_equal(ask("x", "boiler", "the next one", NULL).r, 0);
}

static void renamed(void *ud, uint64_t id)
{
	*(uint64_t *)ud = id;
}

static void a_new_password_of_a_user_is_told(void **state)
{
	struct sb_host *handle = (struct sb_host *)fake_instance();
	struct user_change role = { .role = SB_ROLE_VIEWER, .disabled = -1 };
	struct user_change password = { .password = str("another one"),
		                        .role = -1,
		                        .disabled = -1 };
	sb_device device = 0;
	uint64_t id = 0;

	(void)state;
	assert_int_equal(users_create(users, str("anna"), str("long enough"), 2, "x"), 0);
	assert_int_equal(fake_service()->watch(handle, withdrawn, &device), 0);
	assert_int_equal(fake_service()->watch_users(handle, renamed, &id), 0);
	assert_int_equal(users_change(users, str("anna"), &role, "x"), 0);
	assert_int_equal(fake_instance_run_waiting(), 0);
	assert_int_equal(users_change(users, str("anna"), &password, "x"), 0);
	assert_int_equal(fake_instance_run(1), 1);
	assert_true(id == users_id(str("anna"), false));
	assert_true(device == 0);
	stage_password("open", "a new one");
	assert_int_equal(fake_instance_run(1), 1);
	assert_true(device != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nameless_peers_are_anonymous_where_that_is_allowed,
		                                stage_up, stage_down),
		cmocka_unit_test_setup_teardown(
			a_device_with_a_password_needs_it_even_where_anonymous_is_allowed, stage_up,
			stage_down),
		cmocka_unit_test_setup_teardown(
			unknown_names_are_refused_as_slowly_as_wrong_passwords, stage_up,
			stage_down),
		cmocka_unit_test_setup_teardown(a_password_is_hashed_once_until_it_changes,
		                                stage_up, stage_down),
		cmocka_unit_test_setup_teardown(
			a_suspended_device_is_told_so_only_with_its_password, stage_up, stage_down),
		cmocka_unit_test_setup_teardown(people_log_in_with_a_password_they_chose, stage_up,
		                                stage_down),
		cmocka_unit_test_setup_teardown(only_a_device_itself_acts_for_one_with_a_credential,
		                                stage_up, stage_down),
		cmocka_unit_test_setup_teardown(whoever_watches_hears_of_withdrawn_rights, stage_up,
		                                stage_down),
		cmocka_unit_test_setup_teardown(two_thousand_logins_cost_a_hash_for_each_device,
		                                stage_up, stage_down),
		cmocka_unit_test_setup_teardown(
			guessing_ends_in_a_request_to_come_later_not_in_hashes, stage_up,
			stage_down),
		cmocka_unit_test_setup_teardown(next_credentials_are_taken_beside_the_accepted_one,
		                                stage_up, stage_down),
		cmocka_unit_test_setup_teardown(a_new_password_of_a_user_is_told, stage_up,
		                                stage_down),
		cmocka_unit_test_setup_teardown(a_stopping_instance_leaves_no_answer_behind,
		                                stage_up, stage_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
