#include "outgoing.h"

#include <errno.h>

#include "alias.h"
#include "conn.h"
#include "message.h"
#include "packet.h"
#include "route.h"
#include "server.h"

/* Sets flags and identifier in a packet of the route scratch, which is ours to write, and sends it.
 */
static int send(struct conn *c, struct sb_bytes packet, uint32_t id_at, const struct outgoing *o)
{
	if (!packet.n)
		return -ENOMEM;
	if (c->max_out && packet.n > c->max_out)
		return -EMSGSIZE;
	uint8_t *p = (uint8_t *)(uintptr_t)packet.p;
	p[0] = (uint8_t)(PACKET_PUBLISH << 4 | o->dup << 3 | o->qos << 1 | o->retain);
	if (o->id) {
		p[id_at] = (uint8_t)(o->id >> 8);
		p[id_at + 1] = (uint8_t)o->id;
	}
	int r = conn_try_send(c, packet);
	if (r == 0)
		metrics_count(c->srv->m.publish_sent, 1);
	return r;
}

static int build(struct conn *c, const struct publish *p, const struct route_form *form,
                 const struct outgoing *o)
{
	uint32_t id_at;
	struct sb_bytes packet = route_single(c->srv, p, form, &id_at);

	return send(c, packet, id_at, o);
}

int outgoing_send(struct conn *c, const struct publish *p, const struct outgoing *o)
{
	struct route_form form = { .v5 = conn_is_v5(c), .with_id = o->id != 0 };

	if (form.v5) {
		form.n_ids = o->n_ids;
		form.ids = o->ids;
		form.alias = alias_pick(c, p->topic, &form.known);
	}
	int r = build(c, p, &form, o);
	/* Told for the first time, an alias makes the packet longer. */
	if (r == -EMSGSIZE && form.alias && !form.known) {
		form.alias = 0;
		r = build(c, p, &form, o);
	}
	if (r == 0 && form.alias)
		alias_sent(c, form.alias, p->topic);
	return r;
}

int outgoing_share(struct conn *c, struct route *rt, const struct outgoing *o)
{
	uint32_t id_at;

	if (conn_is_v5(c) && (o->n_ids || c->alias_max))
		return outgoing_send(c, rt->p, o);
	struct sb_bytes packet = route_packet(rt, conn_is_v5(c), o->id != 0, &id_at);
	return send(c, packet, id_at, o);
}
