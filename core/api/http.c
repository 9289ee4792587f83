#include "api/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <signalbox/services.h>

#include "api/access.h"
#include "api/assets.h"
#include "api/describe.h"
#include "api/front.h"
#include "api/guard.h"
#include "api/login.h"
#include "api/openmetrics.h"
#include "api/prom/prom.h"
#include "api/server.h"
#include "api/token.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/request.h"
#include "base/stream.h"
#include "base/text.h"
#include "base/wire.h"
#include "journal/journal.h"

#define PIECE 65536

static const char text_plain[] = "text/plain; charset=utf-8";

/* ---- answers */

static void exchange_clear(struct exchange *ex)
{
	if (ex->login)
		login_abandon(ex->login);
	if (ex->prom)
		prom_abandon(ex->prom);
	buffer_fini(&ex->own);
	buffer_fini(&ex->head);
	free(ex->cookie);
	*ex = (struct exchange){ .api = ex->api, .front = ex->front };
}

void http_init(struct exchange *ex, struct front *front)
{
	*ex = (struct exchange){ .api = front->api, .front = front };
}

void http_fini(struct exchange *ex)
{
	exchange_clear(ex);
}

bool http_is_busy(const struct exchange *ex)
{
	return ex->status || ex->login || ex->prom;
}

void http_answer(struct exchange *ex, int status, const char *type)
{
	ex->status = status;
	ex->type = type;
	if (!ex->body.p)
		ex->body = (struct sb_bytes){ ex->own.p, ex->own.n };
	ex->api->counts.requests++;
}

void http_refuse(struct exchange *ex, int status, const char *name, const char *remedy)
{
	struct wire w = wire_on(&ex->own, WIRE_JSON);

	buffer_reset(&ex->own);
	wire_map(&w);
	wire_key(&w, "error");
	wire_text(&w, name);
	wire_key(&w, "remedy");
	wire_text(&w, remedy);
	wire_map_end(&w);
	http_answer(ex, status, "application/json");
}

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} known[] = {
		{ 200, "OK" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" },
		{ 426, "Upgrade Required" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].status == status)
			return known[i].text;
	return "";
}

/* A value that is NULL is a header that is left out. */
static void head_add(struct buffer *b, const char *name, const char *value)
{
	if (!value)
		return;
	buffer_give(b, name, strlen(name));
	buffer_give(b, ": ", 2);
	buffer_give(b, value, strlen(value));
	buffer_give(b, "\r\n", 2);
}

static void head_make(struct exchange *ex)
{
	struct buffer *b = &ex->head;
	char text[64];
	struct tm tm;
	time_t now = (time_t)(clock_utc() / NS_PER_S);
	int n = snprintf(text, sizeof(text), "HTTP/1.1 %d %s\r\n", ex->status, reason(ex->status));

	buffer_give(b, text, (size_t)n);
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	head_add(b, "date", text);
	head_add(b, "server", "signalbox");
	head_add(b, "content-type", ex->type);
	snprintf(text, sizeof(text), "%zu", ex->body.n);
	head_add(b, "content-length", ex->status == 304 ? NULL : text);
	head_add(b, "connection", ex->close_after ? "close" : NULL);
	head_add(b, "x-content-type-options", "nosniff");
	head_add(b, "content-security-policy",
	         "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
	         "form-action 'self'; frame-ancestors 'none'");
	head_add(b, "referrer-policy", "no-referrer");
	head_add(b, "cross-origin-opener-policy", "same-origin");
	head_add(b, "cache-control", ex->cache ? ex->cache : "no-store");
	head_add(b, "etag", ex->etag[0] ? ex->etag : NULL);
	head_add(b, "content-encoding", ex->gzip ? "gzip" : NULL);
	head_add(b, "vary", ex->etag[0] ? "accept-encoding" : NULL);
	head_add(b, "www-authenticate",
	         ex->challenge ? "Basic realm=\"signalbox\", charset=\"UTF-8\"" : NULL);
	head_add(b, "set-cookie", ex->cookie);
	head_add(b, "allow", ex->allow);
	snprintf(text, sizeof(text), "%u", ex->retry_s);
	head_add(b, "retry-after", ex->retry_s ? text : NULL);
	head_add(b, "upgrade", ex->status == 426 ? "websocket" : NULL);
	buffer_give(b, "\r\n", 2);
	if (ex->status == 304 || ex->head_only)
		ex->body.n = 0;
}

