#include "api/rpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/services.h>

#include "api/access.h"
#include "api/form.h"
#include "api/jobs.h"
#include "api/jsonwire.h"
#include "api/server.h"
#include "api/socket.h"
#include "base/own.h"
#include "host/schema.h"
#include "methods.gen.h"

#define LOG_MODULE "api"
#include "base/log.h"

#define ANSWER_MAX (32U << 20)
#define CALLS_MAX  16
#define ID_MAX     128

struct rpc {
	struct schema *schemas[RPC_METHODS];
};

/* ---- errors */

int call_refuse(struct call *c, int code, const char *field, const char *text)
{
	return call_refuse_with(c, code, field, NULL, text);
}

int call_refuse_with(struct call *c, int code, const char *field, const char *limit,
                     const char *remedy)
{
	c->error = (struct call_error){ .code = code };
	snprintf(c->error.field, sizeof(c->error.field), "%s", field ? field : "");
	snprintf(c->error.limit, sizeof(c->error.limit), "%s", limit ? limit : "");
	snprintf(c->error.remedy, sizeof(c->error.remedy), "%s", remedy ? remedy : "");
	return RPC_REFUSED;
}

int call_fault(struct call *c, int r, const char *field)
{
	static const struct {
		int r, code;
		const char *remedy;
	} known[] = {
		{ SB_E_UNKNOWN_DEVICE, RPC_NOT_FOUND, "there is no such device" },
		{ SB_E_NOT_FOUND, RPC_NOT_FOUND, NULL },
		{ SB_E_EXISTS, RPC_EXISTS, NULL },
		{ SB_E_CONFLICT, RPC_CONFLICT, "read it again, then change the new revision" },
		{ SB_E_NAME, RPC_INVALID_PARAMS, "this name is not allowed" },
		{ SB_E_RANGE, RPC_INVALID_PARAMS, "out of range" },
		{ SB_E_MALFORMED, RPC_INVALID_PARAMS, "not understood" },
		{ SB_E_OVERLOAD, RPC_UNAVAILABLE, "too much is waiting for the disk, try later" },
		{ SB_E_DEGRADED, RPC_UNAVAILABLE, "storage is degraded, see system.info" },
		{ SB_E_QUOTA, RPC_TOO_LARGE, NULL },
		{ -ENOMEM, RPC_TOO_LARGE, "no memory for the answer" },
		{ -ENOSPC, RPC_UNAVAILABLE, "the disk is full" },
		{ -EPERM, RPC_FORBIDDEN, NULL },
		{ -EACCES, RPC_FORBIDDEN, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].r == r)
			return call_refuse(c, known[i].code, field, known[i].remedy);
	return r;
}

static const struct rpc_error_text *error_text(int code)
{
	const struct rpc_error_text *t = rpc_error_texts;

	while (t->name && t->code != code)
		t++;
	return t;
}

static void give_member(struct wire *w, const char *key, const char *text)
{
	if (text[0] == '\0')
		return;
	wire_key(w, key);
	wire_text(w, text);
}

static void error_give(struct wire *w, const struct call_error *error)
{
	const struct rpc_error_text *t = error_text(error->code);

	wire_key(w, "error");
	wire_map(w);
	wire_key(w, "code");
	wire_i64(w, error->code);
	give_member(w, "message", t->text ? t->text : "refused");
	wire_key(w, "data");
	wire_map(w);
	give_member(w, "name", t->name ? t->name : "internal_error");
	give_member(w, "field", error->field);
	give_member(w, "limit", error->limit);
	give_member(w, "remedy", error->remedy);
	wire_map_end(w);
	wire_map_end(w);
}

/* ---- parameters */

struct sb_str call_str(const struct call *c, const char *key)
{
	const json_t *value = json_object_get(c->params, key);

	return sb_str_of(json_string_value(value), json_string_length(value));
}

