#include "disconnect.h"

#include <errno.h>

#include "conn.h"
#include "packet.h"
#include "properties.h"
#include "reason.h"
#include "server.h"

#define WHY_MAX 200

void disconnect_give(struct conn *c, uint8_t reason, const char *why)
{
	uint8_t buf[WRITER_HEAD + WHY_MAX + 16];
	struct writer w = writer_of(buf, sizeof(buf));

	if (!conn_is_v5(c))
		return;
	size_t n = strnlen(why, WHY_MAX);
	writer_u8(&w, reason);
	writer_varint(&w, (uint32_t)n + 3);
	writer_u8(&w, PROPERTY_REASON_STRING);
	writer_binary(&w, why, n);
	struct sb_bytes packet = writer_seal(&w, PACKET_DISCONNECT << 4);
	if (c->max_out && packet.n > c->max_out) {
		const uint8_t brief[3] = { PACKET_DISCONNECT << 4, 1, reason };
		conn_send(c, (struct sb_bytes){ brief, sizeof(brief) });
		return;
	}
	conn_send(c, packet);
}

static int take_v5(struct conn *c, const struct packet *p, uint8_t *reason)
{
	struct cursor in = cursor_of(p->body);
	struct session *s = c->session;
	struct properties props;

	*reason = cursor_u8(&in);
	if (!cursor_left(&in))
		return 0;
	uint8_t bad = properties_take(&in, PACKET_DISCONNECT, &props);
	if (bad)
		return conn_fail(c, bad, "DISCONNECT: bad properties");
	if (cursor_left(&in))
		return conn_fail(c, REASON_MALFORMED, "DISCONNECT: bytes behind its end");
	if (!properties_have(&props, PROPERTY_SESSION_EXPIRY))
		return 0;
	uint32_t expiry_s = props.value[PROPERTY_SESSION_EXPIRY];
	if (expiry_s && !s->expiry_s)
		return conn_fail(c, REASON_PROTOCOL_ERROR, "session expiry was 0 at CONNECT");
	uint32_t max = c->srv->config.session_expiry_max_s;
	s->expiry_s = expiry_s < max ? expiry_s : max;
	return 0;
}

int disconnect_take(struct conn *c, const struct packet *p)
{
	uint8_t reason = REASON_SUCCESS;

	if (conn_is_v5(c) && p->body.n) {
		int r = take_v5(c, p, &reason);
		if (r < 0)
			return r;
	} else if (p->body.n) {
		return conn_fail(c, REASON_MALFORMED, "DISCONNECT with a body");
	}
	conn_shut(c);
	conn_leave(c, reason != REASON_SUCCESS, reason ? SB_DOWN_ERROR : SB_DOWN_CLEAN,
	           "disconnected");
	return 0;
}
