#include "api/prom/prom.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/services.h>

#include "api/access.h"
#include "api/front.h"
#include "api/http.h"
#include "api/jobs.h"
#include "api/prom/answer.h"
#include "api/prom/basic.h"
#include "api/prom/run.h"
#include "api/server.h"
#include "api/token.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/request.h"
#include "base/text.h"
#include "registry/known.h"
#include "registry/users.h"

#define LOG_MODULE "prometheus"
#include "base/log.h"

static const char json[] = "application/json";

struct prom {
	struct api *api;
	struct exchange *ex;    /* api thread; NULL: the client is gone */
	_Atomic bool cancelled; /* the same for the query thread */
	struct run run;
	int status;
	/* a password that has to be checked first */
	struct basic basic; /* user.n 0: nothing to check */
	int64_t since_ns;   /* since when the user has it */
	bool wrong;
	char peer[64];
};

static struct prom *prom_free(struct prom *prom)
{
	if (!prom)
		return NULL;
	basic_fini(&prom->basic);
	params_fini(&prom->run.params);
	buffer_fini(&prom->run.out);
	free(prom);
	return NULL;
}

void prom_abandon(struct prom *prom)
{
	prom->ex = NULL;
	prom->cancelled = true;
}

/* ---- which address */

/* What stands behind /api/v1/, with or without /prometheus; p NULL: another path. */
static struct sb_str prom_path(struct sb_str path)
{
	static const char *const before[] = { "/prometheus/api/v1/", "/api/v1/" };

	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		size_t n = strlen(before[i]);

		if (path.n > n && memcmp(path.p, before[i], n) == 0)
			return sb_str_of(path.p + n, path.n - n);
	}
	return sb_str_of(NULL, 0);
}

bool prom_is(struct sb_str path)
{
	struct run run;
	struct sb_str rest = prom_path(path);

	return rest.p && run_find(&run, rest);
}

const char *prom_refuses(const struct exchange *ex, int64_t n, int *status)
{
	static const char form[] = "application/x-www-form-urlencoded";
	struct sb_str type = request_field(ex->request, "content-type");
	size_t length = sizeof(form) - 1;

	*status = 413;
	if (n > PROM_BODY_MAX)
		return "a form of at most 16 KiB";
	*status = 415;
	if (type.n > length && (type.p[length] == ';' || type.p[length] == ' '))
		type.n = length;
	if (n > 0 && !text_is_nocase(type, form))
		return "a form: application/x-www-form-urlencoded";
	return NULL;
}

/* ---- answers */

static void refuse(struct exchange *ex, int status, const char *type, const char *text)
{
	ex->api->counts.prometheus_refused++;
	ex->challenge = status == 401;
	answer_error(&ex->own, type, text);
	http_answer(ex, status, json);
}

static void give_back(struct prom *prom)
{
	struct api *api = prom->api;

	limiter_give_back(&api->by_address, sb_str_of(prom->peer, strlen(prom->peer)));
	limiter_give_back(&api->by_user, prom->basic.user);
}

static void prom_answer(struct prom *prom)
{
	struct exchange *ex = prom->ex;
	struct api *api = prom->api;

	ex->prom = NULL;
	if (prom->wrong) {
		api->counts.logins_refused++;
		log_warn(0, "%s: refused a query of '%.*s'", prom->peer,
		         (int)MIN(prom->basic.user.n, 64), prom->basic.user.p);
		refuse(ex, 401, "unauthorized", "user name or password is wrong");
		return;
	}
	api->counts.prometheus_queries++;
	api->counts.prometheus_refused += prom->status != 200;
	buffer_fini(&ex->own);
	ex->own = prom->run.out;
	prom->run.out = (struct buffer){ 0 };
	http_answer(ex, prom->status, json);
}

static void prom_end(void *ud)
{
	struct prom *prom = ud;
	struct exchange *ex = prom->ex;

	prom->api->counts.prometheus_samples += prom->run.samples;
	if (prom->basic.user.n && !prom->wrong)
		give_back(prom);
	if (ex)
		prom_answer(prom);
	prom_free(prom);
	if (ex)
		http_writable(ex);
}

/* ---- query thread */

static struct known_key key_of(const struct api *api, const struct basic *basic, int64_t since_ns)
{
	return known_key(api->known, 'p', basic->user,
	                 sb_str_of((const char *)&since_ns, sizeof(since_ns)), basic->password);
}

static bool is_right(struct prom *prom)
{
	struct known_key key = key_of(prom->api, &prom->basic, prom->since_ns);
	bool must_change = false;
	int role = SB_ROLE_NONE;
	int r = users_check(prom->api->config.users, prom->basic.user, prom->basic.password, &role,
	                    &must_change);

	/* With a first password one chooses one's own, and does nothing else. */
	if (r < 0 || role == SB_ROLE_NONE || must_change)
		return false;
	known_put(prom->api->known, &key, 1, clock_mono());
	return true;
}

