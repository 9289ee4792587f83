#include "share.h"

#include "acl.h"
#include "conn.h"
#include "inflight.h"
#include "message.h"
#include "route.h"
#include "server.h"
#include "session.h"
#include "trie.h"

static struct inflight_delivery delivery(const struct route *rt, const struct share *sh,
                                         const struct sub *sub)
{
	struct inflight_delivery d = { .share = sh->key };

	d.qos = sub->qos < rt->p->qos ? sub->qos : rt->p->qos;
	d.retain = sub->as_published && rt->p->retain;
	d.ids = &sub->identifier;
	d.n_ids = sub->identifier ? 1 : 0;
	return d;
}

/* Nobody can take it at once; how well does it wait here? 0: not at all. */
static int patience(const struct sub *sub, uint8_t qos)
{
	const struct session *s = sub->session;

	if (s->conn && s->conn->state == CONN_UP)
		return qos && sub->qos ? 3 : 1;
	return qos && sub->qos && s->expiry_s ? 2 : 0;
}

static struct sub *longest_wait(struct route *rt, const struct share *sh,
                                const struct session *except)
{
	struct sub *best = NULL;
	int how = 0;

	for (uint32_t i = 0; i < sh->list.n; i++) {
		struct sub *sub = sh->list.subs[(sh->turn + i) % sh->list.n];
		int here = patience(sub, rt->p->qos);
		if (sub->session == except || here < how || !acl_takes(rt, sub))
			continue;
		if (!best || here > how || sub->session->out.bytes < best->session->out.bytes) {
			best = sub;
			how = here;
		}
	}
	return best;
}

void share_deliver(struct route *rt, struct share *sh, const struct session *except)
{
	struct inflight_delivery d;

	for (uint32_t i = 0; i < sh->list.n; i++) {
		struct sub *sub = sh->list.subs[(sh->turn + i) % sh->list.n];
		d = delivery(rt, sh, sub);
		if (sub->session == except || !acl_takes(rt, sub) ||
		    inflight_offer(sub->session, rt, &d) != 0)
			continue;
		sh->turn = sub->at + 1;
		return;
	}
	struct sub *sub = longest_wait(rt, sh, except);
	if (!sub)
		return;
	d = delivery(rt, sh, sub);
	sh->turn = sub->at + 1;
	inflight_deliver(sub->session, rt, &d);
}

static void hand_on(struct session *s, const struct inflight_entry *e)
{
	struct server *srv = s->srv;
	struct publish p;

	message_view(e->msg, &p);
	if (p.expires_s && p.expires_s <= server_utc_s(srv))
		return;
	/* It was never retained for its receivers, only as published. */
	struct route rt = { .srv = srv, .p = &p, .msg = e->msg };
	for (struct sub *sub = s->subs; sub; sub = sub->next) {
		if (!sub->shared || trie_share(sub)->key != e->share)
			continue;
		route_fresh(&srv->route);
		share_deliver(&rt, trie_share(sub), s);
		return;
	}
}

void share_hand_on(struct session *s)
{
	inflight_shared(s, hand_on);
}
