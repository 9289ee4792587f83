#include "publish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acl.h"
#include "alias.h"
#include "conn.h"
#include "keep.h"
#include "known.h"
#include "message.h"
#include "packet.h"
#include "properties.h"
#include "puback.h"
#include "reason.h"
#include "server.h"
#include "topic.h"

/* ---- reading */

static int take_properties(struct conn *c, struct cursor *in, struct publish *p)
{
	struct properties props;
	uint8_t bad = properties_take(in, PACKET_PUBLISH, &props);

	if (bad)
		return conn_fail(c, bad, "PUBLISH: bad properties");
	memcpy(p->forward, props.forward, sizeof(p->forward));
	p->content_type = props.content_type;
	if (properties_have(&props, PROPERTY_RESPONSE_TOPIC) &&
	    !topic_response_ok(props.response_topic))
		return conn_fail(c, REASON_PROTOCOL_ERROR, "response topic is not a topic name");
	if (properties_have(&props, PROPERTY_MESSAGE_EXPIRY))
		p->expires_s = server_utc_s(c->srv) + props.value[PROPERTY_MESSAGE_EXPIRY];
	p->bad_text = props.value[PROPERTY_PAYLOAD_FORMAT]; /* until it has been looked at */
	if (properties_have(&props, PROPERTY_TOPIC_ALIAS))
		return alias_take(c, props.value[PROPERTY_TOPIC_ALIAS], p);
	return 0;
}

static int take_fields(struct conn *c, const struct packet *pk, struct publish *p)
{
	struct cursor in = cursor_of(pk->body);
	struct sb_bytes topic = cursor_binary(&in);

	p->qos = pk->flags >> 1 & 3;
	p->retain = pk->flags & 1;
	p->dup = pk->flags >> 3;
	p->topic = sb_str_of((const char *)topic.p, topic.n);
	if (p->qos)
		p->id = cursor_u16(&in);
	if (in.bad || p->qos == 3 || (p->qos && !p->id) || (!p->qos && p->dup))
		return conn_fail(c, REASON_MALFORMED, "malformed PUBLISH");
	if (conn_is_v5(c)) {
		if (cursor_left(&in) && !in.p[0]) {
			in.p++;
		} else {
			int r = take_properties(c, &in, p);
			if (r < 0)
				return r;
		}
	}
	if (!p->topic.n)
		return conn_fail(c, conn_is_v5(c) ? REASON_PROTOCOL_ERROR : REASON_MALFORMED,
		                 "PUBLISH without a topic");
	p->payload = cursor_bytes(&in, cursor_left(&in));
	p->bad_text = p->bad_text && !packet_text(p->payload);
	if (p->retain && !c->srv->config.max_retained && conn_is_v5(c))
		return conn_fail(c, REASON_NO_RETAIN, "no messages are retained here");
	return 0;
}

/* ---- refusing */

/* For people and for reason strings, which must be UTF-8 even where they quote what was cut. */
static size_t clean(char *text, int n, size_t cap)
{
	size_t len = n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1;

	for (size_t i = 0; i < len; i++)
		if ((uint8_t)text[i] < 0x20 || (uint8_t)text[i] > 0x7e)
			text[i] = '?';
	return len;
}

static void count_refusal(struct session *s, sb_device device, struct sb_str topic, const char *why)
{
	struct server *srv = s->srv;
	char reason[160];

	metrics_count(srv->m.publish_refused, 1);
	if (!device)
		device = s->speaks_for;
	if (!device)
		return;
	int shown = topic.n < 64 ? (int)topic.n : 64;
	int n = snprintf(reason, sizeof(reason), "%s: %.*s", why, shown, topic.p);
	srv->devices->fate(srv->host, device, SB_FATE_REFUSED,
	                   sb_str_of(reason, clean(reason, n, sizeof(reason))));
}

/* It will never become right: say so, and be done with it. */
static int refuse(struct conn *c, const struct publish *p, uint8_t reason, const char *why)
{
	if (p->qos)
		acks_give(c, p->id, p->qos, reason, why);
	return 0;
}

static uint8_t reason_of(int r)
{
	switch (r) {
	case SB_E_MALFORMED:
	case SB_E_TYPE:
	case SB_E_RANGE:
		return REASON_BAD_PAYLOAD;
	case SB_E_SUSPENDED:
	case SB_E_UNKNOWN_DEVICE:
	case SB_E_STALE:
		return REASON_NOT_AUTHORIZED;
	case SB_E_NAME:
	case SB_E_UNKNOWN_TOPIC:
		return REASON_BAD_TOPIC;
	case SB_E_QUOTA:
		return REASON_QUOTA;
	default:
		return 0;
	}
}

