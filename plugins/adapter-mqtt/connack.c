#include "connack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "acl.h"
#include "conn.h"
#include "connect.h"
#include "packet.h"
#include "properties.h"
#include "reason.h"
#include "server.h"

#define PROPERTIES_MAX 640 /* an identifier we assigned, and where responses may go */

static void put_u16(struct writer *w, uint8_t id, uint32_t v)
{
	writer_u8(w, id);
	writer_u16(w, (uint16_t)v);
}

static void put_u32(struct writer *w, uint8_t id, uint32_t v)
{
	writer_u8(w, id);
	writer_u32(w, v);
}

/* A part of the topics for this client's responses: whoever asks for it may subscribe there. */
static void put_responses(struct writer *w, const struct conn *c)
{
	const struct connect *req = c->connect;
	char topic[CONNECT_ID_MAX + 16];
	bool part;

	for (uint16_t i = 0; i < req->id_n; i++)
		if (strchr("/+#", req->id[i]))
			return;
	size_t n = (size_t)snprintf(topic, sizeof(topic), "responses/%.*s/#", req->id_n, req->id);
	if (acl_subscribe(c->session, sb_str_of(topic, n), &part) || part)
		return;
	writer_u8(w, PROPERTY_RESPONSE_INFORMATION);
	writer_binary(w, topic, n - strlen("/#"));
}

static void write_properties(struct writer *w, const struct conn *c)
{
	const struct config *config = &c->srv->config;
	const struct connect *req = c->connect;

	if (c->session->expiry_s != req->asked_expiry_s)
		put_u32(w, PROPERTY_SESSION_EXPIRY, c->session->expiry_s);
	put_u16(w, PROPERTY_RECEIVE_MAXIMUM, config->receive_maximum);
	put_u32(w, PROPERTY_MAXIMUM_PACKET, config->max_packet_bytes);
	if (config->topic_alias_maximum)
		put_u16(w, PROPERTY_TOPIC_ALIAS_MAXIMUM, config->topic_alias_maximum);
	if (!config->max_retained) {
		writer_u8(w, PROPERTY_RETAIN_AVAILABLE);
		writer_u8(w, 0);
	}
	if (req->assigned) {
		writer_u8(w, PROPERTY_ASSIGNED_CLIENT_ID);
		writer_binary(w, req->id, req->id_n);
	}
	if (c->keepalive_s != req->keepalive_s)
		put_u16(w, PROPERTY_SERVER_KEEPALIVE, c->keepalive_s);
	if (req->wants_responses)
		put_responses(w, c);
}

bool connack_give(struct conn *c, bool session_present)
{
	uint8_t buf[WRITER_HEAD + PROPERTIES_MAX + 8];
	uint8_t props[WRITER_HEAD + PROPERTIES_MAX];
	struct writer w = writer_of(buf, sizeof(buf));

	writer_u8(&w, session_present);
	writer_u8(&w, REASON_SUCCESS);
	if (conn_is_v5(c)) {
		struct writer block = writer_of(props, sizeof(props));
		write_properties(&block, c);
		writer_varint(&w, (uint32_t)(block.n - WRITER_HEAD));
		writer_bytes(&w, props + WRITER_HEAD, block.n - WRITER_HEAD);
	}
	struct sb_bytes packet = writer_seal(&w, PACKET_CONNACK << 4);
	if (c->max_out && packet.n > c->max_out)
		return false;
	conn_send(c, packet);
	return true;
}

int connack_refuse(struct conn *c, uint8_t reason, const char *why)
{
	uint8_t buf[WRITER_HEAD + REASON_PROPERTIES_MAX + 16];
	struct writer w = writer_of(buf, sizeof(buf));

	server_log(c->srv, SB_LOG_INFO, "%s: connection refused with 0x%02x: %s", c->peer, reason,
	           why);
	metrics_count(c->srv->m.connects_refused, 1);
	int code = conn_is_v5(c) ? reason : reason_v3(reason);
	writer_u8(&w, 0);
	writer_u8(&w, (uint8_t)code);
	if (conn_is_v5(c))
		reason_put(&w, c, reason, why, 0);
	if (code >= 0)
		conn_send(c, writer_seal(&w, PACKET_CONNACK << 4));
	conn_shut(c);
	connect_drop(c);
	return -EPROTO;
}
