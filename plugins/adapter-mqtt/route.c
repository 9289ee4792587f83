#include "route.h"

#include <stdlib.h>
#include <string.h>

#include "acl.h"
#include "conn.h"
#include "inflight.h"
#include "message.h"
#include "packet.h"
#include "properties.h"
#include "quota.h"
#include "server.h"
#include "share.h"

/* ---- packets */

static void write_properties(struct writer *w, const struct publish *p, int64_t now_s,
                             const struct route_form *form)
{
	uint32_t n = (uint32_t)(p->forward[0].n + p->forward[1].n + p->forward[2].n);

	if (p->expires_s)
		n += 5;
	if (form->alias)
		n += 3;
	for (uint32_t i = 0; i < form->n_ids; i++)
		n += 1 + packet_varint_size(form->ids[i]);
	writer_varint(w, n);
	if (p->expires_s) {
		int64_t left = p->expires_s - now_s;
		writer_u8(w, PROPERTY_MESSAGE_EXPIRY);
		writer_u32(w, left > 0 ? (uint32_t)left : 0);
	}
	if (form->alias) {
		writer_u8(w, PROPERTY_TOPIC_ALIAS);
		writer_u16(w, form->alias);
	}
	for (uint32_t i = 0; i < form->n_ids; i++) {
		writer_u8(w, PROPERTY_SUBSCRIPTION_ID);
		writer_varint(w, form->ids[i]);
	}
	for (unsigned i = 0; i < 3; i++)
		writer_bytes(w, p->forward[i].p, p->forward[i].n);
}

static bool frame_room(struct route_frame *f, size_t need)
{
	if (f->cap >= need)
		return true;
	size_t cap = f->cap ? f->cap : 512;
	while (cap < need)
		cap *= 2;
	uint8_t *buf = realloc(f->buf, cap);
	if (!buf)
		return false;
	f->buf = buf;
	f->cap = (uint32_t)cap;
	return true;
}

static void frame_build(struct server *srv, struct route_frame *f, const struct publish *p,
                        const struct route_form *form)
{
	size_t props = p->forward[0].n + p->forward[1].n + p->forward[2].n;
	size_t need = WRITER_HEAD + p->topic.n + p->payload.n + props + 32 + form->n_ids * 5;

	f->packet = (struct sb_bytes){ NULL, 0 };
	if (!frame_room(f, need))
		return;
	struct writer w = writer_of(f->buf, f->cap);
	writer_binary(&w, p->topic.p, form->known ? 0 : p->topic.n);
	size_t id_at = w.n;
	if (form->with_id)
		writer_u16(&w, 0);
	if (form->v5)
		write_properties(&w, p, p->expires_s ? server_utc_s(srv) : 0, form);
	writer_bytes(&w, p->payload.p, p->payload.n);
	f->packet = writer_seal(&w, PACKET_PUBLISH << 4);
	f->id_at = (uint32_t)(id_at - (size_t)(f->packet.p - f->buf));
	f->built = true;
}

struct sb_bytes route_packet(struct route *rt, bool v5, bool with_id, uint32_t *id_at)
{
	struct route_frame *f = &rt->srv->route.frames[v5 * 2 + with_id];
	const struct route_form form = { .v5 = v5, .with_id = with_id };

	if (!f->built)
		frame_build(rt->srv, f, rt->p, &form);
	*id_at = f->id_at;
	return f->packet;
}

struct sb_bytes route_single(struct server *srv, const struct publish *p,
                             const struct route_form *form, uint32_t *id_at)
{
	struct route_frame *f = &srv->route.frames[4];

	frame_build(srv, f, p, form);
	*id_at = f->id_at;
	return f->packet;
}

struct message *route_message(struct route *rt)
{
	if (!rt->msg)
		rt->msg = message_new(rt->p);
	return rt->msg;
}

void route_fresh(struct route_scratch *rs)
{
	for (unsigned i = 0; i < 4; i++)
		rs->frames[i].built = false;
}

/* ---- who gets it */

static bool more(void **list, uint32_t *cap, size_t size)
{
	uint32_t next = *cap ? *cap * 2 : 64;
	void *grown = realloc(*list, next * size);

	if (!grown)
		return false;
	*list = grown;
	*cap = next;
	return true;
}

static struct route_hit *hit_of(struct route *rt, struct session *s)
{
	struct route_scratch *rs = &rt->srv->route;