/* The storage said no. Either this payload will never be right, or nothing can be stored now; then
 * the client has to keep it and come again. */
static int storage_refused(struct conn *c, const struct publish *p, int r, struct sb_str why)
{
	uint8_t reason = reason_of(r);
	char text[160];

	int shown = why.n < sizeof(text) ? (int)why.n : (int)sizeof(text) - 1;
	int n = shown ? snprintf(text, sizeof(text), "%.*s", shown, why.p)
	              : snprintf(text, sizeof(text), "%s", sb_strerror(r));
	clean(text, n, sizeof(text));
	if (reason) {
		metrics_count(c->srv->m.publish_refused, 1);
		return refuse(c, p, reason, text);
	}
	metrics_count(c->srv->m.publish_failed, 1);
	if (p->qos == 2)
		id_set_remove(&c->session->received, p->id);
	return conn_fail_storage(c, REASON_QUOTA, text);
}

/* ---- telemetry */

static int resolve(struct session *s, struct sb_str id, sb_device *out)
{
	struct server *srv = s->srv;

	if (s->who.kind == SB_PRINCIPAL_DEVICE) {
		*out = s->who.device;
		return 0;
	}
	return srv->devices->resolve(srv->host, id, out);
}

static int submit(struct conn *c, const struct publish *p, sb_device device, sb_token token,
                  struct sb_str *why)
{
	struct server *srv = c->srv;
	struct sb_payload_in in = { .size = sizeof(in),
		                    .ack = p->qos ? SB_ACK_STORED : SB_ACK_NONE,
		                    .device = device,
		                    .subject = SB_STR("telemetry"),
		                    .content_type = p->content_type,
		                    .payload = p->payload,
		                    .token = token };

	return srv->payload->submit(srv->host, &in, why);
}

/* The handle outlived its device: perhaps there is a new one of this name. */
static int submit_again(struct conn *c, const struct publish *p, sb_device stale, sb_token token,
                        struct sb_str *why)
{
	struct topic_name name;
	sb_device device;

	known_forget(c->known, stale);
	topic_classify(p->topic, &name);
	int r = resolve(c->session, name.device, &device);
	return r < 0 ? r : submit(c, p, device, token, why);
}

static int stall(struct conn *c)
{
	server_stall(c->srv, c);
	return CONN_AGAIN;
}

/* 0: stored or on its way, and acknowledged when it is. CONN_AGAIN: nothing has happened. Positive
 * otherwise: refused, and answered. */
static int store(struct conn *c, const struct publish *p, sb_device device, bool windowed,
                 uint32_t ref)
{
	struct server *srv = c->srv;
	struct sb_str why = { NULL, 0 };
	sb_token token = 0;

	if (p->qos) {
		int r = pending_room(&srv->pending);
		if (r)
			return stall(c);
		token = pending_push(&srv->pending, c, windowed ? ref : p->id, p->qos, windowed);
	}
	int r = submit(c, p, device, token, &why);
	if (r == SB_E_STALE)
		r = submit_again(c, p, device, token, &why);
	if (r == SB_PENDING && p->qos) {
		*(windowed ? &c->n_pinned : &c->n_direct) += 1;
		metrics_move(srv->m.pending_acks, 1);
		return 0;
	}
	if (p->qos)
		pending_undo(&srv->pending);
	if (r == SB_AGAIN)
		return stall(c);
	if (windowed && r < 0)
		acks_undo(c);
	if (r < 0) {
		r = storage_refused(c, p, r, why);
		return r < 0 ? r : 2;
	}
	/* Taken without a completion. */
	if (p->qos && windowed)
		acks_done(c, ref, REASON_SUCCESS);
	else if (p->qos)
		acks_give(c, p->id, p->qos, REASON_SUCCESS, NULL);
	return 0;
}

/* ---- everything */

static void keep_retained(struct conn *c, const struct publish *p, bool windowed, uint32_t ref)
{
	int r = retained_set(c->srv, p, windowed ? c : NULL, ref);

	if (r == SB_PENDING)
		return;
	if (r < 0) {
		metrics_count(c->srv->m.retained_failed, 1);
		conn_fail(c, REASON_UNSPECIFIED, "the retained message could not be kept");
		return;
	}
	if (windowed)
		acks_done(c, ref, REASON_SUCCESS);
}

/* To its subscribers. True: some of it has to be on disk before the publish is acknowledged. */
static bool route(struct conn *c, const struct publish *p, enum topic_kind kind, bool *heard)
{
	struct server *srv = c->srv;

	persist_begin(srv);
	if (kind == TOPIC_PLAIN || trie_wants_devices(&srv->subs))
		*heard = route_publish(srv, p, c->session) || kind != TOPIC_PLAIN;
	if (p->qos == 2)
		keep_received(c->session, p->id);
	return persist_commit(srv) && p->qos;
}

