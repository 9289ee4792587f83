#include "server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "acl.h"
#include "conn.h"
#include "connack.h"
#include "connect.h"
#include "known.h"
#include "quota.h"
#include "reason.h"
#include "recover.h"
#include "snapshot.h"
#include "store.h"

#define SECOND INT64_C(1000000000)
/* What may lie behind a packet that cannot be taken yet: more than one read of the host. */
#define READ_AHEAD (256u << 10)

void server_log(struct server *srv, int32_t level, const char *fmt, ...)
{
	char line[320];
	va_list ap;

	if (!srv->core->log_enabled(srv->host, level))
		return;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	size_t len = (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1;
	srv->core->log(srv->host, level, sb_str_of(line, len), NULL, 0);
}

int64_t server_utc_s(const struct server *srv)
{
	return srv->core->now_ns(SB_CLOCK_UTC) / SECOND;
}

uint64_t server_random(void)
{
	uint64_t v = 0;

	/* Eight bytes of an initialised pool are never short. */
	if (getrandom(&v, sizeof(v), 0) != (ssize_t)sizeof(v))
		v ^= (uint64_t)(uintptr_t)&v;
	return v;
}

/* Sessions whose share of looking for retained messages was used up go on. */
static void walk_on(struct server *srv)
{
	bool waits = srv->walk_waits;

	srv->walked = 0;
	srv->walk_waits = false;
	for (struct conn *c = srv->conns; waits && c; c = c->next)
		if (c->session && c->session->conn == c && c->session->n_retained_due)
			inflight_pump(c->session);
}

static bool speaks_for(const struct conn *c, sb_device device)
{
	const struct session *s = c->session;

	if (!s || s->conn != c)
		return false;
	if (s->who.kind == SB_PRINCIPAL_DEVICE)
		return s->who.device == device;
	return s->who.kind == SB_PRINCIPAL_ANONYMOUS && s->speaks_for == device;
}

/* The device was suspended, or has another credential. */
static void on_withdrawn(void *ud, sb_device device)
{
	struct server *srv = ud;

	for (struct conn *c = srv->conns; c; c = c->next) {
		const struct connect *req = c->connect;
		if (req && req->waiting && req->who.device == device) {
			connack_refuse(c, REASON_NOT_AUTHORIZED,
			               "the device's rights were changed");
			connect_drop(c);
		} else if (c->state == CONN_UP && speaks_for(c, device)) {
			conn_fail(c, REASON_ADMINISTRATIVE, "the device's rights were changed");
			conn_leave(c, true, SB_DOWN_KICKED, "rights changed");
		} else {
			known_forget(c->known, device);
		}
	}
	acl_watch(srv);
}

/* The user has another password. */
static void on_user(void *ud, uint64_t id)
{
	struct server *srv = ud;

	for (struct conn *c = srv->conns; c; c = c->next) {
		const struct connect *req = c->connect;
		const struct session *s = c->session;
		if (req && req->waiting && req->who.id == id) {
			connack_refuse(c, REASON_NOT_AUTHORIZED, "the user's password was changed");
			connect_drop(c);
		} else if (c->state == CONN_UP && s && s->conn == c && s->who.id == id) {
			metrics_count(srv->m.rights_lost, 1);
			conn_fail(c, REASON_NOT_AUTHORIZED, "the user's password was changed");
			conn_leave(c, true, SB_DOWN_KICKED, "password changed");
		}
	}
}

static void on_tick(void *ud)
{
	struct server *srv = ud;

	srv->tick++;
	acl_watch(srv);
	wheel_run(&srv->conn_wheel, srv->tick);
	wheel_run(&srv->session_wheel, srv->tick);
	walk_on(srv);
	retained_sweep(srv);
	admission_tick(srv);
	address_sweep(srv);
	rate_tick(srv);
	quota_enforce(srv);
	if (!persist_ready(srv))
		server_writable(srv);
	snapshot_turn(srv);
}

bool server_lets_anonymous(const struct conn *c)
{
	const struct server *srv = c->srv;

	return srv->config.anonymous && (srv->config.insecure || !c->on_http || !srv->http_open);
}

static struct sb_listen listen_spec(struct server *srv)
{
	const struct config *config = &srv->config;

	return (struct sb_listen){ .size = sizeof(struct sb_listen),
		                   .max_conns = config->max_connections + SERVER_GRACE,
		                   .max_in_bytes = config->max_packet_bytes + READ_AHEAD,
		                   .max_out_bytes = config->max_out_bytes,
		                   .open = conn_open,
		                   .data = conn_data,
		                   .writable = conn_writable,
		                   .close = conn_closed,
		                   .ud = srv };
}

static int listen_on(struct server *srv, const char *address, bool tls, bool websocket)
{
	static const char *const names[2][2] = { { "mqtt", "mqtts" }, { "mqtt-ws", "mqtt-wss" } };
	const char *name = names[websocket][tls];
	struct sb_listen spec = listen_spec(srv);
	uint32_t port = 0;

	spec.address = sb_str_of(address, strlen(address));
	spec.name = sb_str_of(name, strlen(name));
	spec.tls = tls;
	spec.tls_clients = tls ? srv->config.tls_clients : 0;
	spec.websocket = websocket ? SB_STR("mqtt") : SB_STR("");
	int r = srv->stream->listen(srv->host, &spec, &port);
	if (r < 0) {
		server_log(srv, SB_LOG_ERROR, "cannot listen on %s: %s", address, sb_strerror(r));
		return r;
	}
	server_log(srv, SB_LOG_INFO, "listening on %s, port %u", address, port);
	return 0;
}

static int listen_http(struct server *srv)
{
	struct sb_listen spec = listen_spec(srv);
	uint32_t port = 0;

	spec.address = SB_STR("http");
	spec.name = spec.websocket = SB_STR("mqtt");
	spec.open = conn_open_http;
	int r = srv->stream->listen(srv->host, &spec, &port);
	if (r == -EADDRINUSE) {
		server_log(
			srv, SB_LOG_WARN,
			"another instance speaks MQTT on the HTTP port: set websocket-http = no");
		return 0;
	}
	srv->http_open = r == SB_LISTEN_OPEN;
	return r < 0 ? r : 0;
}

static int listen_all(struct server *srv)
{
	const struct config *config = &srv->config;
	int r = 0;

	for (uint32_t i = 0; i < config->n_listen && r >= 0; i++)
		r = listen_on(srv, config->listen[i].address, config->listen[i].tls,
		              config->listen[i].websocket);
	if (r >= 0 && config->websocket_http)
		r = listen_http(srv);
	return r;
}

/* NOLINTNEXTLINE(readability-function-size): a row of the table is two statements */
static int make_metrics(struct server *srv)
{
	const struct sb_metrics *table = srv->core->service(srv->host, "sb.metrics/1");
	bool ok = table != NULL;

	if (!ok)
		return -ENOSYS;
#define MAKE(name, help)                                      \
	srv->m.name = table->counter(srv->host, #name, help); \
	ok = ok && srv->m.name;
	METRICS_COUNTERS(MAKE)
#undef MAKE
#define MAKE(name, help)                                    \
	srv->m.name = table->gauge(srv->host, #name, help); \
	ok = ok && srv->m.name;                             \
	if (srv->m.name)                                    \
		metrics_move(srv->m.name, -*srv->m.name);
	METRICS_GAUGES(MAKE)
#undef MAKE
	return ok ? 0 : -ENOMEM;
}

int server_start(struct server *srv)
{
	int r = make_metrics(srv);
	if (r >= 0)
		r = limit_init(srv);
	if (r < 0)
		return r;
	srv->seed = server_random();
	admission_init(srv);
	persist_init(&srv->persist, srv->journal);
	r = sessions_init(&srv->sessions, server_random());
	if (r >= 0)
		r = trie_init(&srv->subs, server_random());
	if (r >= 0)
		r = retained_init(&srv->retained, server_random());
	if (r < 0)
		return r;
	srv->tick = 1;
	srv->rights = srv->devices->rights(srv->host);
	srv->stalled_at = &srv->stalled;
	wheel_init(&srv->conn_wheel, srv->tick, conn_due);
	wheel_init(&srv->session_wheel, srv->tick, session_due);
	if (SB_HAS(srv->devices, watch))
		r = srv->devices->watch(srv->host, on_withdrawn, srv);
	if (r >= 0 && SB_HAS(srv->devices, watch_users))
		r = srv->devices->watch_users(srv->host, on_user, srv);
	if (r < 0)
		return r;
	r = srv->loop->timer(srv->host, SECOND / KEEPALIVE_TICKS, SECOND / KEEPALIVE_TICKS, on_tick,
	                     srv, &srv->ticker);
	if (r < 0)
		return r;
	recover_sessions(srv);
	/* Connections wait until the retained messages are back. */
	r = srv->docs ? store_load(srv) : 0;
	if (r < 0)
		server_log(srv, SB_LOG_ERROR, "cannot read the retained messages: %s",
		           sb_strerror(r));
	if (r < 0 || !srv->docs)
		server_restored(srv);
	return listen_all(srv);
}

void server_restored(struct server *srv)
{
	srv->restored = true;
	recover_go_on(srv);
	for (struct conn *c = srv->conns; c; c = c->next)
		conn_release(c, CONN_HOLD_START);
}

void server_stall(struct server *srv, struct conn *c)
{
	metrics_count(srv->m.stalls, 1);
	conn_hold(c, CONN_HOLD_STORAGE);
	if (c->stalled)
		return;
	c->stalled = true;
	c->stalled_next = NULL;
	*srv->stalled_at = c;
	srv->stalled_at = &c->stalled_next;
}

void server_writable(struct server *srv)
{
	if (!persist_resume(srv))
		return;
	while (srv->stalled) {
		struct conn *c = srv->stalled;
		srv->stalled = c->stalled_next;
		if (!srv->stalled)
			srv->stalled_at = &srv->stalled;
		c->stalled = false;
		conn_release(c, CONN_HOLD_STORAGE);
		if (c->state == CONN_CLOSED)
			conn_settle(c);
	}
}

void server_part(struct conn *c)
{
	uint8_t reason = c->srv->config.redirect[0] ? REASON_USE_ANOTHER : REASON_SHUTTING_DOWN;

	conn_fail(c, reason, "the server is stopping");
	conn_leave(c, false, SB_DOWN_CLEAN, "the server is stopping");
}

void server_drain(struct server *srv)
{
	struct conn *next;

	srv->draining = true;
	for (struct conn *c = srv->conns; c; c = next) {
		next = c->next;
		if (c->state >= CONN_CLOSING)
			continue;
		/* What has been submitted is acknowledged first. */
		if (acks_waiting(c))
			conn_hold(c, CONN_HOLD_START);
		else
			server_part(c);
	}
}

void server_stop(struct server *srv)
{
	srv->draining = srv->stopped = true;
	if (srv->ticker)
		srv->loop->timer_cancel(srv->host, srv->ticker);
	srv->ticker = 0;
	for (struct conn *c = srv->conns; c; c = c->next)
		if (c->state < CONN_CLOSING)
			server_part(c);
	persist_flush(srv);
	srv->persist.closed = true;
}

void server_fini(struct server *srv)
{
	while (srv->conns)
		conn_free(srv->conns);
	if (srv->sessions.buckets)
		sessions_fini(&srv->sessions);
	trie_fini(&srv->subs);
	retained_fini(&srv->retained);
	pending_fini(&srv->pending);
	persist_fini(&srv->persist);
	route_scratch_fini(&srv->route);
	free(srv->acl_text);
	verdict_fini(&srv->verdicts);
	flap_fini(&srv->flaps);
	address_fini(&srv->addresses);
}
