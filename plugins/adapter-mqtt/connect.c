#include "connect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acl.h"
#include "conn.h"
#include "connack.h"
#include "keep.h"
#include "login.h"
#include "message.h"
#include "packet.h"
#include "properties.h"
#include "reason.h"
#include "server.h"
#include "topic.h"
#include "will.h"

enum { /* connect flags */
       FLAG_RESERVED = 1,
       FLAG_CLEAN = 2,
       FLAG_WILL = 4,
       FLAG_WILL_RETAIN = 32,
       FLAG_PASSWORD = 64,
       FLAG_USERNAME = 128
};

struct fields { /* borrowed from the packet */
	uint8_t flags;
	uint16_t keepalive_s;
	struct sb_str id, username;
	struct sb_bytes password;
	struct publish will;
	struct properties props, will_props;
};

/* ---- reading */

static int take_protocol(struct conn *c, struct cursor *in)
{
	struct sb_str name = cursor_string(in);
	uint8_t level = cursor_u8(in);
	bool mqtt = name.n == 4 && memcmp(name.p, "MQTT", 4) == 0;

	if (in->bad)
		return conn_fail(c, REASON_MALFORMED, "malformed CONNECT");
	if (!mqtt && !(name.n == 6 && memcmp(name.p, "MQIsdp", 6) == 0))
		return conn_fail(c, REASON_PROTOCOL_ERROR, "not MQTT");
	c->version = mqtt && level >= 5 ? 5 : 4;
	if (!mqtt || (level != 4 && level != 5))
		return connack_refuse(c, REASON_BAD_VERSION, "MQTT 3.1.1 and 5.0 are spoken here");
	return 0;
}

static uint8_t take_will(struct cursor *in, bool v5, struct fields *f)
{
	struct publish *w = &f->will;

	if (v5) {
		uint8_t bad = properties_take(in, PROPERTIES_WILL, &f->will_props);
		if (bad)
			return bad;
		memcpy(w->forward, f->will_props.forward, sizeof(w->forward));
	}
	w->topic = cursor_string(in);
	w->payload = cursor_binary(in);
	w->bad_text = f->will_props.value[PROPERTY_PAYLOAD_FORMAT] && !packet_text(w->payload);
	w->qos = f->flags >> 3 & 3;
	w->retain = f->flags & FLAG_WILL_RETAIN;
	return in->bad ? REASON_MALFORMED : 0;
}

static uint8_t check_flags(uint8_t flags, bool v5)
{
	uint8_t qos = flags >> 3 & 3;

	if (flags & FLAG_RESERVED || qos == 3)
		return REASON_MALFORMED;
	if (!(flags & FLAG_WILL) && (qos || flags & FLAG_WILL_RETAIN))
		return REASON_MALFORMED;
	if (!v5 && flags & FLAG_PASSWORD && !(flags & FLAG_USERNAME))
		return REASON_MALFORMED;
	return 0;
}

static uint8_t take_fields(struct conn *c, struct cursor *in, struct fields *f)
{
	bool v5 = conn_is_v5(c);

	f->flags = cursor_u8(in);
	f->keepalive_s = cursor_u16(in);
	if (in->bad)
		return REASON_MALFORMED;
	uint8_t bad = check_flags(f->flags, v5);
	if (!bad && v5)
		bad = properties_take(in, PACKET_CONNECT, &f->props);
	if (bad)
		return bad;
	f->id = cursor_string(in);
	if (in->bad)
		return REASON_MALFORMED;
	if (f->flags & FLAG_WILL)
		bad = take_will(in, v5, f);
	if (bad)
		return bad;
	if (f->flags & FLAG_USERNAME)
		f->username = cursor_string(in);
	if (f->flags & FLAG_PASSWORD)
		f->password = cursor_binary(in);
	return in->bad || cursor_left(in) ? REASON_MALFORMED : 0;
}

/* ---- checking */

static bool id_ok(struct sb_str id)
{
	if (id.n > CONNECT_ID_MAX)
		return false;
	for (size_t i = 0; i < id.n; i++)
		if ((uint8_t)id.p[i] < 0x20 || id.p[i] == 0x7f)
			return false;
	return true;
}

