#include "conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alias.h"
#include "auth.h"
#include "connect.h"
#include "disconnect.h"
#include "flap.h"
#include "known.h"
#include "packet.h"
#include "ping.h"
#include "puback.h"
#include "publish.h"
#include "reason.h"
#include "server.h"
#include "subscribe.h"
#include "unsubscribe.h"

#define OVERFLOW_MAX 65536
#define REFUSED_S    3

typedef int (*handler_fn)(struct conn *c, const struct packet *p);

static const struct {
	handler_fn take; /* NULL: no client sends this */
	uint8_t flags;   /* the reserved bits of the fixed header */
} packets[16] = {
	[PACKET_CONNECT] = { connect_take, 0 },     [PACKET_PUBLISH] = { publish_take, 0 },
	[PACKET_PUBACK] = { puback_take, 0 },       [PACKET_PUBREC] = { puback_take, 0 },
	[PACKET_PUBREL] = { puback_take, 2 },       [PACKET_PUBCOMP] = { puback_take, 0 },
	[PACKET_SUBSCRIBE] = { subscribe_take, 2 }, [PACKET_UNSUBSCRIBE] = { unsubscribe_take, 2 },
	[PACKET_PINGREQ] = { ping_take, 0 },        [PACKET_DISCONNECT] = { disconnect_take, 0 },
	[PACKET_AUTH] = { auth_take, 0 },
};

/* ---- beginning and end */

/* Without a word: too many are being told why already. */
static int32_t turned_away(struct server *srv, enum limit which)
{
	metrics_count(srv->m.connects_refused, 1);
	limit_count(srv, which);
	return SB_E_QUOTA;
}

int32_t conn_open(void *ud, sb_conn handle, struct sb_str peer, void **conn_ud)
{
	struct server *srv = ud;

	/* While the server drains, newcomers are told where to go instead. */
	if (srv->stopped || (srv->draining && !srv->config.redirect[0]))
		return -ESHUTDOWN;
	if (srv->n_conns >= srv->config.max_connections + SERVER_GRACE)
		return turned_away(srv, LIMIT_connections);
	struct conn *c = calloc(1, sizeof(*c) + peer.n + 1);
	if (!c)
		return -ENOMEM;
	c->srv = srv;
	c->handle = handle;
	c->opened = c->last_rx = srv->tick;
	memcpy(c->peer, peer.p, peer.n);
	int which;
	c->address = address_enter(srv, c->peer, &which);
	if (address_is_crowded(srv, c->address)) {
		address_leave(c->address);
		free(c);
		return turned_away(srv, LIMIT_address_connections);
	}
	if (srv->n_conns >= srv->config.max_connections)
		which = LIMIT_connections;
	c->refused_by = (uint8_t)(which + 1);
	c->next = srv->conns;
	if (c->next)
		c->next->prev = c;
	srv->conns = c;
	srv->n_conns++;
	metrics_move(srv->m.connections, 1);
	wheel_put(&srv->conn_wheel, &c->link, conn_due(&c->link, srv->tick));
	if (!srv->restored)
		conn_hold(c, CONN_HOLD_START);
	*conn_ud = c;
	return 0;
}

int32_t conn_open_http(void *ud, sb_conn handle, struct sb_str peer, void **conn_ud)
{
	int32_t r = conn_open(ud, handle, peer, conn_ud);

	if (r >= 0)
		((struct conn *)*conn_ud)->on_http = true;
	return r;
}

void conn_free(struct conn *c)
{
	struct server *srv = c->srv;

	connect_drop(c);
	wheel_take(&c->link);
	rate_forget(c);
	if (c->prev)
		c->prev->next = c->next;
	else
		srv->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	alias_free(c);
	acks_free(c->acks);
	known_free(c->known);
	free(c->overflow);
	free(c);
}

void conn_settle(struct conn *c)
{
	if (c->n_direct || c->n_pinned)
		return;
	struct session *s = c->session;
	if (s && s->leaving == c) {
		c->session = NULL;
		session_left(s);
	}
	if (c->state == CONN_CLOSED && !c->stalled)
		conn_free(c);
}

int conn_fail_storage(struct conn *c, uint8_t reason, const char *why)
{
	if (c->session)
		flap_forgive(c->session);
	return conn_fail(c, reason, why);
}

void conn_leave(struct conn *c, bool with_will, int32_t why, const char *detail)
{
	struct session *s = c->session;

	connect_drop(c);
	if (!s || s->conn != c)
		return;
	if (c->n_direct || c->n_pinned)
		s->leaving = c;
	else
		c->session = NULL;
	session_detach(s, with_will, why, sb_str_of(detail, strlen(detail)));
}