static void prom_work(void *ud)
{
	struct prom *prom = ud;

	if (!prom->cancelled && prom->basic.user.n)
		prom->wrong = !is_right(prom);
	if (!prom->cancelled && !prom->wrong)
		prom->status = run_do(&prom->run);
	server_post(prom->api, prom_end, prom);
}

/* ---- who asks */

enum who { WHO_KNOWN, WHO_TO_CHECK, WHO_REFUSED };

/* Seconds to wait, 0: go on. Whoever is refused anyway must not use up the tries of the one he
 * claims to be. */
static int limit(struct exchange *ex, const struct basic *basic)
{
	struct api *api = ex->api;
	const char *peer = ex->front->peer;
	int64_t now = clock_mono();
	int wait_s = limiter_try(&api->by_address, sb_str_of(peer, strlen(peer)), now);

	return wait_s ? wait_s : limiter_try(&api->by_user, basic->user, now);
}

static enum who refuse_who(struct exchange *ex)
{
	refuse(ex, 401, "unauthorized",
	       "send a bearer token, or user and password by HTTP Basic (a token may stand for the "
	       "password)");
	return WHO_REFUSED;
}

/* A password that was right before is known at once. */
static enum who who_by_password(struct exchange *ex, struct prom *prom)
{
	struct api *api = ex->api;
	struct basic *basic = &prom->basic;
	int role = users_role(api->config.users, basic->user, &prom->since_ns);
	struct known_key key = key_of(api, basic, prom->since_ns);

	if (role != SB_ROLE_NONE && known_find(api->known, &key, clock_mono()) > 0) {
		basic_fini(basic);
		return WHO_KNOWN;
	}
	int wait_s = limit(ex, basic);

	if (wait_s == 0)
		return WHO_TO_CHECK;
	ex->retry_s = (unsigned int)wait_s;
	refuse(ex, 429, "unavailable", "too many tries to log in; wait");
	return WHO_REFUSED;
}

static enum who who_asks(struct exchange *ex, struct prom *prom)
{
	struct token_claims who;
	const char *why;
	bool known = front_whose(ex->front, ex->request, &who) == 0;

	if (known)
		return who.must_change ? refuse_who(ex) : WHO_KNOWN;
	if (!basic_take(&prom->basic, request_field(ex->request, "authorization")) ||
	    !prom->basic.user.n)
		return refuse_who(ex);
	if (!basic_is_token(&prom->basic))
		return who_by_password(ex, prom);
	known = access_check(&ex->api->access, prom->basic.password, &who, &why) == 0;
	basic_fini(&prom->basic);
	return known && !who.must_change ? WHO_KNOWN : refuse_who(ex);
}

/* ---- begin */

static int prom_new(struct prom **out, struct exchange *ex)
{
	struct api *api = ex->api;
	struct prom *prom = calloc(1, sizeof(*prom));

	if (!prom)
		return -ENOMEM;
	prom->api = api;
	prom->ex = ex;
	prom->run.registry = api->config.registry;
	prom->run.series = api->config.series;
	prom->run.cancelled = &prom->cancelled;
	memcpy(prom->peer, ex->front->peer, sizeof(ex->front->peer));
	*out = prom;
	return 0;
}

static int prom_take(struct prom *prom, struct exchange *ex, struct sb_bytes body)
{
	int r = params_take(&prom->run.params, ex->request->query,
	                    sb_str_of((const char *)body.p, body.n));

	if (!run_find(&prom->run, prom_path(ex->request->path)))
		return -ENOENT;
	if (r == 0)
		return 0;
	refuse(ex, r == -EINVAL ? 400 : 503, r == -EINVAL ? "bad_data" : "unavailable",
	       r == -EINVAL ? "the parameters are no form, or more than 64" : "no memory");
	return r;
}

void prom_begin(struct exchange *ex, struct sb_bytes body)
{
	struct prom *prom = NULL;

	if (prom_new(&prom, ex) < 0) {
		refuse(ex, 503, "unavailable", "no memory");
		return;
	}
	if (who_asks(ex, prom) == WHO_REFUSED || prom_take(prom, ex, body) < 0) {
		prom_free(prom);
		return;
	}
	ex->prom = prom;
	if (jobs_put(ex->api->queries, prom_work, prom) == 0)
		return;
	ex->prom = NULL;
	if (prom->basic.user.n)
		give_back(prom);
	prom_free(prom);
	ex->retry_s = 1;
	refuse(ex, 503, "unavailable", "too many queries are waiting; ask for less at once");
}
