#include "api/front.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/services.h>

#include "api/access.h"
#include "api/http.h"
#include "api/prom/prom.h"
#include "api/server.h"
#include "api/socket.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/request.h"
#include "base/stream.h"
#include "base/text.h"
#include "base/upgrade.h"
#include "host/host.h"

#define LOG_MODULE "api"
#include "base/log.h"

#define REQUEST_NS (10 * NS_PER_S) /* for a request to be complete */
#define IDLE_NS    (30 * NS_PER_S) /* for the next to begin */
#define IN_MAX     (REQUEST_MAX + MAX(HTTP_BODY_MAX, PROM_BODY_MAX))
#define OUT_MAX    (256u << 10)
#define HTTP_SPARE 256 /* connections besides the WebSocket clients */

int front_whose(const struct front *front, const struct request *request, struct token_claims *who)
{
	const char *why;
	struct sb_str token = access_bearer(request_field(request, "authorization"));

	if (!token.n)
		token = access_cookie(request_field(request, "cookie"), front->api->cookie);
	return access_check(&front->api->access, token, who, &why);
}

/* ---- beginning and end */

static void on_deadline(struct timer *t)
{
	struct front *front = container_of(t, struct front, deadline);

	front->over = true;
	streams_close(front->api->streams, front->conn);
}

static int32_t on_open(void *ud, sb_conn conn, struct sb_str peer, void **conn_ud)
{
	struct api *api = ud;

	if (api->connections >= api->config.max_clients + HTTP_SPARE) {
		api->counts.connections_refused++;
		return SB_E_QUOTA;
	}
	struct front *front = calloc(1, sizeof(*front));

	if (!front)
		return -ENOMEM;
	/* "192.0.2.1:4711", "[2001:db8::1]:4711" */
	const char *colon = memrchr(peer.p, ':', peer.n);
	struct sb_str host = sb_str_of(peer.p, colon ? (size_t)(colon - peer.p) : peer.n);

	if (host.n > 2 && host.p[0] == '[')
		host = sb_str_of(host.p + 1, host.n - 2);
	memcpy(front->peer, host.p, MIN(host.n, sizeof(front->peer) - 1));
	front->api = api;
	front->conn = conn;
	front->deadline.fn = on_deadline;
	http_init(&front->ex, front);
	loop_timer(api->loop, &front->deadline, REQUEST_NS, 0);
	api->connections++;
	api->counts.connections++;
	*conn_ud = front;
	return 0;
}

static void on_close(void *conn_ud, sb_conn conn, int32_t why)
{
	struct front *front = conn_ud;

	(void)conn;
	(void)why;
	timer_end(&front->deadline);
	session_free(front->session);
	http_fini(&front->ex);
	front->api->connections--;
	free(front);
}

static void end(struct front *front)
{
	front->over = true;
	timer_end(&front->deadline);
	streams_close_gently(front->api->streams, front->conn);
}

void front_next(struct front *front, bool keep)
{
	if (!keep) {
		end(front);
		return;
	}
	front->begun = false;
	loop_timer(front->api->loop, &front->deadline, IDLE_NS, 0);
	streams_resume(front->api->streams, front->conn);
}

/* ---- requests */

static void refuse(struct front *front, int status, const char *why)
{
	char answer[UPGRADE_ANSWER_MAX];
	size_t n = upgrade_refuse(answer, status, why);

	streams_write(front->api->streams, front->conn,
	              (struct sb_bytes){ (const uint8_t *)answer, n });
	end(front);
}

/* To the plugin that speaks it, with all that was read: it looks at the request itself. */
static void pass_on(struct front *front, struct sb_str subprotocol, struct sb_bytes unread)
{
	struct api *api = front->api;
	struct stream_parcel *parcel = NULL;

	if (streams_part_with(api->streams, front->conn, unread, &parcel) < 0) {
		end(front);
		return;
	}
	int r = host_adopt(api->config.host, subprotocol, parcel);

	if (r != 0)
		log_warn(r < 0 ? r : 0, "%s: cannot pass a %.*s connection on", front->peer,
		         (int)subprotocol.n, subprotocol.p);
	on_close(front, front->conn, SB_CLOSE_LOCAL);
}