/* Is this the server to connect to? */
static int check_place(struct conn *c)
{
	const struct config *config = &c->srv->config;

	if (config->redirect[0] && config->redirect_always)
		return connack_refuse(c, REASON_MOVED, "the server has moved");
	if (c->srv->draining && config->redirect[0])
		return connack_refuse(c, REASON_USE_ANOTHER, "the server is stopping");
	if (c->srv->draining)
		return connack_refuse(c, REASON_UNAVAILABLE, "the server is stopping");
	return 0;
}

static int check(struct conn *c, const struct fields *f)
{
	const struct config *config = &c->srv->config;

	if (properties_have(&f->props, PROPERTY_AUTH_DATA) &&
	    !properties_have(&f->props, PROPERTY_AUTH_METHOD))
		return connack_refuse(c, REASON_PROTOCOL_ERROR,
		                      "authentication data without a method");
	if (properties_have(&f->props, PROPERTY_AUTH_METHOD))
		return connack_refuse(c, REASON_BAD_AUTH_METHOD,
		                      "no enhanced authentication is offered");
	if (!id_ok(f->id))
		return connack_refuse(
			c, REASON_BAD_CLIENT_ID,
			"client identifier: at most 256 bytes, no control characters");
	if (!f->id.n && !conn_is_v5(c) && !(f->flags & FLAG_CLEAN))
		return connack_refuse(c, REASON_BAD_CLIENT_ID,
		                      "a kept session needs a client identifier");
	if (f->flags & FLAG_WILL && !topic_name_ok(f->will.topic, config->max_topic_bytes))
		return connack_refuse(c, REASON_BAD_TOPIC, "will: topic name");
	if (f->flags & FLAG_WILL && properties_have(&f->will_props, PROPERTY_RESPONSE_TOPIC) &&
	    !topic_response_ok(f->will_props.response_topic))
		return connack_refuse(c, REASON_PROTOCOL_ERROR, "will: response topic");
	if (f->will.bad_text)
		return connack_refuse(c, REASON_BAD_PAYLOAD, "will: payload is not UTF-8");
	if (f->flags & FLAG_WILL_RETAIN && !config->max_retained)
		return connack_refuse(c, REASON_NO_RETAIN, "no messages are retained here");
	return check_place(c);
}

static struct connect *keep(struct conn *c, const struct fields *f)
{
	const struct config *config = &c->srv->config;
	char assigned[32];
	struct sb_str id = f->id;

	if (!id.n) {
		int n = snprintf(assigned, sizeof(assigned), "auto-%016llx",
		                 (unsigned long long)server_random());
		id = sb_str_of(assigned, (size_t)n);
	}
	struct connect *req = calloc(1, sizeof(*req) + id.n);
	if (!req)
		return NULL;
	req->will_expiry_s = -1;
	memcpy(req->id, id.p, id.n);
	req->id_n = (uint16_t)id.n;
	req->assigned = !f->id.n;
	req->clean = f->flags & FLAG_CLEAN;
	req->keepalive_s = f->keepalive_s;
	req->expiry_s = conn_is_v5(c) ? f->props.value[PROPERTY_SESSION_EXPIRY]
	                              : (req->clean ? 0 : UINT32_MAX);
	req->asked_expiry_s = req->expiry_s;
	req->wants_responses = f->props.value[PROPERTY_REQUEST_RESPONSE];
	if (req->expiry_s > config->session_expiry_max_s)
		req->expiry_s = config->session_expiry_max_s;
	req->will_delay_s = f->will_props.value[PROPERTY_WILL_DELAY];
	if (properties_have(&f->will_props, PROPERTY_MESSAGE_EXPIRY))
		req->will_expiry_s = f->will_props.value[PROPERTY_MESSAGE_EXPIRY];
	if (f->flags & FLAG_WILL) {
		req->will = message_new(&f->will);
		if (!req->will) {
			free(req);
			return NULL;
		}
	}
	return req;
}