/* SB_AGAIN: the socket takes no more for now. */
static int give_all(struct exchange *ex, struct sb_bytes bytes, size_t *at)
{
	while (*at < bytes.n) {
		size_t n = MIN(bytes.n - *at, (size_t)PIECE);
		int r = streams_write(ex->api->streams, ex->front->conn,
		                      (struct sb_bytes){ bytes.p + *at, n });
		if (r != 0)
			return r;
		*at += n;
	}
	return 0;
}

void http_writable(struct exchange *ex)
{
	if (!ex->status)
		return;
	if (ex->head.n == 0)
		head_make(ex);
	if (ex->head.bad || ex->own.bad) {
		streams_close(ex->api->streams, ex->front->conn);
		return;
	}
	int r = give_all(ex, (struct sb_bytes){ ex->head.p, ex->head.n }, &ex->head_at);

	if (r == 0)
		r = give_all(ex, ex->body, &ex->at);
	if (r != 0)
		return; /* it comes again, or its end does */
	bool keep = !ex->close_after;

	exchange_clear(ex);
	front_next(ex->front, keep);
}

/* ---- routes */

static struct sb_str field(const struct exchange *ex, const char *name)
{
	return request_field(ex->request, name);
}

static bool has_member(struct sb_str list, const char *word)
{
	return list.n && memmem(list.p, list.n, word, strlen(word));
}

static void serve_asset(struct exchange *ex, const struct asset *asset)
{
	ex->cache = asset->immutable ? "public, max-age=31536000, immutable" : "no-cache";
	snprintf(ex->etag, sizeof(ex->etag), "%s", asset->etag);
	if (has_member(field(ex, "if-none-match"), asset->etag)) {
		http_answer(ex, 304, asset->type);
		return;
	}
	ex->gzip = asset->gzip.n && has_member(field(ex, "accept-encoding"), "gzip");
	ex->body = ex->gzip ? asset->gzip : asset->plain;
	http_answer(ex, 200, asset->type);
}

static void serve_text(struct exchange *ex, int status, const char *text)
{
	buffer_give(&ex->own, text, strlen(text));
	http_answer(ex, status, text_plain);
}

static void serve_ready(struct exchange *ex)
{
	struct journal_stats stats;

	journal_stats(ex->api->config.journal, &stats);
	if (!ex->api->ready)
		serve_text(ex, 503, "starting or stopping\n");
	else if (stats.health != JOURNAL_OK)
		serve_text(ex, 503, "storage is degraded: nothing is acknowledged\n");
	else
		serve_text(ex, 200, "ready\n");
}

/* Counters are for everybody on this machine, and for whoever has a token. */
static bool may_see_metrics(struct exchange *ex)
{
	struct token_claims who;
	const char *peer = ex->front->peer;
	bool local = strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0;
	bool forwarded = field(ex, "x-forwarded-for").n > 0 || field(ex, "forwarded").n > 0;

	if (local && !forwarded && guard_host_local(field(ex, "host")))
		return true;
	return front_whose(ex->front, ex->request, &who) == 0;
}