/* False: the front is gone. */
static bool take_upgrade(struct front *front, const struct request *request, struct sb_bytes bytes,
                         size_t head)
{
	struct api *api = front->api;
	struct sb_str name = sb_str_of(request->path.p + 1, request->path.n - 1);
	const char *why = "WebSocket is spoken at /api/v1";
	int status = 404;

	if (name.n && host_speaks(api->config.host, name)) {
		pass_on(front, name, bytes);
		return false;
	}
	if (text_is(request->path, "/api/v1"))
		status = socket_enter(front, request, &front->session, &why);
	if (status) {
		api->counts.upgrades_refused++;
		refuse(front, status, why);
		return true;
	}
	timer_end(&front->deadline);
	http_fini(&front->ex);
	session_take(front->session, (struct sb_bytes){ bytes.p + head, bytes.n - head });
	return true;
}

/* How much was taken; 0: the request is not complete. */
static size_t take_request(struct front *front, struct sb_bytes bytes, bool *gone)
{
	struct request request;
	const char *why = NULL;
	int head = request_read(&request, bytes, &why);

	if (!front->begun) {
		front->begun = true;
		loop_timer(front->api->loop, &front->deadline, REQUEST_NS, 0);
	}
	if (head == 0)
		return 0;
	if (head < 0) {
		refuse(front, -head, why);
		return bytes.n;
	}
	if (upgrade_is_asked(&request)) {
		*gone = !take_upgrade(front, &request, bytes, (size_t)head);
		return bytes.n;
	}
	struct sb_bytes rest = { bytes.p + head, bytes.n - (size_t)head };
	int64_t body = http_take(&front->ex, &request, rest);

	return body < 0 ? 0 : (size_t)head + (size_t)body;
}

static int64_t on_data(void *conn_ud, sb_conn conn, struct sb_bytes bytes)
{
	struct front *front = conn_ud;
	size_t at = 0;
	bool gone = false;

	while (at < bytes.n && !front->over && !front->session && !http_is_busy(&front->ex)) {
		size_t n = take_request(front, (struct sb_bytes){ bytes.p + at, bytes.n - at },
		                        &gone);
		if (gone)
			return 0;
		if (n == 0)
			return (int64_t)at;
		at += n;
	}
	if (front->over)
		return (int64_t)bytes.n;
	if (front->session) {
		session_take(front->session, (struct sb_bytes){ bytes.p + at, bytes.n - at });
		return (int64_t)bytes.n;
	}
	if (http_is_busy(&front->ex)) { /* one answer at a time; the rest is offered again */
		timer_end(&front->deadline);
		/* A query may take long: its client is listened to, because it may go. */
		if (!front->ex.prom || at < bytes.n)
			streams_pause(front->api->streams, conn);
	}
	return (int64_t)at;
}

static void on_writable(void *conn_ud, sb_conn conn)
{
	struct front *front = conn_ud;

	(void)conn;
	if (front->session)
		session_writable(front->session);
	else
		http_writable(&front->ex);
}

/* ---- the port */

static int listen_on(struct api *api, const char *text, uint32_t *port)
{
	uint32_t id;
	struct sb_listen spec = {
		.size = sizeof(spec),
		.max_in_bytes = IN_MAX,
		.max_out_bytes = OUT_MAX,
		.address = sb_str_of(text, strlen(text)),
		.name = SB_STR("http"),
		.tls = api->config.tls != NULL,
		.open = on_open,
		.data = on_data,
		.writable = on_writable,
		.close = on_close,
		.ud = api,
	};

	return streams_listen(api->streams, &spec, api->config.tls, port, &id);
}

int front_listen(struct api *api, char *address, size_t cap)
{
	const char *text = api->config.listen;
	const char *colon = strrchr(text, ':');
	uint32_t port = 0;
	char any[32];
	int r;

	if (text == colon && colon) { /* ":8080": every address of this machine */
		snprintf(any, sizeof(any), "[::]%.16s", colon);
		r = listen_on(api, any, &port);
		if (r < 0) {
			snprintf(any, sizeof(any), "0.0.0.0%.16s", colon);
			r = listen_on(api, any, &port);
		}
		text = any;
		colon = strrchr(text, ':');
	} else {
		r = listen_on(api, text, &port);
	}
	if (r < 0)
		return log_error(r, "http.listen: cannot listen on '%s'", api->config.listen);
	snprintf(address, cap, "%.*s:%u", (int)(colon - text), text, port);
	return 0;
}