/* What the client said about itself that lasts as long as the connection. */
static void note(struct conn *c, const struct fields *f)
{
	const struct config *config = &c->srv->config;
	uint32_t window = config->max_inflight;

	if (properties_have(&f->props, PROPERTY_RECEIVE_MAXIMUM) &&
	    f->props.value[PROPERTY_RECEIVE_MAXIMUM] < window)
		window = f->props.value[PROPERTY_RECEIVE_MAXIMUM];
	c->window = (uint16_t)window;
	c->max_out = f->props.value[PROPERTY_MAXIMUM_PACKET];
	uint32_t aliases = f->props.value[PROPERTY_TOPIC_ALIAS_MAXIMUM];
	if (aliases > config->topic_alias_maximum)
		aliases = config->topic_alias_maximum;
	c->alias_max = (uint16_t)aliases;
	c->detail = !properties_have(&f->props, PROPERTY_REQUEST_PROBLEM) ||
	            f->props.value[PROPERTY_REQUEST_PROBLEM];
	c->keepalive_s = f->keepalive_s;
	if (conn_is_v5(c) && config->keepalive_max_s &&
	    (!f->keepalive_s || f->keepalive_s > config->keepalive_max_s))
		c->keepalive_s = (uint16_t)config->keepalive_max_s;
}

/* ---- the answer of the registry */

static void on_auth(void *ud, sb_token token, int32_t r, const struct sb_principal *who)
{
	struct conn *c = ud;
	struct connect *req = c->connect;
	struct server *srv = c->srv;

	(void)token;
	c->n_pinned--;
	if (!req || c->state != CONN_CONNECTING) {
		conn_settle(c);
		return;
	}
	if (r < 0 || !who) {
		if (r == SB_E_OVERLOAD || r == -EAGAIN || r == -ENOMEM)
			admission_busy(c);
		else if (r == SB_E_SUSPENDED)
			connack_refuse(c, REASON_NOT_AUTHORIZED, sb_strerror(r));
		else if (r == SB_E_QUOTA)
			connack_refuse(c, REASON_QUOTA, "no room for another device");
		else if (req->by_tls)
			connack_refuse(c, REASON_NOT_AUTHORIZED,
			               "no device has this certificate or key");
		else
			connack_refuse(c, REASON_BAD_LOGIN, "user name or password is wrong");
		return;
	}
	/* The configuration may have changed while the registry looked. */
	if (who->kind == SB_PRINCIPAL_ANONYMOUS && !server_lets_anonymous(c)) {
		connack_refuse(c, REASON_NOT_AUTHORIZED, "anonymous clients are not let in");
		return;
	}
	req->who = *who;
	connect_proceed(c);
	persist_flush(srv);
}

int connect_take(struct conn *c, const struct packet *p)
{
	struct cursor in = cursor_of(p->body);
	struct fields f = { 0 };

	int r = take_protocol(c, &in);
	if (r < 0)
		return r;
	uint8_t bad = take_fields(c, &in, &f);
	if (bad && conn_is_v5(c))
		return connack_refuse(c, bad, "malformed CONNECT");
	if (bad)
		return conn_fail(c, bad, "malformed CONNECT");
	note(c, &f);
	r = check(c, &f);
	if (r < 0)
		return r;
	r = admission_check(c, f.id, f.username);
	if (r < 0)
		return r;
	c->connect = keep(c, &f);
	if (!c->connect)
		return connack_refuse(c, REASON_BUSY, "out of memory");
	c->state = CONN_CONNECTING;
	conn_hold(c, CONN_HOLD_CONNECT);
	struct sb_credentials who = { .size = sizeof(who),
		                      .client_id = sb_str_of(c->connect->id, c->connect->id_n),
		                      .username = f.username,
		                      .password = f.password };
	c->n_pinned++;
	r = login_check(c, &who, &c->connect->by_tls, on_auth);
	if (r < 0)
		on_auth(c, 0, r, NULL);
	return 0;
}

void connect_drop(struct conn *c)
{
	struct connect *req = c->connect;

	if (!req)
		return;
	if (req->waiting) {
		struct session *s = session_find(c->srv, sb_str_of(req->id, req->id_n));
		if (s && s->waiting == c)
			s->waiting = NULL;
	}
	c->connect = NULL;
	message_unref(req->will);
	free(req);
}

/* ---- the session */

/* Puts whoever uses this client identifier out. 1: wait until it has left. */
static int take_over(struct conn *c, struct session *s)
{
	struct server *srv = c->srv;

	if (s->waiting && s->waiting != c) {
		struct conn *other = s->waiting;
		s->waiting = NULL;
		connack_refuse(other, REASON_UNSPECIFIED, "a newer connection took the session");
	}
	if (s->conn) {
		struct conn *old = s->conn;
		/* A new connection that starts clean ends the session: its will is due then. */
		metrics_count(srv->m.takeovers, 1);
		conn_fail(old, REASON_TAKEN_OVER, "a newer connection took the session");
		conn_leave(old, true, SB_DOWN_KICKED, "taken over");
		s = session_find(srv, sb_str_of(c->connect->id, c->connect->id_n));
	}
	if (!s || !s->leaving)
		return 0;
	s->waiting = c;
	c->connect->waiting = true;
	return 1;
}

