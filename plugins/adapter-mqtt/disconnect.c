#include "disconnect.h"

#include <errno.h>

#include "conn.h"
#include "packet.h"
#include "properties.h"
#include "reason.h"
#include "server.h"

void disconnect_give(struct conn *c, uint8_t reason, const char *why)
{
	uint8_t buf[WRITER_HEAD + REASON_PROPERTIES_MAX + 16];
	struct writer w = writer_of(buf, sizeof(buf));

	if (!conn_is_v5(c))
		return;
	writer_u8(&w, reason);
	reason_put(&w, c, reason, why, 0);
	/* A property length of 0 at the end is not spelled. */
	if (w.n == WRITER_HEAD + 2)
		w.n--;
	conn_send(c, writer_seal(&w, PACKET_DISCONNECT << 4));
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
	uint32_t max = c->srv->config.session_expiry_max_s;
	if (expiry_s && !s->expiry_s && max)
		return conn_fail(c, REASON_PROTOCOL_ERROR, "session expiry was 0 at CONNECT");
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
	flap_forgive(c->session);
	conn_shut(c);
	conn_leave(c, reason != REASON_SUCCESS, reason ? SB_DOWN_ERROR : SB_DOWN_CLEAN,
	           "disconnected");
	return 0;
}
