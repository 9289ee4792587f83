#include "cli/link.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <libwebsockets.h>

#include <signalbox/error.h>

#include "base/own.h"
#include "cli/client.h"

#define MESSAGE_MAX (64U << 20)
#define EVENTS_MAX  4096
#define TIMEOUT_MS  60000

enum link_state { LINK_CONNECTING, LINK_OPEN, LINK_ENDED };

struct link {
	struct lws_context *context;
	struct lws *wsi;
	enum link_state state;
	int timeout_ms, status;
	char why[200];
	const char *token;
	uint8_t *out; /* LWS_PRE bytes, then the text to be sent */
	size_t out_len;
	char *in;
	size_t in_len, in_cap;
	json_t *events; /* array */
	json_t *answer; /* to the call under way */
	json_int_t id;
	lws_sorted_usec_list_t alarm;
	bool rang;
};

/* ---- what arrives */

static void link_keep_event(struct link *l, json_t *event)
{
	if (json_array_size(l->events) >= EVENTS_MAX)
		json_array_remove(l->events, 0);
	json_array_append(l->events, event);
}

static void link_take(struct link *l, const char *text, size_t n)
{
	json_error_t error;
	json_t *message = json_loadb(text, n, JSON_ALLOW_NUL, &error);

	/* jansson's integers end at 2^63: a message with one beyond gives all its numbers as
	 * doubles. */
	if (!message && json_error_code(&error) == json_error_numeric_overflow)
		message = json_loadb(text, n, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
	const json_t *id = json_object_get(message, "id");

	if (json_object_get(message, "method")) {
		link_keep_event(l, message);
	} else if (json_is_number(id) && (json_int_t)json_number_value(id) == l->id && !l->answer) {
		l->answer = message;
		return;
	}
	json_decref(message);
}

static int link_take_part(struct link *l, struct lws *wsi, const void *in, size_t n)
{
	if (lws_is_first_fragment(wsi))
		l->in_len = 0;
	if (l->in_len + n > MESSAGE_MAX)
		return -1;
	if (l->in_len + n > l->in_cap) {
		size_t cap = MAX(l->in_cap * 2, l->in_len + n);
		char *p = realloc(l->in, cap);

		if (!p)
			return -1;
		l->in = p;
		l->in_cap = cap;
	}
	memcpy(l->in + l->in_len, in, n);
	l->in_len += n;
	if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0)
		link_take(l, l->in, l->in_len);
	return 0;
}

static int link_give(struct link *l)
{
	if (!l->out)
		return 0;
	int n = lws_write(l->wsi, l->out + LWS_PRE, l->out_len, LWS_WRITE_TEXT);

	free(l->out);
	l->out = NULL;
	return n < 0 ? -1 : 0;
}

static void link_end(struct link *l, const char *why, size_t n)
{
	if (l->state == LINK_ENDED)
		return;
	l->state = LINK_ENDED;
	l->wsi = NULL;
	snprintf(l->why, sizeof(l->why), "%.*s", (int)n, why);
}

static int link_on(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                   size_t n)
{
	struct link *l = lws_context_user(lws_get_context(wsi));
	char bearer[4200];

	(void)user;
	switch ((int)reason) {
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER: {
		unsigned char **p = in;

		if (!l->token)
			return 0;
		int len = snprintf(bearer, sizeof(bearer), "Bearer %s", l->token);

		return len >= (int)sizeof(bearer) ||
		       lws_add_http_header_by_name(wsi, (const unsigned char *)"authorization:",
		                                   (unsigned char *)bearer, len, p, *p + n);
	}
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		l->state = LINK_OPEN;
		return 0;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		l->status = (int)lws_http_client_http_response(wsi);
		link_end(l, in ? in : "cannot connect", in ? n : 14);
		return 0;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		if (n > 2)
			link_end(l, (const char *)in + 2, n - 2);
		return 0;
	case LWS_CALLBACK_CLIENT_CLOSED:
		link_end(l, "the connection was closed", 25);
		return 0;
	case LWS_CALLBACK_CLIENT_RECEIVE:
		return link_take_part(l, wsi, in, n);
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return link_give(l);
	default:
		return 0;
	}
}

static const struct lws_protocols link_protocols[] = {
	{ "signalbox.v1.json", link_on, 0, 65536, 0, NULL, 0 },
	{ NULL, NULL, 0, 0, 0, NULL, 0 },
};

/* ---- waiting */

static void link_ring(lws_sorted_usec_list_t *alarm)
{
	container_of(alarm, struct link, alarm)->rang = true;
}

static void link_arm(struct link *l, int timeout_ms)
{
	l->rang = false;
	lws_sul_schedule(l->context, 0, &l->alarm, link_ring, (lws_usec_t)timeout_ms * 1000);
}

static void link_turn(struct link *l)
{
	lws_service(l->context, 0);
}

static int link_connect(struct link *l, const struct client_url *url)
{
	char address[300];
	struct lws_client_connect_info info = {
		.context = l->context,
		.address = url->host,
		.port = url->port,
		.path = url->path,
		.host = address,
		.protocol = link_protocols[0].name,
		.local_protocol_name = link_protocols[0].name,
		.ietf_version_or_minus_one = -1,
		.ssl_connection = url->tls ? LCCSCF_USE_SSL : 0,
		.alpn = url->tls ? "http/1.1" : NULL,
		.pwsi = &l->wsi,
	};

	snprintf(address, sizeof(address), strchr(url->host, ':') ? "[%s]:%d" : "%s:%d", url->host,
	         url->port);
	link_arm(l, l->timeout_ms);
	lws_client_connect_via_info(&info);
	while (l->state == LINK_CONNECTING && !l->rang)
		link_turn(l);
	if (l->state == LINK_OPEN)
		return 0;
	return l->rang ? -ETIMEDOUT : -ECONNREFUSED;
}