static const char *will_refusal(const struct session *s)
{
	struct topic_name name;
	struct publish p;

	if (!s->will)
		return NULL;
	message_view(s->will, &p);
	topic_classify(p.topic, &name);
	if (name.kind == TOPIC_UNKNOWN)
		return "unknown topic under devices/";
	return acl_publish(s, p.topic, &name);
}

static struct session *session_for(struct conn *c, struct session *s, bool *present)
{
	struct connect *req = c->connect;

	if (s && req->clean) {
		session_end(s);
		s = NULL;
	}
	*present = s != NULL;
	if (s)
		return s;
	if (c->srv->sessions.n >= c->srv->config.max_sessions)
		return NULL;
	if (req->who.kind == SB_PRINCIPAL_DEVICE &&
	    sessions_of(c->srv, &req->who) >= c->srv->config.max_device_sessions)
		return NULL;
	return session_new(c->srv, sb_str_of(req->id, req->id_n), &req->who);
}

static void attach(struct conn *c, struct session *s)
{
	struct connect *req = c->connect;

	wheel_take(&s->link);
	will_drop(s);
	rate_part(s);
	s->who = req->who;
	rate_join(s);
	s->conn = c;
	s->expiry_s = req->expiry_s;
	s->will = req->will;
	s->will_delay_s = req->will_delay_s;
	s->will_expiry_s = req->will_expiry_s;
	req->will = NULL;
	c->session = s;
	/* What it may do can have shrunk since it was here. */
	(void)acl_recheck(s);
	inflight_resume(s);
}

void connect_proceed(struct conn *c)
{
	struct server *srv = c->srv;
	struct connect *req = c->connect;
	struct session *s = session_find(srv, sb_str_of(req->id, req->id_n));
	uint64_t kept = srv->persist.serial;
	bool present;

	req->waiting = false;
	if (!persist_ready(srv) && (req->expiry_s || req->will)) {
		connack_refuse(c, REASON_BUSY, "storage is behind, try later");
		return;
	}
	if (s && !s->ended && s->who.id != req->who.id) {
		connack_refuse(c, REASON_BAD_CLIENT_ID,
		               "the client identifier belongs to somebody else");
		return;
	}
	if (admission_flaps(c, s))
		return;
	if (s && take_over(c, s))
		return;
	s = session_for(c, session_find(srv, sb_str_of(req->id, req->id_n)), &present);
	if (!s) {
		admission_no_room(c);
		return;
	}
	attach(c, s);
	const char *why = will_refusal(s);
	if (why) {
		will_drop(s);
		connack_refuse(c, REASON_NOT_AUTHORIZED, why);
		conn_leave(c, false, SB_DOWN_KICKED, why);
		return;
	}
	keep_attached(s);
	/* What the client is told of its session holds after a restart too. */
	if (srv->persist.serial != kept)
		persist_promise(c, PERSIST_CONNACK, present);
	else
		connect_finish(c, present);
}

void connect_finish(struct conn *c, bool present)
{
	struct server *srv = c->srv;
	struct session *s = c->session;

	if (c->state != CONN_CONNECTING || !c->connect || !s || s->conn != c)
		return;
	if (!connack_give(c, present)) {
		will_drop(s);
		connack_refuse(c, REASON_TOO_LARGE, "the maximum packet size leaves no room");
		conn_leave(c, false, SB_DOWN_KICKED, "maximum packet size");
		return;
	}
	c->state = CONN_UP;
	c->last_rx = srv->tick;
	metrics_count(srv->m.connects, 1);
	connect_drop(c);
	wheel_put(&srv->conn_wheel, &c->link, conn_due(&c->link, srv->tick));
	if (s->who.kind == SB_PRINCIPAL_DEVICE)
		session_bind(s, s->who.device);
	conn_release(c, CONN_HOLD_CONNECT);
	inflight_pump(s);
}