static void serve_metrics(struct exchange *ex)
{
	if (!may_see_metrics(ex)) {
		http_refuse(ex, 401, "unauthenticated", "send a bearer token");
		return;
	}
	openmetrics_text(ex->api, &ex->own);
	http_answer(ex, 200, "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

static void serve_session(struct exchange *ex)
{
	struct token_claims who;
	struct wire w = wire_on(&ex->own, WIRE_JSON);

	if (front_whose(ex->front, ex->request, &who) < 0) {
		http_refuse(ex, 401, "unauthenticated", "log in first");
		return;
	}
	describe_claims(&w, &who, NULL);
	http_answer(ex, 200, "application/json");
}

static void serve_get(struct exchange *ex, struct sb_str path)
{
	const struct asset *asset;

	if (text_is(path, "/healthz")) {
		serve_text(ex, 200, "ok\n");
	} else if (text_is(path, "/readyz")) {
		serve_ready(ex);
	} else if (text_is(path, "/metrics")) {
		serve_metrics(ex);
	} else if (text_is(path, "/api/v1/session")) {
		serve_session(ex);
	} else if (prom_is(path)) {
		prom_begin(ex, (struct sb_bytes){ 0 });
	} else if (text_is(path, "/api/v1")) {
		http_refuse(ex, 426, "invalid_request", "this address speaks WebSocket");
	} else if (path.n >= 5 && memcmp(path.p, "/api/", 5) == 0) {
		http_refuse(ex, 404, "not_found", "see schemas/API.md");
	} else {
		asset = assets_find(ex->api->assets, path);
		if (asset)
			serve_asset(ex, asset);
		else
			serve_text(ex, 404, "there is nothing under this address\n");
	}
}

static void refuse_method(struct exchange *ex, const char *allow)
{
	ex->close_after = true;
	ex->allow = allow;
	http_refuse(ex, 405, "invalid_request", "this method is not spoken here");
}

/* A body that is on its way is asked for, if its sender waits for that. */
static void go_on(struct exchange *ex)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (ex->continued || ex->request->is_1_0 || field(ex, "expect").n == 0)
		return;
	ex->continued = true;
	streams_write(ex->api->streams, ex->front->conn,
	              (struct sb_bytes){ (const uint8_t *)text, sizeof(text) - 1 });
}

/* Is there something wrong with it before its body is looked at? */
static bool refuse_post(struct exchange *ex, int64_t n)
{
	struct sb_str path = ex->request->path;
	struct sb_str origin = field(ex, "origin");
	struct sb_str expect = field(ex, "expect");
	int status = 0;
	bool login = text_is(path, "/api/v1/login");
	bool query = prom_is(path);
	const char *why = query ? prom_refuses(ex, n, &status) : NULL;

	if (field(ex, "transfer-encoding").n)
		http_refuse(ex, 411, "invalid_request", "send Content-Length, not chunks");
	else if (n < 0)
		http_refuse(ex, 400, "invalid_request", "Content-Length is a number");
	else if (origin.n && !guard_origin(origin, field(ex, "host"), ex->api->config.origins))
		http_refuse(ex, 403, "forbidden", "pages of this origin may not use the interface");
	else if (why)
		http_refuse(ex, status, "invalid_request", why);
	else if (!query && !login && !text_is(path, "/api/v1/logout"))
		refuse_method(ex, "GET, HEAD");
	else if (!query && n > HTTP_BODY_MAX)
		http_refuse(ex, 413, "too_large", "a JSON object of at most 4 KiB");
	else if (login && n == 0)
		http_refuse(ex, 400, "invalid_request", "a JSON object of at most 4 KiB");
	else if (expect.n && !request_lists(ex->request, "expect", "100-continue"))
		http_refuse(ex, 417, "invalid_request", "only 100-continue is expected");
	return ex->status != 0;
}

static int64_t take_post(struct exchange *ex, struct sb_bytes rest)
{
	int64_t n = request_body(ex->request);

	if (refuse_post(ex, n)) {
		ex->close_after = true; /* the body was not read */
		return 0;
	}
	if ((uint64_t)n > rest.n) {
		go_on(ex);
		return -EAGAIN;
	}
	if (prom_is(ex->request->path)) {
		prom_begin(ex, (struct sb_bytes){ rest.p, (size_t)n });
		return n;
	}
	if (text_is(ex->request->path, "/api/v1/login")) {
		login_begin(ex, (struct sb_bytes){ rest.p, (size_t)n });
		return n;
	}
	struct token_claims who;
	bool known = front_whose(ex->front, ex->request, &who) == 0;

	login_forget(ex, known ? &who : NULL);
	return n;
}

int64_t http_take(struct exchange *ex, const struct request *request, struct sb_bytes rest)
{
	int64_t used = 0;

	ex->request = request;
	ex->close_after = request->is_1_0 || request_lists(request, "connection", "close");
	ex->head_only = text_is(request->method, "HEAD");
	if (text_is(request->method, "POST")) {
		used = take_post(ex, rest);
	} else if (ex->head_only || text_is(request->method, "GET")) {
		if (request_body(request) != 0)
			ex->close_after = true; /* nobody reads it */
		serve_get(ex, request->path);
	} else {
		refuse_method(ex, "GET, HEAD");
	}
	ex->request = NULL;
	http_writable(ex);
	return used;
}