int link_open(struct link **out, const struct link_options *options, struct link_error *error)
{
	struct client_url url;
	struct link *l = calloc(1, sizeof(*l));

	if (!l)
		return client_error(error, -ENOMEM, "connection", "no memory");
	if (client_url_parse(options->url, &url) < 0) {
		link_close(l);
		return client_error(error, -EINVAL, "connection",
		                    "'%s' is not a URL like ws://HOST:PORT/api/v1", options->url);
	}
	l->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : TIMEOUT_MS;
	l->events = json_array();
	l->token = options->token;
	l->context = client_context(link_protocols, options->ca_file, url.tls, l);
	int r = l->context && l->events ? link_connect(l, &url) : -ENOMEM;

	l->token = NULL;
	if (r == 0) {
		*out = l;
		return 0;
	}
	bool denied = l->status == 401 || l->status == 403;

	client_error(error, r, denied ? "unauthenticated" : "connection",
	             "cannot connect to %s: %s", options->url,
	             denied              ? "the token is missing, wrong or has ended"
	             : r == -ETIMEDOUT   ? "no answer in time"
	             : l->why[0] != '\0' ? l->why
	                                 : strerror(-r));
	if (error)
		error->status = l->status;
	link_close(l);
	return r;
}

struct link *link_close(struct link *l)
{
	if (!l)
		return NULL;
	if (l->context) {
		lws_sul_cancel(&l->alarm);
		lws_context_destroy(l->context);
	}
	json_decref(l->events);
	json_decref(l->answer);
	free(l->out);
	free(l->in);
	free(l);
	return NULL;
}

/* ---- calls */

static int link_send(struct link *l, const char *method, json_t *params)
{
	json_t *message = json_pack("{s:s, s:I, s:s, s:o*}", "jsonrpc", "2.0", "id", ++l->id,
	                            "method", method, "params", params);
	char *text = json_dumps(message, JSON_COMPACT);

	json_decref(message);
	if (!text)
		return -ENOMEM;
	l->out_len = strlen(text);
	free(l->out);
	l->out = malloc(LWS_PRE + l->out_len);
	if (l->out)
		memcpy(l->out + LWS_PRE, text, l->out_len);
	free(text);
	if (!l->out)
		return -ENOMEM;
	lws_callback_on_writable(l->wsi);
	return 0;
}

static int link_refusal(const json_t *refusal, struct link_error *error)
{
	const json_t *data = json_object_get(refusal, "data");
	const char *name = json_string_value(json_object_get(data, "name"));
	const char *field = json_string_value(json_object_get(data, "field"));
	const char *remedy = json_string_value(json_object_get(data, "remedy"));
	const char *text = json_string_value(json_object_get(refusal, "message"));

	/* What is not there is said by the remedy alone. */
	if (remedy && name && strcmp(name, "not_found") == 0) {
		text = remedy;
		remedy = NULL;
		field = field && strchr(field + 1, '/') ? field : NULL;
	}
	field = field && *field == '/' ? field + 1 : field;
	client_error(error, 0, name ? name : "internal_error", "%s%s%s%s%s%s",
	             text ? text : "refused", field ? " (" : "", field ? field : "",
	             field ? ")" : "", remedy ? "; " : "", remedy ? remedy : "");
	if (error)
		error->code = (int)json_integer_value(json_object_get(refusal, "code"));
	return LINK_E_REFUSED;
}

int link_call(struct link *l, const char *method, json_t *params, json_t **result,
              struct link_error *error)
{
	if (l->state != LINK_OPEN) {
		json_decref(params);
		return client_error(error, -ECONNRESET, "connection", "%s", l->why);
	}
	int r = link_send(l, method, params);

	if (r < 0)
		return client_error(error, r, "connection", "cannot send: %s", strerror(-r));
	link_arm(l, l->timeout_ms);
	while (!l->answer && l->state == LINK_OPEN && !l->rang)
		link_turn(l);
	if (!l->answer && l->state != LINK_OPEN)
		return client_error(error, -ECONNRESET, "connection", "%s", l->why);
	if (!l->answer)
		return client_error(error, -ETIMEDOUT, "connection", "%s: no answer in time",
		                    method);
	json_t *answer = steal(l->answer);
	const json_t *refusal = json_object_get(answer, "error");

	r = refusal ? link_refusal(refusal, error) : 0;
	if (r == 0 && result)
		*result = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	return r;
}

int link_event(struct link *l, int timeout_ms, json_t **event)
{
	link_arm(l, timeout_ms);
	while (json_array_size(l->events) == 0 && l->state == LINK_OPEN && !l->rang)
		link_turn(l);
	if (json_array_size(l->events) == 0)
		return l->state == LINK_OPEN ? SB_AGAIN : -ECONNRESET;
	*event = json_incref(json_array_get(l->events, 0));
	json_array_remove(l->events, 0);
	return 0;
}