static int refuse_retained(struct conn *c, const struct publish *p)
{
	static const char why[] = "no room for another retained message (max-retained, "
				  "max-retained-bytes)";

	metrics_count(c->srv->m.retained_refused, 1);
	limit_session(c->session, LIMIT_retained, why);
	return refuse(c, p, REASON_QUOTA, why);
}

/* Its record is what is waited for, instead of the rows. */
static int wait_for_record(struct conn *c, const struct publish *p, bool telemetry, uint32_t *ref)
{
	if (telemetry)
		pending_mute(&c->srv->pending);
	if (acks_reserve(c, p->id, p->qos, 0, ref) < 0)
		return conn_fail(c, REASON_UNSPECIFIED, "out of memory");
	return 0;
}

/* The publish is well formed and allowed; device: of telemetry, else 0. */
static int accept(struct conn *c, const struct publish *p, sb_device device, enum topic_kind kind)
{
	struct server *srv = c->srv;
	bool keeps = p->retain && retained_room(srv, p) == 0;
	bool telemetry = kind == TOPIC_TELEMETRY;
	bool windowed = p->qos && (keeps || (telemetry && c->acks));
	bool heard = true;
	uint32_t ref = 0;

	if (p->retain && !keeps)
		return refuse_retained(c, p);
	/* Storage is behind, and this might have to be stored for somebody. */
	if (p->qos && srv->persist.n_sessions && !persist_ready(srv))
		return stall(c);
	uint8_t waits = (uint8_t)(telemetry + keeps);
	if (windowed && acks_reserve(c, p->id, p->qos, waits, &ref) < 0)
		return conn_fail(c, REASON_UNSPECIFIED, "out of memory");
	if (telemetry) {
		int stored = store(c, p, device, windowed, ref);
		if (stored == CONN_AGAIN && windowed)
			acks_undo(c);
		if (stored)
			return stored == 2 ? 0 : stored;
	}
	bool recorded = route(c, p, kind, &heard);
	int r = recorded && !windowed ? wait_for_record(c, p, telemetry, &ref) : 0;
	if (r)
		return r;
	if (recorded)
		persist_acknowledge(c, ref);
	if (keeps)
		keep_retained(c, p, windowed, ref);
	if (telemetry || !p->qos)
		return 0;
	if (windowed)
		acks_flush(c);
	else if (!recorded)
		acks_give(c, p->id, p->qos, heard ? REASON_SUCCESS : REASON_NO_SUBSCRIBERS, NULL);
	return 0;
}

/* A topic seen for the first time on this connection, or not telemetry. */
static int take_slow(struct conn *c, const struct publish *p)
{
	const struct config *config = &c->srv->config;
	struct session *s = c->session;
	struct topic_name name;
	sb_device device = 0;
	char big[160];

	if (!packet_utf8(p->topic))
		return conn_fail(c, REASON_MALFORMED, "topic is not UTF-8");
	if (memchr(p->topic.p, '+', p->topic.n) || memchr(p->topic.p, '#', p->topic.n))
		return conn_fail(c, REASON_BAD_TOPIC, "topic name with wildcards");
	if (!topic_name_ok(p->topic, config->max_topic_bytes) ||
	    topic_levels(p->topic) > config->max_topic_levels) {
		limit_count(c->srv, LIMIT_topic);
		snprintf(big, sizeof(big),
		         "topic of %zu bytes and %u levels, %u (max-topic-bytes) "
		         "and %u (max-topic-levels) are allowed",
		         p->topic.n, topic_levels(p->topic), config->max_topic_bytes,
		         config->max_topic_levels);
		count_refusal(s, 0, p->topic, big);
		return refuse(c, p, REASON_BAD_TOPIC, big);
	}
	topic_classify(p->topic, &name);
	const char *why = acl_publish(s, p->topic, &name);
	if (why) {
		/* Who is refused for a device's sake is counted on the device; there is one. */
		if (s->who.kind == SB_PRINCIPAL_ANONYMOUS && name.device.n)
			resolve(s, name.device, &device);
		count_refusal(s, device, p->topic, why);
		return refuse(c, p, REASON_NOT_AUTHORIZED, why);
	}
	if (name.kind == TOPIC_TELEMETRY || name.kind == TOPIC_UP || name.kind == TOPIC_UNKNOWN) {
		int r = name.device.n ? resolve(s, name.device, &device) : SB_E_UNKNOWN_TOPIC;
		if (r < 0) {
			uint8_t reason = reason_of(r);
			count_refusal(s, 0, p->topic, sb_strerror(r));
			return refuse(c, p, reason ? reason : REASON_UNSPECIFIED, sb_strerror(r));
		}
	}
	if (name.kind == TOPIC_UNKNOWN) {
		count_refusal(s, device, p->topic, "unknown topic");
		return refuse(c, p, REASON_BAD_TOPIC, "unknown topic under devices/");
	}
	if (device) {
		session_bind(s, device);
		c->srv->devices->seen(c->srv->host, device);
	}
	if (name.kind == TOPIC_TELEMETRY)
		known_add(&c->known, p->topic, device);
	return accept(c, p, device, name.kind);
}