void conn_closed(void *conn_ud, sb_conn handle, int32_t why)
{
	struct conn *c = conn_ud;
	bool timeout = why == SB_CLOSE_TIMEOUT;

	(void)handle;
	conn_leave(c, true, timeout ? SB_DOWN_TIMEOUT : SB_DOWN_ERROR, "connection lost");
	c->state = CONN_CLOSED;
	wheel_take(&c->link);
	c->srv->n_conns--;
	admission_charge(c, 0);
	address_leave(c->address);
	c->address = NULL;
	metrics_move(c->srv->m.connections, -1);
	struct server *srv = c->srv;
	conn_settle(c);
	persist_flush(srv);
}

void conn_shut(struct conn *c)
{
	if (c->state == CONN_CLOSING || c->state == CONN_CLOSED)
		return;
	c->state = CONN_CLOSING;
	wheel_take(&c->link);
	c->srv->stream->close(c->srv->host, c->handle);
}

/* Did the peer break a rule, or was it merely asked to go? */
static bool peers_fault(uint8_t reason)
{
	switch (reason) {
	case REASON_MALFORMED:
	case REASON_PROTOCOL_ERROR:
	case REASON_BAD_FILTER:
	case REASON_BAD_TOPIC:
	case REASON_RECEIVE_MAXIMUM:
	case REASON_BAD_ALIAS:
	case REASON_TOO_LARGE:
		return true;
	default:
		return false;
	}
}

int conn_fail(struct conn *c, uint8_t reason, const char *why)
{
	struct server *srv = c->srv;
	struct session *s = c->session;

	if (c->state == CONN_CLOSING || c->state == CONN_CLOSED)
		return -EPROTO;
	server_log(srv, SB_LOG_DEBUG, "%s: connection ended with 0x%02x: %s", c->peer, reason, why);
	if (peers_fault(reason))
		metrics_count(srv->m.protocol_errors, 1);
	if (peers_fault(reason) && s && s->speaks_for)
		srv->devices->fate(srv->host, s->speaks_for, SB_FATE_REFUSED,
		                   sb_str_of(why, strlen(why)));
	if (c->state == CONN_UP)
		disconnect_give(c, reason, why);
	conn_shut(c);
	return -EPROTO;
}

/* Whose CONNECT will be refused anyway does not keep the place for long. */
static uint32_t patience(const struct conn *c)
{
	uint32_t s = c->srv->config.connect_timeout_s;

	return c->refused_by && s > REFUSED_S ? REFUSED_S : s;
}

static uint32_t due(struct conn *c, uint32_t now)
{
	uint32_t deadline;

	if (c->state != CONN_UP) {
		deadline = c->opened + patience(c) * KEEPALIVE_TICKS;
		if (deadline > now)
			return deadline;
		conn_shut(c);
		conn_leave(c, false, SB_DOWN_TIMEOUT, "no CONNECT in time");
		return 0;
	}
	if (!c->keepalive_s)
		return now + KEEPALIVE_SLOTS;
	/* One and a half times the interval; while we do not read, the peer cannot be heard. */
	deadline = c->last_rx + c->keepalive_s * (KEEPALIVE_TICKS * 3 / 2) + 1;
	if (c->hold)
		return now + KEEPALIVE_TICKS;
	if (deadline > now)
		return deadline;
	metrics_count(c->srv->m.keepalive_timeouts, 1);
	conn_fail(c, REASON_KEEPALIVE, "nothing was heard within the keep-alive time");
	conn_leave(c, true, SB_DOWN_TIMEOUT, "keep-alive");
	return 0;
}

uint32_t conn_due(struct wheel_link *link, uint32_t now)
{
	struct conn *c = (void *)((char *)link - offsetof(struct conn, link));
	const struct server *srv = c->srv;

	if (c->state != CONN_UP || !c->until_ns)
		return due(c, now);
	if (c->until_ns <= srv->core->now_ns(SB_CLOCK_UTC)) {
		metrics_count(srv->m.rights_lost, 1);
		conn_fail(c, REASON_NOT_AUTHORIZED, "the certificate or token has ended");
		conn_leave(c, true, SB_DOWN_KICKED, "certificate or token ended");
		return 0;
	}
	uint32_t next = due(c, now);
	return next > now + KEEPALIVE_TICKS ? now + KEEPALIVE_TICKS : next;
}

/* ---- reading */

void conn_hold(struct conn *c, uint8_t why)
{
	if (!c->hold)
		c->srv->stream->pause(c->srv->host, c->handle);
	c->hold |= why;
}

void conn_release(struct conn *c, uint8_t why)
{
	if (!(c->hold & why))
		return;
	c->hold &= (uint8_t)~why;
	if (c->hold)
		return;
	c->last_rx = c->srv->tick;
	if (c->state != CONN_CLOSED && c->state != CONN_CLOSING)
		c->srv->stream->resume(c->srv->host, c->handle);
}

