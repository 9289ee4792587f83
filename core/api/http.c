#include "api/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libwebsockets.h>

#include <signalbox/services.h>

#include "api/access.h"
#include "api/assets.h"
#include "api/guard.h"
#include "api/login.h"
#include "api/openmetrics.h"
#include "api/server.h"
#include "api/token.h"
#include "base/own.h"
#include "base/text.h"
#include "base/wire.h"
#include "journal/journal.h"

#define PIECE      65536
#define BODY_MAX   4096
#define PATIENCE_S 30

static const char text_plain[] = "text/plain; charset=utf-8";

/* ---- answers */

static void exchange_clear(struct exchange *ex)
{
	if (ex->login)
		login_abandon(ex->login);
	buffer_fini(&ex->in);
	buffer_fini(&ex->own);
	*ex = (struct exchange){ .api = ex->api, .wsi = ex->wsi };
}

void http_answer(struct exchange *ex, int status, const char *type)
{
	ex->status = status;
	ex->type = type;
	if (!ex->body.p)
		ex->body = (struct sb_bytes){ ex->own.p, ex->own.n };
	ex->api->counts.requests++;
	lws_set_timeout(ex->wsi, PENDING_TIMEOUT_HTTP_CONTENT, PATIENCE_S);
	lws_callback_on_writable(ex->wsi);
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

struct head {
	struct lws *wsi;
	unsigned char *p, *end;
	int bad;
};

static void head_add(struct head *h, const char *name, const char *value)
{
	h->bad |= lws_add_http_header_by_name(h->wsi, (const unsigned char *)name,
	                                      (const unsigned char *)value, (int)strlen(value),
	                                      &h->p, h->end);
}

static int head_send(struct exchange *ex)
{
	unsigned char buf[LWS_PRE + 4096];
	struct head h = { .wsi = ex->wsi, .p = buf + LWS_PRE, .end = buf + sizeof(buf) };
	char number[16];

	h.bad |= lws_add_http_common_headers(ex->wsi, (unsigned)ex->status, ex->type, ex->body.n,
	                                     &h.p, h.end);
	head_add(&h, "x-content-type-options:", "nosniff");
	head_add(&h, "content-security-policy:",
	         "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
	         "form-action 'self'; frame-ancestors 'none'");
	head_add(&h, "referrer-policy:", "no-referrer");
	head_add(&h, "cross-origin-opener-policy:", "same-origin");
	head_add(&h, "cache-control:", ex->cache ? ex->cache : "no-store");
	if (ex->etag[0])
		head_add(&h, "etag:", ex->etag);
	if (ex->gzip)
		head_add(&h, "content-encoding:", "gzip");
	if (ex->etag[0])
		head_add(&h, "vary:", "accept-encoding");
	if (ex->cookie[0])
		head_add(&h, "set-cookie:", ex->cookie);
	if (ex->allow[0])
		head_add(&h, "allow:", ex->allow);
	snprintf(number, sizeof(number), "%u", ex->retry_s);
	if (ex->retry_s)
		head_add(&h, "retry-after:", number);
	if (h.bad || lws_finalize_write_http_header(ex->wsi, buf + LWS_PRE, &h.p, h.end))
		return -1;
	ex->head_sent = true;
	return 0;
}

static int exchange_done(struct exchange *ex)
{
	bool close_after = ex->close_after;

	exchange_clear(ex);
	return close_after || lws_http_transaction_completed(ex->wsi) ? -1 : 0;
}

/* One write per call: the head, then pieces of the body. */
static int exchange_give(struct exchange *ex)
{
	static const enum lws_write_protocol kinds[] = { LWS_WRITE_HTTP, LWS_WRITE_HTTP_FINAL };
	unsigned char *piece;

	if (!ex->status)
		return 0;
	if (!ex->head_sent) {
		if (head_send(ex) < 0)
			return -1;
		if (ex->body.n == 0 || ex->status == 304)
			return exchange_done(ex);
		lws_callback_on_writable(ex->wsi);
		return 0;
	}
	size_t n = MIN(ex->body.n - ex->at, (size_t)PIECE);
	bool last = ex->at + n == ex->body.n;

	piece = malloc(LWS_PRE + n); /* it may scribble before the piece, and assets are shared */
	if (!piece)
		return -1;
	memcpy(piece + LWS_PRE, ex->body.p + ex->at, n);
	int sent = lws_write(ex->wsi, piece + LWS_PRE, n, kinds[last]);

	free(piece);
	if (sent < (int)n)
		return -1;
	ex->at += n;
	lws_set_timeout(ex->wsi, PENDING_TIMEOUT_HTTP_CONTENT, PATIENCE_S);
	if (last)
		return exchange_done(ex);
	lws_callback_on_writable(ex->wsi);
	return 0;
}

/* ---- routes */

static bool has_member(struct sb_str list, const char *word)
{
	return list.n && memmem(list.p, list.n, word, strlen(word));
}

static void serve_asset(struct exchange *ex, const struct asset *asset)
{
	char buf[512];

	ex->cache = asset->immutable ? "public, max-age=31536000, immutable" : "no-cache";
	snprintf(ex->etag, sizeof(ex->etag), "%s", asset->etag);
	if (has_member(server_header(ex->wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH, buf, sizeof(buf)),
	               asset->etag)) {
		http_answer(ex, 304, asset->type);
		return;
	}
	ex->gzip = asset->gzip.n &&
	           has_member(server_header(ex->wsi, WSI_TOKEN_HTTP_ACCEPT_ENCODING, buf,
	                                    sizeof(buf)),
	                      "gzip");
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

static int whose(struct exchange *ex, struct token_claims *who)
{
	char buf[8192];
	const char *why;
	struct sb_str token = access_bearer(
		server_header(ex->wsi, WSI_TOKEN_HTTP_AUTHORIZATION, buf, sizeof(buf)));

	if (!token.n)
		token = access_cookie(server_header(ex->wsi, WSI_TOKEN_HTTP_COOKIE, buf,
		                                    sizeof(buf)),
		                      ex->api->cookie);
	return access_check(&ex->api->access, token, who, &why);
}

/* Counters are for everybody on this machine, and for whoever has a token. */
static bool may_see_metrics(struct exchange *ex)
{
	char peer[64] = "";
	char buf[256];
	struct token_claims who;

	lws_get_peer_simple(ex->wsi, peer, sizeof(peer));
	bool local = strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0 ||
	             strncmp(peer, "::ffff:127.", 11) == 0;
	bool forwarded = lws_hdr_total_length(ex->wsi, WSI_TOKEN_X_FORWARDED_FOR) > 0;

	if (local && !forwarded &&
	    guard_host_local(server_header(ex->wsi, WSI_TOKEN_HOST, buf, sizeof(buf))))
		return true;
	return whose(ex, &who) == 0;
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

	if (whose(ex, &who) < 0) {
		http_refuse(ex, 401, "unauthenticated", "log in first");
		return;
	}
	login_give(&w, &who, NULL);
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
	snprintf(ex->allow, sizeof(ex->allow), "%s", allow);
	http_refuse(ex, 405, "invalid_request", "this method is not spoken here");
}

static void begin_post(struct exchange *ex, struct sb_str path)
{
	char host[256];
	char origin[256];
	char length[16];
	struct sb_str from = server_header(ex->wsi, WSI_TOKEN_ORIGIN, origin, sizeof(origin));
	struct sb_str text = server_header(ex->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, length,
	                                   sizeof(length));
	long n = text.n ? strtol(length, NULL, 10) : -1;
	struct token_claims who;

	ex->post = true;
	ex->close_after = true; /* until the body was read */
	if (lws_hdr_total_length(ex->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0 || n < 0) {
		http_refuse(ex, 411, "invalid_request", "send Content-Length, not chunks");
		return;
	}
	if (from.n &&
	    !guard_origin(from, server_header(ex->wsi, WSI_TOKEN_HOST, host, sizeof(host)),
	                  ex->api->config.origins)) {
		http_refuse(ex, 403, "forbidden", "pages of this origin may not use the interface");
		return;
	}
	if (text_is(path, "/api/v1/logout")) {
		ex->close_after = n > 0;
		login_forget(ex, whose(ex, &who) == 0 ? &who : NULL);
	} else if (!text_is(path, "/api/v1/login")) {
		refuse_method(ex, "GET");
	} else if (n > BODY_MAX || n == 0) {
		http_refuse(ex, n ? 413 : 400, "too_large", "a JSON object of at most 4 KiB");
	} else {
		ex->in.max = BODY_MAX;
		ex->close_after = false;
	}
}

static void exchange_begin(struct exchange *ex, const char *uri, size_t n)
{
	struct sb_str path = sb_str_of(uri, n);
	char version[16];

	exchange_clear(ex);
	if (!text_is(server_header(ex->wsi, WSI_TOKEN_HTTP, version, sizeof(version)),
	             "HTTP/1.1")) {
		ex->close_after = true;
		http_refuse(ex, 505, "invalid_request", "HTTP/1.1 is spoken here");
	} else if (lws_hdr_total_length(ex->wsi, WSI_TOKEN_GET_URI) > 0) {
		serve_get(ex, path);
	} else if (lws_hdr_total_length(ex->wsi, WSI_TOKEN_POST_URI) > 0) {
		begin_post(ex, path);
	} else {
		refuse_method(ex, "GET");
	}
}

/* ---- upgrades */

/* The only upgrade let through is the one to our WebSocket: 4.1.6 would also speak h2c, and frees
 * what it still reads when an unknown one is answered with "handled". */
static int confirm_upgrade(struct lws *wsi, struct api *api)
{
	char upgrade[32];
	char version[16];
	char key[64];
	char protocols[256];
	char origin[256];
	char host[256];
	char bearer[4096];
	char uri[64];
	struct guard_upgrade request = {
		.upgrade = server_header(wsi, WSI_TOKEN_UPGRADE, upgrade, sizeof(upgrade)),
		.version = server_header(wsi, WSI_TOKEN_VERSION, version, sizeof(version)),
		.key = server_header(wsi, WSI_TOKEN_KEY, key, sizeof(key)),
		.protocols = server_header(wsi, WSI_TOKEN_PROTOCOL, protocols, sizeof(protocols)),
		.origin = server_header(wsi, WSI_TOKEN_ORIGIN, origin, sizeof(origin)),
		.host = server_header(wsi, WSI_TOKEN_HOST, host, sizeof(host)),
		.bearer = access_bearer(server_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, bearer,
		                                      sizeof(bearer)))
		                  .n > 0,
	};
	struct exchange asking = { .api = api, .wsi = wsi };
	struct token_claims who;
	const char *why = NULL;
	int status = guard_upgrade(&request, api->config.origins, &why);

	if (!text_is(server_header(wsi, WSI_TOKEN_GET_URI, uri, sizeof(uri)), "/api/v1")) {
		status = 404;
		why = "WebSocket is spoken at /api/v1";
	} else if (status == 0 && api->sessions >= api->config.max_clients) {
		status = 503;
		why = "too many clients, try later";
	} else if (status == 0 && whose(&asking, &who) < 0) {
		status = 401;
		why = "log in first, or send a bearer token";
	}
	if (status == 0)
		return 0;
	api->counts.upgrades_refused++;
	if (text_is(request.upgrade, "websocket"))
		lws_return_http_status(wsi, (unsigned)status, why);
	return -1;
}

int http_on(struct lws *wsi, int reason, struct exchange *ex, void *in, size_t n)
{
	struct api *api = lws_context_user(lws_get_context(wsi));

	switch (reason) {
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return confirm_upgrade(wsi, api);
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: /* no subprotocol was asked for */
	case LWS_CALLBACK_ESTABLISHED:
		return -1;
	case LWS_CALLBACK_HTTP:
		ex->api = api;
		ex->wsi = wsi;
		exchange_begin(ex, in, n);
		return 0;
	case LWS_CALLBACK_HTTP_BODY:
		if (ex->api && ex->post && !ex->status)
			buffer_give(&ex->in, in, n);
		return 0;
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		if (ex->api && ex->post && !ex->status && !ex->login)
			login_begin(ex);
		return 0;
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return ex->api ? exchange_give(ex) : 0;
	case LWS_CALLBACK_CLOSED_HTTP:
		if (ex && ex->api)
			exchange_clear(ex);
		return 0;
	default:
		return 0;
	}
}
