/* A registry with users whose credentials are asked for as plugins ask: the device "boiler" has a
 * password, "open" has none. */
#pragma once
#include <string.h>

#include "check.h"
#include "registry/auth.h"
#include "registry/device.h"
#include "registry/fake.h"
#include "registry/registry.h"
#include "registry/users.h"

static struct registry *reg;
static struct users *users;

static inline struct sb_str str(const char *s)
{
	return sb_str_of(s, strlen(s));
}

static inline void stage_password(const char *id, const char *password)
{
	struct device_change change = { .admin = -1, .if_rev = UINT64_MAX, .who = "anna" };

	change.password = str(password);
	assert_int_equal(registry_change(reg, str(id), &change, NULL, NULL), SB_PENDING);
	assert_int_equal(registry_save(reg), 0);
}

static inline int stage_up(void **state)
{
	struct device *dev;

	(void)state;
	fake_docs_clear();
	if (users_new(&users, fake_docs()) < 0 ||
	    registry_new(&reg, &(struct registry_config){
				       .docs = fake_docs(),
				       .host = (struct host *)(void *)fake_instance(),
				       .provisioning = PROVISION_ACTIVE,
				       .max_devices = 100,
				       .users = users,
			       }) < 0)
		return -1;
	fake_instance_start();
	(void)registry_meet(reg, str("boiler"), &dev);
	(void)registry_meet(reg, str("open"), &dev);
	stage_password("boiler", "secret of boiler");
	return 0;
}

static inline int stage_down(void **state)
{
	(void)state;
	fake_instance_stop();
	reg = registry_free(reg);
	users = users_free(users);
	fake_docs_clear();
	return 0;
}

/* ---- asking who somebody is */

struct answer {
	int n, r;
	sb_token token;
	struct sb_principal who;
};

static inline void stage_answered(void *ud, sb_token token, int32_t r,
                                  const struct sb_principal *who)
{
	struct answer *a = ud;

	a->n++;
	a->r = r;
	a->token = token;
	a->who = *who;
}

/* Asks, waits, and says how it went; *slow: a hash was computed for it. */
static inline struct answer ask(const char *client, const char *name, const char *password,
                                bool *slow)
{
	struct sb_credentials cred = {
		.size = sizeof(cred),
		.anonymous_allowed = 1,
		.client_id = str(client),
		.username = str(name),
		.password = { (const uint8_t *)password, strlen(password) },
	};
	struct answer a = { 0 };

	assert_int_equal(fake_service()->authenticate((struct sb_host *)fake_instance(), &cred,
	                                              stage_answered, &a, 42),
	                 0);
	if (slow)
		*slow = a.n == 0;
	if (a.n == 0)
		assert_int_equal(fake_instance_run(1), 1);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.token, 42);
	return a;
}