static int dispatch(struct conn *c, const struct packet *p)
{
	if (!packets[p->type].take)
		return conn_fail(c, REASON_PROTOCOL_ERROR, "not a packet a client sends");
	if (p->type != PACKET_PUBLISH && p->flags != packets[p->type].flags)
		return conn_fail(c, REASON_MALFORMED, "reserved flags of the fixed header");
	if ((c->state == CONN_NEW) != (p->type == PACKET_CONNECT))
		return conn_fail(c, REASON_PROTOCOL_ERROR,
		                 c->state == CONN_NEW ? "the first packet is not CONNECT"
		                                      : "a second CONNECT");
	return packets[p->type].take(c, p);
}

/* Whoever nobody knows yet makes us keep little. */
static uint32_t longest(const struct conn *c)
{
	const struct config *config = &c->srv->config;

	return c->state == CONN_NEW && config->max_connect_bytes < config->max_packet_bytes
	               ? config->max_connect_bytes
	               : config->max_packet_bytes;
}

static int bad_frame(struct conn *c, int r, const struct packet *p, uint32_t max)
{
	char why[96];

	if (r != -EMSGSIZE)
		return conn_fail(c, REASON_MALFORMED, "malformed packet length");
	snprintf(why, sizeof(why), "packet of %u bytes, %u are allowed (%s)", p->total, max,
	         c->state == CONN_NEW ? "max-connect-bytes" : "max-packet-bytes");
	limit_count(c->srv, LIMIT_packet_bytes);
	return conn_fail(c, REASON_TOO_LARGE, why);
}

int64_t conn_data(void *conn_ud, sb_conn handle, struct sb_bytes bytes)
{
	struct conn *c = conn_ud;
	size_t at = 0;

	(void)handle;
	c->last_rx = c->srv->tick;
	while (at < bytes.n && !c->hold && c->state < CONN_CLOSING) {
		struct packet p;
		struct sb_bytes rest = { bytes.p + at, bytes.n - at };
		uint32_t max = longest(c);
		int r = packet_frame(rest, max, &p);
		if (r < 0)
			bad_frame(c, r, &p, max);
		if (r <= 0 || (p.type == PACKET_PUBLISH && rate_take(c, p.total)))
			break;
		if (dispatch(c, &p) == CONN_AGAIN)
			break;
		at += p.total;
	}
	metrics_count(c->srv->m.bytes_received, at);
	if (c->state == CONN_NEW || c->waiting_bytes)
		admission_charge(c, c->state == CONN_NEW ? (uint32_t)(bytes.n - at) : 0);
	if (c->state >= CONN_CLOSING) {
		conn_leave(c, true, SB_DOWN_ERROR, "protocol error");
		at = bytes.n;
	}
	persist_flush(c->srv);
	return (int64_t)at;
}

/* ---- writing */

static int overflow_add(struct conn *c, struct sb_bytes bytes)
{
	struct conn_buffer *b = c->overflow;
	size_t need = (b ? b->n : 0) + bytes.n;

	if (need > OVERFLOW_MAX)
		return -ENOBUFS;
	if (!b || need > b->cap) {
		size_t cap = b ? b->cap : 256;
		while (cap < need)
			cap *= 2;
		b = realloc(c->overflow, sizeof(*b) + cap);
		if (!b)
			return -ENOMEM;
		if (!c->overflow)
			b->n = 0;
		b->cap = (uint32_t)cap;
		c->overflow = b;
	}
	memcpy(b->data + b->n, bytes.p, bytes.n);
	b->n += (uint32_t)bytes.n;
	return 0;
}

void conn_send(struct conn *c, struct sb_bytes bytes)
{
	struct server *srv = c->srv;

	if (c->state >= CONN_CLOSING)
		return;
	if (c->max_out && bytes.n > c->max_out) {
		metrics_count(srv->m.answers_dropped, 1);
		return;
	}
	if (!c->overflow && srv->stream->write(srv->host, c->handle, bytes) != SB_AGAIN)
		return;
	/* Whoever does not read what we answer is not asked any more. */
	if (!(c->hold & CONN_HOLD_OUTPUT))
		conn_hold(c, CONN_HOLD_OUTPUT);
	if (overflow_add(c, bytes) < 0)
		conn_shut(c);
}

int conn_try_send(struct conn *c, struct sb_bytes bytes)
{
	if (c->overflow)
		return SB_AGAIN;
	int r = c->srv->stream->write(c->srv->host, c->handle, bytes);
	/* The peer is gone and conn_closed() follows, or there is no memory: no fault of the
	 * message, which stays with its session. */
	return r < 0 ? SB_AGAIN : r;
}

void conn_writable(void *conn_ud, sb_conn handle)
{
	struct conn *c = conn_ud;
	struct server *srv = c->srv;

	if (c->state >= CONN_CLOSING)
		return;
	if (c->overflow) {
		struct sb_bytes rest = { c->overflow->data, c->overflow->n };
		if (srv->stream->write(srv->host, handle, rest) == SB_AGAIN)
			return;
		free(c->overflow);
		c->overflow = NULL;
	}
	conn_release(c, CONN_HOLD_OUTPUT);
	if (c->session && c->session->conn == c)
		inflight_pump(c->session);
	persist_flush(srv);
}
