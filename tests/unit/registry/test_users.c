#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "check.h"
#include "registry/fake.h"
#include "registry/users.h"

static struct sb_str str(const char *s)
{
	return sb_str_of(s, strlen(s));
}

static struct users *users;

static int fresh(void **state)
{
	(void)state;
	fake_docs_clear();
	return users_new(&users, fake_docs());
}

static int end(void **state)
{
	(void)state;
	users = users_free(users);
	fake_docs_clear();
	return 0;
}

static int check(const char *name, const char *password, int *role, bool *must_change)
{
	return users_check(users, str(name), str(password), role, must_change);
}

static void the_first_admin_has_a_random_password_and_is_made_once(void **state)
{
	char one[33];
	char two[33];
	int role;
	bool must;

	(void)state;
	assert_int_equal(users_first(users, one), 0);
	assert_int_equal(users_first(users, two), 1);
	assert_int_equal(strlen(one), 23);
	assert_int_equal(check("admin", one, &role, &must), 0);
	assert_int_equal(role, SB_ROLE_ADMIN);
	assert_true(must);
	assert_int_equal(check("admin", "wrong password", &role, &must), -EACCES);
	assert_int_equal(role, SB_ROLE_NONE);
	assert_int_equal(check("nobody", one, &role, &must), -EACCES);
}

static void users_come_back_after_a_restart(void **state)
{
	int64_t since = 0;
	int role;
	bool must;

	(void)state;
	assert_int_equal(users_create(users, str("anna"), str("long enough"), SB_ROLE_VIEWER, "x"),
	                 0);
	users_free(users);
	assert_int_equal(users_new(&users, fake_docs()), 0);
	assert_int_equal(users_role(users, str("anna"), &since), SB_ROLE_NONE);
	assert_int_equal(users_load(users), 0);
	assert_int_equal(users_role(users, str("anna"), &since), SB_ROLE_VIEWER);
	assert_true(since > 0);
	assert_int_equal(check("anna", "long enough", &role, &must), 0);
}

static void names_and_passwords_have_limits(void **state)
{
	char text[300];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(users_create(users, str("Anna"), str("long enough"), 1, "x"), SB_E_NAME);
	assert_int_equal(users_create(users, str(""), str("long enough"), 1, "x"), SB_E_NAME);
	assert_int_equal(users_create(users, sb_str_of(text, 65), str("long enough"), 1, "x"),
	                 SB_E_NAME);
	assert_int_equal(users_create(users, str("anna"), str("too short"), 1, "x"), SB_E_RANGE);
	assert_int_equal(users_create(users, str("anna"), sb_str_of(text, 257), 1, "x"),
	                 SB_E_RANGE);
	assert_int_equal(users_create(users, str("anna"), str("long enough"), 4, "x"), SB_E_RANGE);
	assert_int_equal(users_create(users, str("anna"), str("long enough"), 1, "x"), 0);
	assert_int_equal(users_create(users, str("anna"), str("long enough"), 1, "x"), SB_E_EXISTS);
}

static void a_new_password_ends_old_tokens_and_only_ones_own_stays(void **state)
{
	struct user_change change = { .password = str("another one"), .role = -1, .disabled = -1 };
	int64_t before = 0;
	int64_t after = 0;
	int role;
	bool must;

	(void)state;
	assert_int_equal(users_create(users, str("anna"), str("long enough"), 1, "admin"), 0);
	(void)users_role(users, str("anna"), &before);
	assert_int_equal(users_change(users, str("anna"), &change, "anna"), 0);
	(void)users_role(users, str("anna"), &after);
	assert_true(after > before);
	assert_int_equal(check("anna", "another one", &role, &must), 0);
	assert_false(must);
	change.password = str("set by the admin");
	assert_int_equal(users_change(users, str("anna"), &change, "admin"), 0);
	assert_int_equal(check("anna", "set by the admin", &role, &must), 0);
	assert_true(must);
}

static void the_last_admin_stays(void **state)
{
	struct user_change demote = { .role = SB_ROLE_VIEWER, .disabled = -1 };
	struct user_change disable = { .role = -1, .disabled = 1 };
	char password[33];

	(void)state;
	assert_int_equal(users_first(users, password), 0);
	assert_int_equal(users_remove(users, str("admin"), "x"), -EPERM);
	assert_int_equal(users_change(users, str("admin"), &demote, "x"), -EPERM);
	assert_int_equal(users_change(users, str("admin"), &disable, "x"), -EPERM);
	assert_int_equal(users_create(users, str("eve"), str("long enough"), SB_ROLE_ADMIN, "x"),
	                 0);
	assert_int_equal(users_remove(users, str("admin"), "x"), 0);
	assert_int_equal(users_remove(users, str("admin"), "x"), SB_E_NOT_FOUND);
	assert_int_equal(users_remove(users, str("eve"), "x"), -EPERM);
}

static void a_disabled_user_may_not_log_in(void **state)
{
	struct user_change disable = { .role = -1, .disabled = 1 };
	int64_t since;
	int role;
	bool must;

	(void)state;
	assert_int_equal(users_create(users, str("anna"), str("long enough"), 1, "x"), 0);
	assert_int_equal(users_change(users, str("anna"), &disable, "x"), 0);
	assert_int_equal(check("anna", "long enough", &role, &must), -EACCES);
	assert_int_equal(users_role(users, str("anna"), &since), SB_ROLE_NONE);
}

static void a_change_the_disk_refused_did_not_happen(void **state)
{
	int64_t since;

	(void)state;
	fake_docs_fail(-EIO);
	assert_int_equal(users_create(users, str("anna"), str("long enough"), 1, "x"), -EIO);
	assert_int_equal(users_role(users, str("anna"), &since), SB_ROLE_NONE);
}

static void lists_and_audit_never_show_a_hash(void **state)
{
	struct buffer out = { 0 };
	struct wire w = wire_on(&out, WIRE_JSON);

	(void)state;
	assert_int_equal(users_create(users, str("eve"), str("long enough"), SB_ROLE_ADMIN, "x"),
	                 0);
	assert_int_equal(users_create(users, str("anna"), str("long enough"), 1, "x"), 0);
	users_list(users, &w);
	buffer_give_u8(&out, 0);
	assert_false(out.bad);
	assert_memory_equal(out.p, "[{\"name\":\"anna\",\"role\":\"viewer\",\"disabled\":false,",
	                    49);
	assert_non_null(strstr((const char *)out.p, "{\"name\":\"eve\",\"role\":\"admin\""));
	assert_null(strstr((const char *)out.p, "argon"));
	assert_null(strstr(fake_docs_text(SB_STR("audit")), "argon"));
	assert_int_equal(fake_docs_count(SB_STR("audit")), 2);
	buffer_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_first_admin_has_a_random_password_and_is_made_once, fresh, end),
		cmocka_unit_test_setup_teardown(users_come_back_after_a_restart, fresh, end),
		cmocka_unit_test_setup_teardown(names_and_passwords_have_limits, fresh, end),
		cmocka_unit_test_setup_teardown(
			a_new_password_ends_old_tokens_and_only_ones_own_stays, fresh, end),
		cmocka_unit_test_setup_teardown(the_last_admin_stays, fresh, end),
		cmocka_unit_test_setup_teardown(a_disabled_user_may_not_log_in, fresh, end),
		cmocka_unit_test_setup_teardown(a_change_the_disk_refused_did_not_happen, fresh,
		                                end),
		cmocka_unit_test_setup_teardown(lists_and_audit_never_show_a_hash, fresh, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
