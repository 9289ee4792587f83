/* user.*, token.*: people, and tokens for programs. */
#include <errno.h>
#include <stdio.h>
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

#define LIST_BYTES     1025 /* of topic filters, with the end */
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

/* A list of filters as lines, in text; *by_role: it is null. */
static int filters_take(struct call *c, const char *key, struct sb_str *lines, bool *by_role,
                        char text[static LIST_BYTES])
{
	const json_t *list = json_object_get(c->params, key);
	char field[16];
	size_t n = 0;

	*by_role = json_is_null(list);
	if (!json_is_array(list))
		return 0;
	snprintf(field, sizeof(field), "/%s", key);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *filter = json_array_get(list, i);
		size_t len = json_string_length(filter);
		if (memchr(json_string_value(filter), '\n', len))
			return call_refuse(c, RPC_INVALID_PARAMS, field, "no control characters");
		if (n + len + 1 >= LIST_BYTES)
			return call_refuse_with(c, RPC_TOO_LARGE, field, "1,024 bytes in all",
			                        NULL);
		if (i)
			text[n++] = '\n';
		memcpy(text + n, json_string_value(filter), len);
		n += len;
	}
	*lines = sb_str_of(text, n);
	return 0;
}

struct wish {
	struct user_change change;
	char publish[LIST_BYTES], subscribe[LIST_BYTES];
};

static int wish_take(struct call *c, struct wish *wish)
{
	struct user_change *change = &wish->change;
	int r;

	change->password = call_str(c, "password");
	change->integration = call_bool(c, "integration");
	r = filters_take(c, "publish", &change->publish, &change->publish_by_role, wish->publish);
	if (r == 0)
		r = filters_take(c, "subscribe", &change->subscribe, &change->subscribe_by_role,
		                 wish->subscribe);
	return r;
}

static int wish_refusal(struct call *c, int r)
{
	if (r == SB_E_NAME)
		return call_refuse_with(c, RPC_INVALID_PARAMS, "/name", "64 bytes",
		                        "letters a-z, digits, . _ -");
	if (r == SB_E_RANGE)
		return call_refuse_with(c, RPC_INVALID_PARAMS, "/password", "10 to 256 bytes",
		                        NULL);
	if (r == SB_E_MALFORMED)
		return call_refuse(
			c, RPC_INVALID_PARAMS,
			json_object_get(c->params, "publish") ? "/publish" : "/subscribe",
			"topic filters: + and # stand alone in their level, # is the last");
	if (r == -EPERM)
		return call_refuse(c, RPC_FORBIDDEN, "/name", "the last admin stays");
	return call_fault(c, r, "/name");
}

int user_create_call(struct call *c)
{
	struct wish wish = { .change = { .role = role_of(c, SB_ROLE_VIEWER), .disabled = -1 } };
	int r = wish_take(c, &wish);

	if (r)
		return r;
	r = users_add(c->api->config.users, call_str(c, "name"), &wish.change, c->who.subject);
	return r < 0 ? wish_refusal(c, r) : nothing(c);
}

int user_update_call(struct call *c)
{
	const json_t *disabled = json_object_get(c->params, "disabled");
	struct wish wish = { .change = { .role = role_of(c, -1),
		                         .disabled = disabled ? json_is_true(disabled) : -1 } };
	int r = wish_take(c, &wish);

	if (r)
		return r;
	r = users_change(c->api->config.users, call_str(c, "name"), &wish.change, c->who.subject);
	return r < 0 ? wish_refusal(c, r) : nothing(c);
}

int user_remove_call(struct call *c)
{
	int r = users_remove(c->api->config.users, call_str(c, "name"), c->who.subject);

	return r < 0 ? wish_refusal(c, r) : nothing(c);
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

/* As many guesses as at the door, whoever holds the token. Seconds to wait, 0: go on. */
static int password_limit(struct api *api, struct sb_str name)
{
	pthread_mutex_lock(&api->passwords_lock);
	int wait_s = limiter_try(&api->passwords, name, clock_mono());

	pthread_mutex_unlock(&api->passwords_lock);
	return wait_s;
}

static void password_was_right(struct api *api, struct sb_str name)
{
	pthread_mutex_lock(&api->passwords_lock);
	limiter_give_back(&api->passwords, name);
	pthread_mutex_unlock(&api->passwords_lock);
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
	if (password_limit(c->api, name) > 0)
		return call_refuse(c, RPC_RATE_LIMITED, "/old", "too many tries, wait a little");
	if (users_check(users, name, old, &role, &must_change) < 0)
		return call_refuse(c, RPC_FORBIDDEN, "/old", "the present password is wrong");
	password_was_right(c->api, name);
	if (old.n == change.password.n && memcmp(old.p, change.password.p, old.n) == 0)
		return call_refuse(c, RPC_INVALID_PARAMS, "/new",
		                   "must differ from the present one");
	int r = users_change(users, name, &change, c->who.subject);

	if (r < 0)
		return wish_refusal(c, r);
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