int64_t call_int(const struct call *c, const char *key, int64_t fallback)
{
	const json_t *value = json_object_get(c->params, key);

	if (json_is_real(value)) { /* 5.0 is an integer to JSON Schema, and so is 1e300 */
		double v = json_real_value(value);
		if (v >= 9223372036854775808.0)
			return INT64_MAX;
		return v < -9223372036854775808.0 ? INT64_MIN : (int64_t)v;
	}
	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool call_bool(const struct call *c, const char *key)
{
	return json_is_true(json_object_get(c->params, key));
}

/* ---- answers */

static void answer_begin(struct call *c)
{
	static const uint8_t pre[SESSION_HEAD];

	buffer_reset(&c->out);
	buffer_give(&c->out, pre, sizeof(pre));
	c->result = wire_on(&c->out, c->form);
	wire_map(&c->result);
	wire_key(&c->result, "jsonrpc");
	wire_text(&c->result, "2.0");
	wire_key(&c->result, "id");
	if (c->id)
		jsonwire_give(&c->result, c->id);
	else
		wire_null(&c->result);
}

static struct call *call_free(struct call *c)
{
	if (!c)
		return NULL;
	if (c->session) {
		*c->prev = c->next;
		if (c->next)
			c->next->prev = c->prev;
		c->session->n_calls--;
	}
	json_decref(c->params);
	json_decref(c->id);
	buffer_fini(&c->out);
	free(c);
	return NULL;
}

/* Api thread: the method has run, or was refused before. */
static void call_end(void *ud)
{
	struct call *c = ud;

	if (c->error.code) {
		answer_begin(c);
		error_give(&c->result, &c->error);
		wire_map_end(&c->result);
	}
	if (c->renewed && !c->error.code && c->session)
		c->session->who = c->who;
	c->api->counts.calls++;
	c->api->counts.refused_calls += c->error.code != 0;
	if (c->session &&
	    (c->id || c->error.code == RPC_PARSE_ERROR || c->error.code == RPC_INVALID_REQUEST))
		session_send(c->session, &c->out, false);
	call_free(c);
}

static void call_run(struct call *c)
{
	answer_begin(c);
	wire_key(&c->result, "result");
	int r = c->method->fn(c);

	if (r == 0)
		wire_map_end(&c->result);
	if (r == 0 && c->out.bad)
		call_refuse_with(c, RPC_TOO_LARGE, NULL, "32 MiB in one answer",
		                 "ask for less: a shorter time, fewer series, buckets, a page");
	if (r < 0 && call_fault(c, r, NULL) != RPC_REFUSED) {
		log_error(r, "%s failed", c->method->name);
		call_refuse(c, RPC_INTERNAL_ERROR, NULL, sb_strerror(r));
	}
}

/* Query thread. */
static void call_run_blocking(void *ud)
{
	struct call *c = ud;

	if (!c->cancelled)
		call_run(c);
	else
		call_refuse(c, RPC_CANCELLED, NULL, NULL);
	server_post(c->api, call_end, c);
}

bool rpc_cancel(struct call *from, const json_t *id)
{
	bool found = false;

	for (struct call *c = from->session->calls; c; c = c->next) {
		if (c == from || !c->id || !json_equal(c->id, id))
			continue;
		c->cancelled = true;
		found = true;
	}
	return found;
}

/* ---- requests */

static void report_param(void *ud, const char *pointer, const char *text)
{
	struct call *c = ud;
	char field[sizeof(c->error.field)];
	size_t n = text[0] == '"' ? strcspn(text + 1, "\"") : 0;

	/* What is said of a member that is missing or unknown names it in front. */
	snprintf(field, sizeof(field), "%s%s%.*s", pointer, n ? "/" : "", (int)n, text + 1);
	if (!c->error.code)
		call_refuse_with(c, RPC_INVALID_PARAMS, n ? field : pointer, NULL, text);
}

static int method_compare(const void *key, const void *row)
{
	return strcmp(key, ((const struct rpc_method *)row)->name);
}

/* Everything that must hold before the method runs. */
static int call_check(struct call *c)
{
	const char *name = c->method->name;

	c->who.role = access_role(&c->api->access, &c->who);
	if (c->who.role == SB_ROLE_NONE)
		return call_refuse(c, RPC_UNAUTHENTICATED, NULL, "log in again");
	if (c->who.role < c->method->role) {
		char remedy[100];

		snprintf(remedy, sizeof(remedy), "%s is for role %s and above", name,
		         token_role_name(c->method->role));
		return call_refuse(c, RPC_FORBIDDEN, NULL, remedy);
	}
	size_t i = (size_t)(c->method - rpc_methods);

	if (schema_check(c->api->rpc->schemas[i], c->params, report_param, c) < 0 && !c->error.code)
		call_refuse(c, RPC_INVALID_PARAMS, NULL, NULL);
	if (!c->error.code && schema_fill(c->api->rpc->schemas[i], c->params) < 0)
		call_refuse(c, RPC_TOO_LARGE, NULL, "no memory");
	if (!c->error.code && c->who.must_change && strcmp(name, "session.me") != 0 &&
	    strcmp(name, "session.logout") != 0 && strcmp(name, "user.password") != 0)
		call_refuse(c, RPC_FORBIDDEN, NULL,
		            "choose a password of your own first: user.password");
	return c->error.code ? RPC_REFUSED : 0;
}

static int request_take(struct call *c, const json_t *message)
{
	const json_t *params = json_object_get(message, "params");
	const json_t *id = json_object_get(message, "id");
	const char *version = json_string_value(json_object_get(message, "jsonrpc"));
	const char *name = json_string_value(json_object_get(message, "method"));

	if (json_is_array(message))
		return call_refuse(c, RPC_INVALID_REQUEST, NULL,
		                   "send calls one by one, not as a batch");
	if (json_is_number(id) || json_is_null(id) ||
	    (json_is_string(id) && json_string_length(id) <= ID_MAX))
		c->id = json_incref(json_object_get(message, "id"));
	else if (id)
		return call_refuse(c, RPC_INVALID_REQUEST, "/id", "a number, or text of 128 bytes");
	if (!version || strcmp(version, "2.0") != 0)
		return call_refuse(c, RPC_INVALID_REQUEST, "/jsonrpc", "must be \"2.0\"");
	if (!name)
		return call_refuse(c, RPC_INVALID_REQUEST, "/method", "the name of a method");
	c->method = bsearch(name, rpc_methods, RPC_METHODS, sizeof(rpc_methods[0]), method_compare);
	if (!c->method)
		return call_refuse(c, RPC_METHOD_NOT_FOUND, "/method", NULL);
	if (params && !json_is_object(params))
		return call_refuse(c, RPC_INVALID_PARAMS, "", "parameters are named: an object");
	c->params = params ? json_incref(json_object_get(message, "params")) : json_object();
	return 0;
}

static struct call *call_new(struct session *s)
{
	struct call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->api = s->api;
	c->who = s->who;
	c->form = s->form;
	c->out.max = ANSWER_MAX;
	c->session = s;
	c->prev = &s->calls;
	c->next = s->calls;
	if (s->calls)
		s->calls->prev = &c->next;
	s->calls = c;
	s->n_calls++;
	return c;
}

void rpc_take(struct session *s, const void *p, size_t n)
{
	const char *why = NULL;
	struct call *c = call_new(s);

	if (!c) {
		session_end(s, 1011, "no memory");
		return;
	}
	json_t *message = form_take(s->form, p, n, &why);
	int r = message ? request_take(c, message) : call_refuse(c, RPC_PARSE_ERROR, NULL, why);

	json_decref(message);
	if (r == 0)
		r = call_check(c);
	if (r == 0 && s->n_calls > CALLS_MAX)
		r = call_refuse_with(c, RPC_RATE_LIMITED, NULL, "16 calls under way",
		                     "wait for an answer first");
	if (r == 0 && c->method->blocks) {
		if (jobs_put(c->api->jobs, call_run_blocking, c) == 0)
			return;
		call_refuse(c, RPC_UNAVAILABLE, NULL, "too many calls are waiting, try later");
	} else if (r == 0) {
		call_run(c);
	}
	call_end(c);
}

int rpc_new(struct rpc **out, struct api *api)
{
	struct rpc *rpc = calloc(1, sizeof(*rpc));
	char why[200];

	(void)api;
	if (!rpc)
		return -ENOMEM;
	for (size_t i = 0; i < RPC_METHODS; i++) {
		int r = schema_new(&rpc->schemas[i], rpc_methods[i].schema, why, sizeof(why));

		if (r < 0) {
			rpc_free(rpc);
			return log_error(r, "schema of %s: %s", rpc_methods[i].name, why);
		}
	}
	*out = rpc;
	return 0;
}

struct rpc *rpc_free(struct rpc *rpc)
{
	for (size_t i = 0; rpc && i < RPC_METHODS; i++)
		schema_free(rpc->schemas[i]);
	free(rpc);
	return NULL;
}