	if (s->mark == rs->mark)
		return &rs->hits[s->hit];
	if (rs->n_hits == rs->cap_hits) {
		void *list = rs->hits;
		if (!more(&list, &rs->cap_hits, sizeof(*rs->hits))) {
			rt->lost = true;
			return NULL;
		}
		rs->hits = list;
	}
	s->mark = rs->mark;
	s->hit = rs->n_hits;
	struct route_hit *hit = &rs->hits[rs->n_hits++];
	*hit = (struct route_hit){ .session = s };
	return hit;
}

static void add_id(struct route *rt, struct route_hit *hit, uint32_t id)
{
	struct route_scratch *rs = &rt->srv->route;

	if (rs->n_ids == rs->cap_ids) {
		void *list = rs->ids;
		if (!more(&list, &rs->cap_ids, sizeof(*rs->ids))) {
			rt->lost = true;
			return;
		}
		rs->ids = list;
	}
	rs->ids[rs->n_ids++] = (struct route_id){ id, hit->ids };
	hit->ids = rs->n_ids;
	hit->n_ids++;
}

static void add_hit(struct route *rt, const struct sub *sub)
{
	if (sub->no_local && sub->session == rt->from)
		return;
	if (!acl_takes(rt, sub))
		return;
	struct route_hit *hit = hit_of(rt, sub->session);
	if (!hit)
		return;
	uint8_t qos = sub->qos < rt->p->qos ? sub->qos : rt->p->qos;
	if (qos > hit->qos)
		hit->qos = qos;
	hit->retain |= sub->as_published && rt->p->retain;
	if (sub->identifier)
		add_id(rt, hit, sub->identifier);
}

static void add_share(struct route *rt, struct share *sh)
{
	struct route_scratch *rs = &rt->srv->route;

	if (rs->n_shares == rs->cap_shares) {
		void *list = rs->shares;
		/* NOLINTNEXTLINE(bugprone-sizeof-expression): the pointers are what is kept */
		if (!more(&list, &rs->cap_shares, sizeof(*rs->shares))) {
			rt->lost = true;
			return;
		}
		rs->shares = list;
	}
	rs->shares[rs->n_shares++] = sh;
}

static void on_match(void *ud, struct sub_set *set)
{
	struct route *rt = ud;

	rt->matched = true;
	for (uint32_t i = 0; i < set->plain.n; i++)
		add_hit(rt, set->plain.subs[i]);
	for (struct share *sh = set->shares; sh; sh = sh->next)
		add_share(rt, sh);
}

static void deliver(struct route *rt, const struct route_hit *hit)
{
	struct route_scratch *rs = &rt->srv->route;
	struct inflight_delivery d = { .qos = hit->qos, .retain = hit->retain };

	while (hit->n_ids > rs->cap_list) {
		void *list = rs->list;
		if (!more(&list, &rs->cap_list, sizeof(*rs->list)))
			return;
		rs->list = list;
	}
	for (uint32_t i = hit->ids; i; i = rs->ids[i - 1].next)
		rs->list[d.n_ids++] = rs->ids[i - 1].id;
	d.ids = rs->list;
	inflight_deliver(hit->session, rt, &d);
}

bool route_publish(struct server *srv, const struct publish *p, struct session *from)
{
	struct route_scratch *rs = &srv->route;
	struct route rt = { .srv = srv, .p = p, .from = from };

	if (!srv->subs.n)
		return false;
	if (++rs->mark == 0)
		rs->mark = 1;
	rs->n_hits = rs->n_ids = rs->n_shares = 0;
	trie_match(&srv->subs, p->topic, on_match, &rt);
	if (!rs->n_hits && !rs->n_shares)
		return rt.matched;
	route_fresh(rs);
	for (uint32_t i = 0; i < rs->n_hits; i++)
		deliver(&rt, &rs->hits[i]);
	for (uint32_t i = 0; i < rs->n_shares; i++)
		share_deliver(&rt, rs->shares[i], NULL);
	message_unref(rt.msg);
	if (*srv->m.queued_bytes > srv->config.max_total_queued_bytes)
		quota_enforce(srv);
	if (rt.lost)
		metrics_count(srv->m.publish_dropped, 1);
	return rt.matched;
}

void route_scratch_fini(struct route_scratch *rs)
{
	free(rs->hits);
	free(rs->ids);
	free(rs->list);
	free(rs->shares);
	for (unsigned i = 0; i < 5; i++)
		free(rs->frames[i].buf);
	memset(rs, 0, sizeof(*rs));
}
