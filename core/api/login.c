#include "api/login.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/services.h>

#include "api/describe.h"
#include "api/form.h"
#include "api/front.h"
#include "api/http.h"
#include "api/jobs.h"
#include "api/server.h"
#include "api/token.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/request.h"
#include "registry/users.h"

#define LOG_MODULE "login"
#include "base/log.h"

#define TTL_NS (12 * 3600 * NS_PER_S)

struct login {
	struct api *api;
	struct exchange *ex; /* api thread; NULL: the client is gone */
	json_t *body;
	char peer[64];
	bool wants_token;
	struct token_claims who;
	int r;
};

static struct sb_str member(const json_t *body, const char *key)
{
	const json_t *value = json_object_get(body, key);

	return sb_str_of(json_string_value(value), json_string_length(value));
}

static struct login *login_free(struct login *login)
{
	if (!login)
		return NULL;
	struct sb_str password = member(login->body, "password");

	if (password.n)
		sodium_memzero((char *)(uintptr_t)password.p, password.n);
	json_decref(login->body);
	free(login);
	return NULL;
}

static void set_cookie(struct exchange *ex, const char *token, int64_t seconds)
{
	free(ex->cookie);
	if (asprintf(&ex->cookie, "%s=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict%s",
	             ex->api->cookie, token, (long long)seconds,
	             ex->api->config.tls ? "; Secure" : "") < 0)
		ex->cookie = NULL;
}

static void login_answer(struct login *login)
{
	struct exchange *ex = login->ex;
	struct api *api = login->api;
	char token[TOKEN_MAX];
	struct wire w = wire_on(&ex->own, WIRE_JSON);

	ex->login = NULL;
	if (login->r < 0 || login->who.role == SB_ROLE_NONE) {
		api->counts.logins_refused++;
		log_warn(0, "%s: refused to log in as '%s'", login->peer, login->who.subject);
		http_refuse(ex, 401, "unauthenticated", "user name or password is wrong");
		return;
	}
	limiter_give_back(&api->by_address, sb_str_of(login->peer, strlen(login->peer)));
	limiter_give_back(&api->by_user, member(login->body, "user"));
	if (access_issue(&api->access, &login->who, TTL_NS, token, sizeof(token)) < 0) {
		http_refuse(ex, 500, "internal_error", "see the log of the platform");
		return;
	}
	api->counts.logins++;
	set_cookie(ex, token, TTL_NS / NS_PER_S);
	describe_claims(&w, &login->who, login->wants_token ? token : NULL);
	http_answer(ex, 200, "application/json");
}

static void login_end(void *ud)
{
	struct login *login = ud;

	struct exchange *ex = login->ex;

	if (ex)
		login_answer(login);
	login_free(login);
	if (ex)
		http_writable(ex);
}

/* Query thread. */
static void login_check(void *ud)
{
	struct login *login = ud;

	login->r = users_check(login->api->config.users, member(login->body, "user"),
	                       member(login->body, "password"), &login->who.role,
	                       &login->who.must_change);
	server_post(login->api, login_end, login);
}

/* Seconds to wait, 0: go on. */
static int login_limit(struct login *login)
{
	int64_t now = clock_mono();
	int address_s = limiter_try(&login->api->by_address,
	                            sb_str_of(login->peer, strlen(login->peer)), now);

	/* Whoever is refused anyway must not use up the tries of the one he claims to be. */
	if (address_s > 0)
		return address_s;
	return limiter_try(&login->api->by_user, member(login->body, "user"), now);
}

static void refuse_limit(struct exchange *ex, int seconds)
{
	ex->retry_s = (unsigned)seconds;
	ex->api->counts.logins_refused++;
	http_refuse(ex, 429, "rate_limited", "too many tries, wait a little");
}

void login_begin(struct exchange *ex, struct sb_bytes body)
{
	const char *why = NULL;
	struct sb_str content = request_field(ex->request, "content-type");
	struct login *login = calloc(1, sizeof(*login));

	if (!login) {
		http_refuse(ex, 503, "unavailable", "no memory");
		return;
	}
	login->api = ex->api;
	login->body = form_take(WIRE_JSON, body.p, body.n, &why);
	login->wants_token = json_is_true(json_object_get(login->body, "token"));
	memcpy(login->peer, ex->front->peer, sizeof(ex->front->peer));
	struct sb_str user = member(login->body, "user");
	bool usable = user.n && user.n < sizeof(login->who.subject) &&
	              member(login->body, "password").p;
	int wait_s = usable ? login_limit(login) : 0;

	if (usable)
		memcpy(login->who.subject, user.p, user.n);
	if (content.n < 16 || strncmp(content.p, "application/json", 16) != 0)
		http_refuse(ex, 415, "invalid_request", "content type application/json");
	else if (!usable)
		http_refuse(ex, 400, "invalid_params", "{\"user\":…,\"password\":…}");
	else if (wait_s > 0)
		refuse_limit(ex, wait_s);
	else if (jobs_put(ex->api->jobs, login_check, login) != 0)
		http_refuse(ex, 503, "unavailable", "too much is waiting, try later");
	if (ex->status) {
		login_free(login);
		return;
	}
	ex->login = login;
	login->ex = ex;
}

void login_abandon(struct login *login)
{
	login->ex = NULL;
}

void login_forget(struct exchange *ex, const struct token_claims *who)
{
	if (who)
		(void)access_end(&ex->api->access, who);
	set_cookie(ex, "", 0);
	buffer_give(&ex->own, "{}", 2);
	http_answer(ex, 200, "application/json");
}
