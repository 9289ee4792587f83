/* user.*, token.*: people, and tokens for programs. */
#include <errno.h>
#include <string.h>

#include <signalbox/services.h>

#include "api/access.h"
#include "api/describe.h"
#include "api/rpc.h"
#include "api/server.h"
#include "base/clock.h"
#include "base/own.h"
#include "methods.gen.h"
#include "registry/users.h"

#define LOG_MODULE "user"
#include "base/log.h"

#define SESSION_TTL_NS (12 * 3600 * NS_PER_S)

static int role_of(const struct call *c, int fallback)
{
	int role = fallback;

	token_role_parse(call_str(c, "role").p, &role);
	return role;
}

static int nothing(struct call *c)
{
	wire_map(&c->result);
	wire_map_end(&c->result);
	return 0;
}

int user_list_call(struct call *c)
{
	wire_map(&c->result);
	wire_key(&c->result, "users");
	users_list(c->api->config.users, &c->result);
	wire_map_end(&c->result);
	return 0;
}

int user_create_call(struct call *c)
{
	int r = users_create(c->api->config.users, call_str(c, "name"), call_str(c, "password"),
	                     role_of(c, SB_ROLE_VIEWER), c->who.subject);

	if (r == SB_E_NAME)
		return call_refuse_with(c, RPC_INVALID_PARAMS, "/name", "64 bytes",
		                        "letters a-z, digits, . _ -");
	if (r == SB_E_RANGE)
		return call_refuse_with(c, RPC_INVALID_PARAMS, "/password", "10 to 256 bytes",
		                        NULL);
	return r < 0 ? call_fault(c, r, "/name") : nothing(c);
}

static int change_refusal(struct call *c, int r)
{
	if (r == -EPERM)
		return call_refuse(c, RPC_FORBIDDEN, "/name", "the last admin stays");
	if (r == SB_E_RANGE)
		return call_refuse_with(c, RPC_INVALID_PARAMS, "/password", "10 to 256 bytes",
		                        NULL);
	return call_fault(c, r, "/name");
}

int user_update_call(struct call *c)
{
	const json_t *disabled = json_object_get(c->params, "disabled");
	struct user_change change = {
		.password = call_str(c, "password"),
		.role = role_of(c, -1),
		.disabled = disabled ? json_is_true(disabled) : -1,
	};
	int r = users_change(c->api->config.users, call_str(c, "name"), &change, c->who.subject);

	return r < 0 ? change_refusal(c, r) : nothing(c);
}

int user_remove_call(struct call *c)
{
	int r = users_remove(c->api->config.users, call_str(c, "name"), c->who.subject);

	return r < 0 ? change_refusal(c, r) : nothing(c);
}

static int token_give(struct call *c, struct token_claims *who, int64_t ttl_ns)
{
	char token[TOKEN_MAX];
	int r = access_issue(&c->api->access, who, ttl_ns, token, sizeof(token));

	if (r < 0)
		return r;
	wire_map(&c->result);
	wire_key(&c->result, "token");
	wire_text(&c->result, token);
	describe_time(&c->result, "expires", who->expires_ns);
	wire_map_end(&c->result);
	return 0;
}

int user_password_call(struct call *c)
{
	struct users *users = c->api->config.users;
	struct sb_str name = sb_str_of(c->who.subject, strlen(c->who.subject));
	struct user_change change = { .password = call_str(c, "new"), .role = -1, .disabled = -1 };
	struct sb_str old = call_str(c, "old");
	bool must_change;
	int role;

	if (c->who.local)
		return call_refuse(c, RPC_FORBIDDEN, NULL, "a local token has no user behind it");
	if (users_check(users, name, old, &role, &must_change) < 0)
		return call_refuse(c, RPC_FORBIDDEN, "/old", "the present password is wrong");
	if (old.n == change.password.n && memcmp(old.p, change.password.p, old.n) == 0)
		return call_refuse(c, RPC_INVALID_PARAMS, "/new",
		                   "must differ from the present one");
	int r = users_change(users, name, &change, c->who.subject);

	if (r < 0)
		return change_refusal(c, r);
	c->who.role = role;
	c->who.must_change = false;
	c->renewed = true;
	return token_give(c, &c->who, SESSION_TTL_NS);
}

int token_create_call(struct call *c)
{
	struct token_claims who = c->who;
	struct sb_str name = call_str(c, "name");
	int64_t ttl_ns = call_int(c, "ttl", 86400) * NS_PER_S;

	who.role = role_of(c, SB_ROLE_VIEWER);
	if (who.role > c->who.role)
		return call_refuse(c, RPC_FORBIDDEN, "/role", "never more than one's own role");
	/* Nothing withdraws a local token but its end: it does not give birth to longer ones. */
	if (who.local)
		ttl_ns = MIN(ttl_ns, c->who.expires_ns - clock_utc());
	log_info("%s made a %s token '%.*s'", who.subject, token_role_name(who.role), (int)name.n,
	         name.p);
	return token_give(c, &who, ttl_ns);
}
