#include "puback.h"

#include "conn.h"
#include "keep.h"
#include "packet.h"
#include "properties.h"
#include "reason.h"
#include "server.h"

static void give_reason(struct conn *c, uint8_t first, uint16_t id, uint8_t reason, const char *why)
{
	uint8_t buf[WRITER_HEAD + REASON_PROPERTIES_MAX + 16];
	struct writer w = writer_of(buf, sizeof(buf));

	writer_u16(&w, id);
	writer_u8(&w, reason);
	reason_put(&w, c, reason, c->detail ? why : NULL, 0);
	/* A property length of 0 at the end is not spelled. */
	if (w.n == WRITER_HEAD + 4)
		w.n--;
	conn_send(c, writer_seal(&w, first));
}

void puback_give(struct conn *c, uint8_t type, uint16_t id, uint8_t reason, const char *why)
{
	uint8_t first = (uint8_t)(type << 4 | (type == PACKET_PUBREL ? 2 : 0));

	if (conn_is_v5(c) && reason != REASON_SUCCESS) {
		give_reason(c, first, id, reason, why);
		return;
	}
	uint8_t buf[4] = { first, 2, (uint8_t)(id >> 8), (uint8_t)id };
	conn_send(c, (struct sb_bytes){ buf, sizeof(buf) });
}

void puback_finish(struct conn *c, uint16_t id, uint8_t qos, uint8_t reason, const char *why)
{
	if ((qos == 1 || reason >= 0x80) && c->n_open)
		c->n_open--;
	/* 3.1.1 has no way to say no: the message will never become right, so it is done with. */
	if (!conn_is_v5(c))
		reason = REASON_SUCCESS;
	if (qos == 2 && reason >= 0x80 && c->session)
		id_set_remove(&c->session->received, id);
	puback_give(c, qos == 1 ? PACKET_PUBACK : PACKET_PUBREC, id, reason, why);
}

/* Once the client has heard PUBREL or PUBCOMP it forgets the identifier: what made us say so must
 * not be forgotten here. */
static bool promises(const struct conn *c)
{
	const struct persist *ps = &c->srv->persist;

	return keep_lasts(c->session) && !persist_is_done(c->srv, ps->serial);
}

static void take_pubrec(struct conn *c, uint16_t id, uint8_t reason)
{
	int r = inflight_pubrec(c->session, id, reason);

	if (reason < 0x80 && !r && promises(c))
		persist_promise(c, PERSIST_PUBREL, id);
	else if (reason < 0x80)
		puback_give(c, PACKET_PUBREL, id, r ? REASON_ID_NOT_FOUND : REASON_SUCCESS,
		            r ? "nothing was sent with this packet identifier" : NULL);
}

static void take_pubrel(struct conn *c, uint16_t id)
{
	bool known = id_set_remove(&c->session->received, id);

	if (known && c->n_open)
		c->n_open--;
	if (known)
		keep_answered(c->session, id);
	if (known && promises(c))
		persist_promise(c, PERSIST_PUBCOMP, id);
	else
		puback_give(c, PACKET_PUBCOMP, id, known ? REASON_SUCCESS : REASON_ID_NOT_FOUND,
		            known ? NULL : "nothing was received with this packet identifier");
}

int puback_take(struct conn *c, const struct packet *p)
{
	struct cursor in = cursor_of(p->body);
	uint16_t id = cursor_u16(&in);
	uint8_t reason = REASON_SUCCESS;

	if (conn_is_v5(c) && cursor_left(&in)) {
		struct properties props;
		reason = cursor_u8(&in);
		if (cursor_left(&in)) {
			uint8_t bad = properties_take(&in, p->type, &props);
			if (bad)
				return conn_fail(c, bad, "acknowledgement: bad properties");
		}
	}
	if (in.bad || cursor_left(&in) || !id)
		return conn_fail(c, REASON_MALFORMED, "malformed acknowledgement");
	if (!persist_ready(c->srv) && keep_lasts(c->session)) {
		server_stall(c->srv, c);
		return CONN_AGAIN;
	}
	switch (p->type) {
	case PACKET_PUBACK:
		inflight_puback(c->session, id);
		break;
	case PACKET_PUBREC:
		take_pubrec(c, id, reason);
		break;
	case PACKET_PUBREL:
		take_pubrel(c, id);
		break;
	default:
		inflight_pubcomp(c->session, id);
	}
	inflight_pump(c->session);
	return 0;
}
