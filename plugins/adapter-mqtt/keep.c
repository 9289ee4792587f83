#include "keep.h"

#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "inflight.h"
#include "message.h"
#include "server.h"

#define DEVICE_ID_MAX 256

/* ---- what the journal holds */

static void unlink_item(struct persist_item *item)
{
	if (!item->next)
		return;
	item->prev->next = item->next;
	item->next->prev = item->prev;
	item->next = item->prev = NULL;
}

/* It is in the record that comes next, or in one a little later. */
static void link_item(struct persist *ps, struct persist_item *item)
{
	unlink_item(item);
	item->position = ps->position + 1;
	item->prev = ps->items.prev;
	item->next = &ps->items;
	item->prev->next = item;
	item->next->prev = item;
}

struct persist_body *keep_body(struct server *srv, struct message *msg, uint64_t no)
{
	struct persist_body *body = calloc(1, sizeof(*body));

	if (!body)
		return NULL;
	body->msg = msg;
	body->no = no;
	msg->stored = body;
	link_item(&srv->persist, &body->item);
	return body;
}

void keep_let_go(struct session *s, struct inflight_entry *e)
{
	struct persist_body *body = e->msg ? e->msg->stored : NULL;

	(void)s;
	if (!e->kept || !body || --body->refs)
		return;
	unlink_item(&body->item);
	e->msg->stored = NULL;
	free(body);
}

bool keep_new(struct session *s, uint64_t no)
{
	struct persist *ps = &s->srv->persist;
	struct persist_session *kept = calloc(1, sizeof(*kept));

	if (!kept) {
		ps->out.bad = true; /* the step under way is lost, whoever waits for it hears so */
		return false;
	}
	kept->item.is_session = true;
	kept->session = s;
	kept->no = no;
	if (ps->last_no < no)
		ps->last_no = no;
	s->kept = kept;
	ps->n_sessions++;
	link_item(ps, &kept->item);
	return true;
}

void keep_free(struct session *s)
{
	if (!s->kept)
		return;
	unlink_item(&s->kept->item);
	free(s->kept);
	s->kept = NULL;
	s->srv->persist.n_sessions--;
}

bool keep_lasts(const struct session *s)
{
	return s->kept && s->expiry_s && !s->srv->persist.closed;
}

/* ---- a session */

static struct record_out *begin(struct session *s, enum record_change change)
{
	struct record_out *out = &s->srv->persist.out;

	persist_begin(s->srv);
	record_u8(out, (uint8_t)change);
	record_number(out, s->kept->no);
	return out;
}

static void end(struct session *s)
{
	persist_commit(s->srv);
}

/* Handles do not outlive the process, names do. */
static void give_who(struct record_out *out, const struct session *s)
{
	char id[DEVICE_ID_MAX] = "";
	const struct server *srv = s->srv;

	if (s->who.device && srv->devices->id_of(srv->host, s->who.device, id, sizeof(id)) < 0)
		id[0] = 0;
	record_u8(out, (uint8_t)s->who.kind);
	record_u8(out, (uint8_t)s->who.role);
	record_number(out, s->who.id);
	record_text(out, sb_str_of(id, strlen(id)));
}

static void give_will(struct record_out *out, const struct session *s)
{
	record_u8(out, s->will != NULL);
	if (!s->will)
		return;
	record_number(out, s->will_delay_s);
	record_number(out, (uint64_t)(s->will_expiry_s + 1));
	record_message(out, s->will);
}

static struct sb_str group_of(const struct sub *sub)
{
	if (!sub->shared)
		return sb_str_of(NULL, 0);
	return sb_str_of(trie_share(sub)->name, trie_share(sub)->len);
}

static void give_filter(struct record_out *out, const struct sub *sub)
{
	const struct tree_node *node = sub->list->set->node;
	size_t n = 0;

	for (const struct tree_node *at = node; at->parent; at = at->parent)
		n += at->len + (at->parent->parent != NULL);
	record_text(out, group_of(sub));
	record_number(out, n);
	uint8_t *to = record_room(out, n);
	if (!to)
		return;
	for (const struct tree_node *at = node; at->parent; at = at->parent) {
		n -= at->len;
		if (at->len)
			memcpy(to + n, at->name, at->len);
		if (at->parent->parent)
			to[--n] = '/';
	}
}

static void give_sub(struct record_out *out, const struct sub *sub)
{
	give_filter(out, sub);
	record_u8(out, (uint8_t)(sub->qos | sub->no_local << 2 | sub->as_published << 3 |
	                         sub->retained_due << 4));
	record_number(out, sub->identifier);
}

static void give_received(struct record_out *out, const struct id_set *set)
{
	record_number(out, set->n);
	for (uint32_t i = 0; !set->is_many && i < set->n; i++)
		record_number(out, set->few[i]);
	for (uint32_t id = 0; set->is_many && id <= UINT16_MAX; id++)
		if (id_set_has(set, (uint16_t)id))
			record_number(out, id);
}

static void give_entry(struct record_out *out, uint64_t position, const struct inflight_entry *e)
{
	record_number(out, position);
	record_number(out, e->msg && e->msg->stored ? e->msg->stored->no : 0);
	record_u8(out, (uint8_t)(e->qos | e->retain << 2));
	record_number(out, e->share);
	record_number(out, e->ids ? e->ids->n : 0);
	for (uint32_t i = 0; e->ids && i < e->ids->n; i++)
		record_number(out, e->ids->id[i]);
}

