#include "connack.h"

#include <errno.h>

#include "conn.h"
#include "connect.h"
#include "packet.h"
#include "properties.h"
#include "reason.h"
#include "server.h"

#define ID_ASSIGNED_MAX 32
#define WHY_MAX         200

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

static void write_properties(struct writer *w, const struct conn *c)
{
	const struct config *config = &c->srv->config;
	const struct connect *req = c->connect;

	put_u32(w, PROPERTY_SESSION_EXPIRY, c->session->expiry_s);
	put_u16(w, PROPERTY_RECEIVE_MAXIMUM, config->receive_maximum);
	put_u32(w, PROPERTY_MAXIMUM_PACKET, config->max_packet_bytes);
	put_u16(w, PROPERTY_TOPIC_ALIAS_MAXIMUM, config->topic_alias_maximum);
	if (req->assigned) {
		writer_u8(w, PROPERTY_ASSIGNED_CLIENT_ID);
		writer_binary(w, req->id, req->id_n);
	}
	if (c->keepalive_s != req->keepalive_s)
		put_u16(w, PROPERTY_SERVER_KEEPALIVE, c->keepalive_s);
}

void connack_give(struct conn *c, bool session_present)
{
	uint8_t buf[WRITER_HEAD + 64 + ID_ASSIGNED_MAX];
	uint8_t props[WRITER_HEAD + 48 + ID_ASSIGNED_MAX];
	struct writer w = writer_of(buf, sizeof(buf));

	writer_u8(&w, session_present);
	writer_u8(&w, 0);
	if (conn_is_v5(c)) {
		struct writer block = writer_of(props, sizeof(props));
		write_properties(&block, c);
		writer_varint(&w, (uint32_t)(block.n - WRITER_HEAD));
		writer_bytes(&w, props + WRITER_HEAD, block.n - WRITER_HEAD);
	}
	conn_send(c, writer_seal(&w, PACKET_CONNACK << 4));
}

int connack_refuse(struct conn *c, uint8_t reason, const char *why)
{
	uint8_t buf[WRITER_HEAD + WHY_MAX + 16];
	struct writer w = writer_of(buf, sizeof(buf));

	server_log(c->srv, SB_LOG_INFO, "%s: connection refused with 0x%02x: %s", c->peer, reason,
	           why);
	metrics_count(c->srv->m.connects_refused, 1);
	writer_u8(&w, 0);
	writer_u8(&w, conn_is_v5(c) ? reason : reason_v3(reason));
	if (conn_is_v5(c)) {
		size_t n = strnlen(why, WHY_MAX);
		writer_varint(&w, (uint32_t)n + 3);
		writer_u8(&w, PROPERTY_REASON_STRING);
		writer_binary(&w, why, n);
	}
	conn_send(c, writer_seal(&w, PACKET_CONNACK << 4));
	conn_shut(c);
	connect_drop(c);
	return -EPROTO;
}