/* 1: received before and not to be taken again. */
static int is_duplicate(struct conn *c, const struct publish *p)
{
	if (!id_set_has(&c->session->received, p->id))
		return 0;
	metrics_count(c->srv->m.publish_duplicate, 1);
	/* Behind the first one's, which may still wait for the disk. */
	acks_give(c, p->id, 2, REASON_SUCCESS, NULL);
	return 1;
}

/* What is known to be wrong before anybody asks whose topic it is. */
static int take_known(struct conn *c, const struct publish *p)
{
	if (p->bad_text) {
		count_refusal(c->session, 0, p->topic, "payload is not UTF-8, as it says it is");
		return refuse(c, p, REASON_BAD_PAYLOAD, "payload is not UTF-8, as it says it is");
	}
	sb_device device = known_find(c->known, p->topic);
	return device ? accept(c, p, device, TOPIC_TELEMETRY) : take_slow(c, p);
}

static int too_many(struct conn *c)
{
	char why[80];

	limit_count(c->srv, LIMIT_receive_maximum);
	snprintf(why, sizeof(why), "more than %u unfinished publishes (receive-maximum)",
	         c->srv->config.receive_maximum);
	return conn_fail(c, REASON_RECEIVE_MAXIMUM, why);
}

/* Accounts for a publish that will be acknowledged: 0, CONN_AGAIN, -EPROTO. */
static int admit(struct conn *c, const struct publish *p)
{
	const struct config *config = &c->srv->config;

	if (conn_is_v5(c)) {
		if (c->n_open >= config->receive_maximum)
			return too_many(c);
	} else if (acks_waiting(c) >= config->max_unacked) {
		conn_hold(c, CONN_HOLD_ACKS);
		return CONN_AGAIN;
	}
	if (p->qos == 2 && id_set_add(&c->session->received, p->id) < 0)
		return conn_fail(c, REASON_UNSPECIFIED, "out of memory");
	if (c->n_open < UINT16_MAX)
		c->n_open++;
	return 0;
}

int publish_take(struct conn *c, const struct packet *pk)
{
	struct publish p = { 0 };
	int r = take_fields(c, pk, &p);

	if (r < 0)
		return r;
	if (p.qos == 2 && acks_waiting(c) >= c->srv->config.max_unacked) {
		conn_hold(c, CONN_HOLD_ACKS);
		return CONN_AGAIN;
	}
	if (p.qos == 2 && is_duplicate(c, &p))
		return 0;
	if (p.qos) {
		r = admit(c, &p);
		if (r)
			return r;
	}
	r = take_known(c, &p);
	if (r == CONN_AGAIN) {
		/* It comes again, as if for the first time. */
		if (p.qos)
			c->n_open--;
		if (p.qos == 2)
			id_set_remove(&c->session->received, p.id);
		return r;
	}
	metrics_count(c->srv->m.publish_received, 1);
	return r;
}

void publish_internal(struct session *s, const struct publish *p)
{
	struct server *srv = s->srv;
	struct topic_name name;
	sb_device device;

	topic_classify(p->topic, &name);
	/* What was allowed when the client connected may not be any more. */
	if (acl_publish(s, p->topic, &name)) {
		metrics_count(srv->m.publish_refused, 1);
		return;
	}
	if (name.kind == TOPIC_TELEMETRY && resolve(s, name.device, &device) == 0) {
		struct sb_payload_in in = { .size = sizeof(in),
			                    .ack = SB_ACK_NONE,
			                    .device = device,
			                    .subject = SB_STR("telemetry"),
			                    .payload = p->payload };
		if (srv->payload->submit(srv->host, &in, NULL) == SB_AGAIN)
			metrics_count(srv->m.publish_dropped, 1);
	}
	if (p->retain && retained_room(srv, p) == 0)
		retained_set(srv, p, NULL, 0);
	route_publish(srv, p, s);
}
