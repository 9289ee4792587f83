#include "registry/may.h"

#include <errno.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "registry/account.h"
#include "registry/device.h"
#include "registry/filter.h"
#include "registry/inner.h"
#include "registry/rights.h"
#include "registry/users.h"

#define UNDER  "devices/"
#define UNDERS (sizeof(UNDER) - 1)

/* Below devices/{id}/; false if it is not that, or {id} is not one device. */
static bool split(struct sb_str topic, struct sb_str *id, struct sb_str *rest)
{
	if (topic.n <= UNDERS || memcmp(topic.p, UNDER, UNDERS) != 0)
		return false;
	const char *from = topic.p + UNDERS;
	size_t left = topic.n - UNDERS;
	const char *slash = memchr(from, '/', left);
	if (!slash || slash == from)
		return false;
	*id = sb_str_of(from, (size_t)(slash - from));
	*rest = sb_str_of(slash + 1, left - id->n - 1);
	return !(id->n == 1 && (*from == '+' || *from == '#'));
}

/* ---- devices */

static int of_device(struct registry *reg, const struct sb_principal *who, struct sb_str topic)
{
	const struct device *dev = registry_get(reg, who->device);
	struct sb_str id;
	struct sb_str rest;

	if (!dev || !split(topic, &id, &rest) || !text_equal(id, device_id(dev)))
		return -EACCES;
	return device_suspended(dev);
}

/* ---- nameless peers */

static int of_anonymous(struct registry *reg, const struct sb_principal *who, int action,
                        struct sb_str topic)
{
	struct sb_str id;
	struct sb_str rest;

	if (topic.n && topic.p[0] == '$')
		return -EACCES;
	if (split(topic, &id, &rest))
		return rights_check(reg, who, id);
	if (action == SB_MAY_SUBSCRIBE && filter_meets(topic, SB_STR("devices/+/#")))
		return SB_MAY_PART;
	return 0;
}

/* ---- users */

/* What a device is told; everything else under its topics only itself can say. */
static bool is_told(struct sb_str topic)
{
	static const char *const told[] = { "devices/+/state/desired", "devices/+/commands/+",
		                            "devices/+/ota" };

	for (size_t i = 0; i < ARRAY_LEN(told); i++)
		if (filter_covers(sb_str_of(told[i], strlen(told[i])), topic))
			return true;
	return false;
}

static int of_role(int role, int action, struct sb_str topic)
{
	if (role == SB_ROLE_ADMIN)
		return 0;
	if (role < SB_ROLE_VIEWER || (topic.n && topic.p[0] == '$'))
		return -EACCES;
	if (action != SB_MAY_PUBLISH)
		return 0;
	if (role < SB_ROLE_OPERATOR)
		return -EACCES;
	return !filter_covers(SB_STR("devices/#"), topic) || is_told(topic) ? 0 : -EACCES;
}

static int of_list(const char *list, int action, struct sb_str topic)
{
	int r = -EACCES;

	while (*list) {
		const char *end = strchrnul(list, '\n');
		struct sb_str filter = sb_str_of(list, (size_t)(end - list));
		if (filter_covers(filter, topic))
			return 0;
		if (action == SB_MAY_SUBSCRIBE && filter_meets(filter, topic))
			r = SB_MAY_PART;
		list = *end ? end + 1 : end;
	}
	return r;
}

struct question {
	const struct sb_principal *who;
	int action;
	struct sb_str topic;
	int r;
};

/* Under the lock of the users. */
static void of_account(void *ud, const struct account *account)
{
	struct question *q = ud;
	bool publish = q->action == SB_MAY_PUBLISH;

	if (account->disabled)
		return;
	if (publish ? account->has_publish : account->has_subscribe)
		q->r = of_list(publish ? account->publish : account->subscribe, q->action,
		               q->topic);
	else
		q->r = of_role(MIN(account->role, q->who->role), q->action, q->topic);
}

static int of_user(struct registry *reg, const struct sb_principal *who, int action,
                   struct sb_str topic)
{
	struct question q = { .who = who, .action = action, .topic = topic, .r = -EACCES };

	/* A token nobody stands behind is as good as its role. */
	if (users_id_is_token(who->id))
		return of_role(who->role, action, topic);
	if (reg->config.users)
		users_see(reg->config.users, who->id, of_account, &q);
	return q.r;
}

int may_check(struct registry *reg, const struct sb_principal *who, int action, struct sb_str topic)
{
	if (action < SB_MAY_PUBLISH || action > SB_MAY_READ)
		return -EINVAL;
	switch (who->kind) {
	case SB_PRINCIPAL_DEVICE:
		return of_device(reg, who, topic);
	case SB_PRINCIPAL_ANONYMOUS:
		return of_anonymous(reg, who, action, topic);
	case SB_PRINCIPAL_USER:
		return of_user(reg, who, action, topic);
	default:
		return -EACCES;
	}
}

uint64_t may_generation(struct registry *reg)
{
	uint64_t users = reg->config.users ? users_generation(reg->config.users) : 0;

	return users + atomic_load_explicit(&reg->rights, memory_order_acquire);
}

/* ---- up to date */

static void renew_role(void *ud, const struct account *account)
{
	struct question *q = ud;

	if (!account->disabled)
		q->r = account->role;
}

static int renew_user(struct registry *reg, struct sb_principal *who)
{
	struct question q = { .r = SB_ROLE_NONE };

	if (users_id_is_token(who->id))
		return who->role == SB_ROLE_NONE ? -EACCES : 0;
	if (reg->config.users)
		users_see(reg->config.users, who->id, renew_role, &q);
	who->role = MIN(who->role, q.r);
	return who->role == SB_ROLE_NONE ? -EACCES : 0;
}

int may_renew(struct registry *reg, struct sb_principal *who)
{
	const struct device *dev;

	switch (who->kind) {
	case SB_PRINCIPAL_ANONYMOUS:
		return 0;
	case SB_PRINCIPAL_USER:
		return renew_user(reg, who);
	case SB_PRINCIPAL_DEVICE:
		dev = registry_at(reg, (uint32_t)who->id);
		if (!dev)
			return -EACCES;
		who->device = registry_handle(dev);
		return device_suspended(dev);
	default:
		return -EACCES;
	}
}
