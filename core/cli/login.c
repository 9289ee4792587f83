/* POST /api/v1/login by the HTTP client of libwebsockets. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libwebsockets.h>

#include "base/own.h"
#include "cli/client.h"
#include "cli/link.h"

struct login {
	char *body;
	size_t body_len, in_len;
	char in[8192];
	int status;
	bool ended, rang;
	char why[200];
	lws_sorted_usec_list_t alarm;
};

static int login_head(struct lws *wsi, const struct login *lg, unsigned char **p,
                      const unsigned char *end)
{
	char length[24];
	int n = snprintf(length, sizeof(length), "%zu", lg->body_len);
	unsigned char *last = *p + (end - *p);

	if (lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE,
	                                 (const unsigned char *)"application/json", 16, p, last) ||
	    lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH,
	                                 (unsigned char *)length, n, p, last))
		return -1;
	lws_client_http_body_pending(wsi, 1);
	lws_callback_on_writable(wsi);
	return 0;
}

static int login_give(struct lws *wsi, struct login *lg)
{
	if (!lg->body)
		return 0;
	int n = lws_write(wsi, (unsigned char *)lg->body + LWS_PRE, lg->body_len,
	                  LWS_WRITE_HTTP_FINAL);

	lws_client_http_body_pending(wsi, 0);
	free(lg->body);
	lg->body = NULL;
	return n < 0 ? -1 : 0;
}

static int login_read(struct lws *wsi)
{
	char buffer[LWS_PRE + 2048];
	char *p = buffer + LWS_PRE;
	int n = (int)sizeof(buffer) - LWS_PRE;

	return lws_http_client_read(wsi, &p, &n) < 0 ? -1 : 0;
}

static void login_keep(struct login *lg, const void *in, size_t n)
{
	n = MIN(n, sizeof(lg->in) - lg->in_len);
	memcpy(lg->in + lg->in_len, in, n);
	lg->in_len += n;
}

static int login_on(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t n)
{
	struct login *lg = lws_context_user(lws_get_context(wsi));

	(void)user;
	switch ((int)reason) {
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return login_head(wsi, lg, in, *(unsigned char **)in + n);
	case LWS_CALLBACK_CLIENT_HTTP_WRITEABLE:
		return login_give(wsi, lg);
	case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
		lg->status = (int)lws_http_client_http_response(wsi);
		return 0;
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP:
		return login_read(wsi);
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
		login_keep(lg, in, n);
		return 0;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		snprintf(lg->why, sizeof(lg->why), "%.*s", in ? (int)n : 0, in ? (char *)in : "");
		lg->ended = true;
		return 0;
	case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
	case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
		lg->ended = true;
		return 0;
	default:
		return 0;
	}
}

static const struct lws_protocols login_protocols[] = {
	{ "http", login_on, 0, 4096, 0, NULL, 0 },
	{ NULL, NULL, 0, 0, 0, NULL, 0 },
};

static void login_ring(lws_sorted_usec_list_t *alarm)
{
	container_of(alarm, struct login, alarm)->rang = true;
}

static int login_run(struct login *lg, const struct link_options *options,
                     const struct client_url *url)
{
	char host[300];
	char path[300];
	struct lws_context *context = client_context(login_protocols, options->ca_file, url->tls,
	                                             lg);
	struct lws_client_connect_info info = {
		.context = context,
		.address = url->host,
		.port = url->port,
		.path = path,
		.host = host,
		.method = "POST",
		.protocol = login_protocols[0].name,
		.ssl_connection = url->tls ? LCCSCF_USE_SSL : 0,
		.alpn = "http/1.1",
	};

	if (!context)
		return -ENOMEM;
	snprintf(path, sizeof(path), "%s/login", url->path);
	snprintf(host, sizeof(host), strchr(url->host, ':') ? "[%s]:%d" : "%s:%d", url->host,
	         url->port);
	lws_sul_schedule(context, 0, &lg->alarm, login_ring,
	                 (options->timeout_ms > 0 ? options->timeout_ms : 60000) * 1000LL);
	if (!lws_client_connect_via_info(&info))
		lg->ended = true;
	while (!lg->ended && !lg->rang)
		lws_service(context, 0);
	lws_sul_cancel(&lg->alarm);
	lws_context_destroy(context);
	if (lg->rang)
		return -ETIMEDOUT;
	return lg->status ? 0 : -ECONNREFUSED;
}

static int login_body(struct login *lg, const char *user, const char *password)
{
	json_t *body = json_pack("{s:s, s:s, s:b}", "user", user, "password", password, "token", 1);
	char *text = json_dumps(body, JSON_COMPACT);

	json_decref(body);
	lg->body_len = text ? strlen(text) : 0;
	lg->body = text ? malloc(LWS_PRE + lg->body_len) : NULL;
	if (lg->body)
		memcpy(lg->body + LWS_PRE, text, lg->body_len);
	free(text);
	return lg->body ? 0 : -EINVAL;
}

int link_login(const struct link_options *options, const char *user, const char *password,
               char *token, size_t cap, struct link_error *error)
{
	struct login lg = { 0 };
	struct client_url url;

	if (client_url_parse(options->url, &url) < 0)
		return client_error(error, -EINVAL, "connection", "'%s' is not a URL",
		                    options->url);
	if (login_body(&lg, user, password) < 0)
		return client_error(error, -EINVAL, "invalid_params",
		                    "name or password is not UTF-8");
	int r = login_run(&lg, options, &url);

	free(lg.body);
	if (r < 0)
		return client_error(error, r, "connection", "cannot reach %s: %s", options->url,
		                    lg.why[0] ? lg.why : strerror(-r));
	json_t *answer = json_loadb(lg.in, lg.in_len, 0, NULL);
	const char *text = json_string_value(json_object_get(answer, "token"));
	const char *remedy = json_string_value(json_object_get(answer, "remedy"));

	if (text && strlen(text) < cap)
		snprintf(token, cap, "%s", text);
	else
		r = client_error(error, LINK_E_REFUSED, "unauthenticated", "%s",
		                 remedy ? remedy : "name or password is wrong");
	if (error)
		error->status = lg.status;
	json_decref(answer);
	return r;
}