static void give_entries(struct record_out *out, const struct inflight *f)
{
	uint64_t n = 0;

	for (uint64_t at = f->head; at < f->tail; at++)
		n += inflight_at(f, at)->kept;
	record_number(out, f->sent);
	record_number(out, n);
	for (uint64_t at = f->head; at < f->tail; at++)
		if (inflight_at(f, at)->kept)
			give_entry(out, at, inflight_at(f, at));
}

static void give_session(struct session *s)
{
	static const struct inflight no_entries;
	static const struct id_set no_ids;
	struct record_out *out = begin(s, RECORD_SESSION);
	bool lasts = keep_lasts(s);

	record_text(out, session_id(s));
	give_who(out, s);
	record_number(out, s->expiry_s);
	record_number(out, s->conn ? 0 : (uint64_t)s->kept->gone_s);
	give_will(out, s);
	record_number(out, lasts ? s->n_subs : 0);
	for (const struct sub *sub = lasts ? s->subs : NULL; sub; sub = sub->next)
		give_sub(out, sub);
	give_received(out, lasts ? &s->received : &no_ids);
	give_entries(out, lasts ? &s->out : &no_entries);
	link_item(&s->srv->persist, &s->kept->item);
	end(s);
}

static void forget(struct session *s)
{
	begin(s, RECORD_END);
	end(s);
	keep_free(s);
}

void keep_attached(struct session *s)
{
	struct persist *ps = &s->srv->persist;

	if (!ps->journal || ps->closed)
		return;
	if (s->kept && !s->expiry_s) {
		forget(s);
		inflight_forget(s);
	}
	if (!s->expiry_s && !s->will)
		return;
	if (!s->kept) {
		if (keep_new(s, ps->last_no + 1))
			give_session(s);
		return;
	}
	struct record_out *out = begin(s, RECORD_ATTACH);
	give_who(out, s);
	record_number(out, s->expiry_s);
	give_will(out, s);
	end(s);
}

void keep_detached(struct session *s)
{
	if (!keep_lasts(s))
		return;
	s->kept->gone_s = server_utc_s(s->srv);
	struct record_out *out = begin(s, RECORD_DETACH);
	record_number(out, s->expiry_s);
	record_number(out, (uint64_t)s->kept->gone_s);
	record_number(out, s->out.sent);
	record_u8(out, s->will != NULL);
	end(s);
}

void keep_ended(struct session *s)
{
	if (s->kept && !s->srv->persist.closed)
		forget(s);
}

void keep_will_done(struct session *s)
{
	if (!s->kept || s->srv->persist.closed)
		return;
	begin(s, RECORD_WILL_DONE);
	end(s);
}

void keep_subscribed(struct session *s, struct sub *sub)
{
	if (!keep_lasts(s))
		return;
	give_sub(begin(s, RECORD_SUBSCRIBE), sub);
	end(s);
}

void keep_unsubscribed(struct session *s, struct sub *sub)
{
	if (!keep_lasts(s))
		return;
	give_filter(begin(s, RECORD_UNSUBSCRIBE), sub);
	end(s);
}

/* ---- its messages */

static bool give_message(struct session *s, struct message *msg)
{
	struct persist *ps = &s->srv->persist;

	if (msg->stored)
		return true;
	if (!keep_body(s->srv, msg, ++ps->last_no)) {
		ps->out.bad = true;
		return false;
	}
	record_u8(&ps->out, RECORD_MESSAGE);
	record_number(&ps->out, msg->stored->no);
	record_message(&ps->out, msg);
	return true;
}

void keep_queued(struct session *s, uint64_t position, struct inflight_entry *e)
{
	struct persist *ps = &s->srv->persist;

	if (!keep_lasts(s) || !e->qos || !e->msg)
		return;
	persist_begin(s->srv);
	if (give_message(s, e->msg)) {
		give_entry(begin(s, RECORD_QUEUE), position, e);
		e->msg->stored->refs++;
		e->kept = true;
		e->serial = ps->serial + 1;
		end(s);
	}
	end(s);
}

static void give_position(struct session *s, enum record_change change, uint64_t position)
{
	record_number(begin(s, change), position);
	end(s);
}

void keep_done(struct session *s, uint64_t position, const struct inflight_entry *e)
{
	if (e->kept && keep_lasts(s))
		give_position(s, RECORD_DONE, position);
}

void keep_released(struct session *s, uint64_t position, const struct inflight_entry *e)
{
	if (e->kept && keep_lasts(s))
		give_position(s, RECORD_RELEASE, position);
}

void keep_received(struct session *s, uint16_t id)
{
	if (keep_lasts(s))
		give_position(s, RECORD_RECEIVED, id);
}

void keep_answered(struct session *s, uint16_t id)
{
	if (keep_lasts(s))
		give_position(s, RECORD_RELEASED, id);
}

/* ---- anew */

static void give_again(struct server *srv, struct persist_item *item)
{
	struct persist_body *body = (void *)((char *)item - offsetof(struct persist_body, item));
	struct persist *ps = &srv->persist;

	persist_begin(srv);
	record_u8(&ps->out, RECORD_AGAIN);
	record_number(&ps->out, body->no);
	record_message(&ps->out, body->msg);
	link_item(ps, item);
	persist_commit(srv);
}

void keep_again(struct server *srv, struct persist_item *item)
{
	struct persist_session *ps = (void *)((char *)item -
	                                      offsetof(struct persist_session, item));

	if (item->is_session)
		give_session(ps->session);
	else
		give_again(srv, item);
}
