#include "ping.h"

#include "conn.h"
#include "packet.h"
#include "reason.h"
#include "server.h"

int ping_take(struct conn *c, const struct packet *p)
{
	static const uint8_t pingresp[2] = { PACKET_PINGRESP << 4, 0 };
	struct server *srv = c->srv;

	if (p->body.n)
		return conn_fail(c, REASON_MALFORMED, "PINGREQ with a body");
	if (c->session->speaks_for)
		srv->devices->seen(srv->host, c->session->speaks_for);
	conn_send(c, (struct sb_bytes){ pingresp, sizeof(pingresp) });
	return 0;
}
