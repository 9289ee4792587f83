#include "recover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acl.h"
#include "conn.h"
#include "inflight.h"
#include "keep.h"
#include "message.h"
#include "recover_state.h"
#include "server.h"
#include "snapshot.h"
#include "will.h"

/* As persist.c writes it in front of every record. */
enum { WHOLE, FIRST_PART, PART, LAST_PART };

/* ---- reading */

static int step_add(struct recover *re, struct sb_bytes part)
{
	if (re->step_cap - re->step_n < part.n) {
		size_t cap = re->step_cap * 2 + part.n;
		uint8_t *more = realloc(re->step, cap);
		if (!more)
			return -ENOMEM;
		re->step = more;
		re->step_cap = cap;
	}
	if (part.n)
		memcpy(re->step + re->step_n, part.p, part.n);
	re->step_n += part.n;
	return 0;
}

/* A step of several records counts once its last one is there. */
static int take_part(struct recover *re, uint64_t position, uint8_t part, struct sb_bytes changes)
{
	if (part == FIRST_PART) {
		re->step_n = 0;
		re->step_position = position;
		re->in_step = true;
	}
	if (!re->in_step)
		return 0; /* its beginning has been recycled: it is told anew further on */
	int r = step_add(re, changes);
	if (r < 0 || part != LAST_PART)
		return r;
	re->in_step = false;
	return recover_state_take(re, re->step_position, (struct sb_bytes){ re->step, re->step_n });
}

static int32_t on_record(void *ud, uint64_t position, struct sb_bytes record)
{
	struct recover *re = ud;
	int r = SB_E_CORRUPT;

	re->position = position;
	if (record.n && record.p[0] <= LAST_PART) {
		struct sb_bytes changes = { record.p + 1, record.n - 1 };
		if (record.p[0] == WHOLE) {
			re->in_step = false;
			r = recover_state_take(re, position, changes);
		} else {
			r = take_part(re, position, record.p[0], changes);
		}
	}
	if (r == -ENOMEM)
		return r;
	re->bad += r < 0;
	return 0;
}

/* ---- sessions again */

static void add_subs(struct session *s, const struct recover_session *from)
{
	struct server *srv = s->srv;

	for (uint32_t i = 0; i < from->n_subs; i++) {
		const struct recover_sub *rs = &from->subs[i];
		struct sub *sub;
		int r = trie_add(&srv->subs, s, sb_str_of(rs->text, rs->group_n),
		                 sb_str_of(rs->text + rs->group_n, rs->filter_n), &sub);
		if (r < 0) {
			server_log(srv, SB_LOG_ERROR, "no memory for a restored subscription");
			return;
		}
		metrics_move(srv->m.subscriptions, r);
		sub->qos = rs->options & 3;
		sub->no_local = rs->options & 4;
		sub->as_published = rs->options & 8;
		sub->identifier = rs->identifier;
		/* Begun or not: what was given of them may be given again. */
		if (rs->options & 16)
			retained_due(sub);
	}
}

static struct inflight_ids *ids_of(const struct recover_entry *e)
{
	struct inflight_ids *ids = malloc(sizeof(*ids) + e->n_ids * sizeof(uint32_t));

	if (ids) {
		ids->n = e->n_ids;
		memcpy(ids->id, e->ids, e->n_ids * sizeof(uint32_t));
	}
	return ids;
}

/* The body becomes one that is kept with its first entry. */
static bool use_body(struct server *srv, struct recover_body *body)
{
	if (!body->msg->stored && !keep_body(srv, body->msg, body->no))
		return false;
	body->msg->stored->item.position = body->position;
	return true;
}

static int add_entry(struct session *s, const struct recover *re, const struct recover_entry *from)
{
	struct inflight_entry e = {
		.share = from->share, .qos = from->qos, .retain = from->retain, .kept = true
	};
	struct recover_body *body = from->body ? recover_state_body(re, from->body) : NULL;

	if (!from->released) {
		/* Its message was let go because nobody waited for it any more. */
		if (!body || !body->msg)
			return 0;
		if (!use_body(s->srv, body))
			return -ENOMEM;
		e.msg = body->msg;
		e.ids = from->n_ids ? ids_of(from) : NULL;
	}
	int r = inflight_restore(s, from->at, &e, from->released);
	if (r < 0) {
		free(e.ids);
		return r;
	}
	if (e.msg) {
		message_ref(e.msg);
		e.msg->stored->refs++;
	}
	return 0;
}

static void add_entries(struct session *s, const struct recover *re,
                        const struct recover_session *from)
{
	for (uint32_t i = from->first; i < from->n; i++) {
		int r = from->entries[i].done ? 0 : add_entry(s, re, &from->entries[i]);
		if (r < 0)
			server_log(s->srv, SB_LOG_ERROR, "a restored message is lost: %s",
			           sb_strerror(r));
	}
	/* Of a connection that ended with the server nobody knows how much got through. */
	inflight_restored(s, from->gone_s ? from->sent : UINT64_MAX);
}

/* Devices are known by name across restarts. */
static int find_who(struct server *srv, struct recover_session *from)
{
	if (from->who.kind != SB_PRINCIPAL_DEVICE)
		return 0;
	return srv->devices->resolve(srv->host, sb_str_of(from->device, from->device_n),
	                             &from->who.device);
}

static void make_session(struct recover *re, struct recover_session *from)
{
	struct server *srv = re->srv;
	struct sb_str id = sb_str_of(from->id, from->id_n);
	int r = find_who(srv, from);

	if (r < 0) {
		server_log(srv, SB_LOG_WARN, "session %.*s is dropped: its device: %s", (int)id.n,
		           id.p, sb_strerror(r));
		return;
	}
	struct session *s = session_find(srv, id) ? NULL : session_new(srv, id, &from->who);
	if (!s || !keep_new(s, from->no)) {
		server_log(srv, SB_LOG_ERROR, "session %.*s cannot be restored", (int)id.n, id.p);
		return;
	}
	s->kept->item.position = from->position;
	s->kept->gone_s = from->gone_s;
	s->expiry_s = from->expiry_s;
	s->will = from->will;
	s->will_delay_s = from->will_delay_s;
	s->will_expiry_s = from->will_expiry_s;
	from->will = NULL;
	s->received = from->received;
	from->received = (struct id_set){ 0 };
	add_subs(s, from);
	add_entries(s, re, from);
	metrics_count(srv->m.sessions_restored, 1);
}

/* ---- in order of their records */

static int by_position(const void *a, const void *b)
{
	const struct persist_item *const *x = a;
	const struct persist_item *const *y = b;

	return (*x)->position < (*y)->position ? -1 : (*x)->position > (*y)->position;
}

static void sort_items(struct persist *ps)
{
	size_t n = 0;
	size_t i = 0;

	for (struct persist_item *at = ps->items.next; at != &ps->items; at = at->next)
		n++;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): the pointers are what is sorted */
	struct persist_item **all = n ? malloc(n * sizeof(*all)) : NULL;
	if (!all) {
		/* Out of order nothing could be given back: then it is all written anew. */
		ps->rewrite = n ? ps->position : 0;
		return;
	}
	for (struct persist_item *at = ps->items.next; at != &ps->items; at = at->next)
		all[i++] = at;
	qsort(all, n, sizeof(struct persist_item *), by_position);
	ps->items.prev = ps->items.next = &ps->items;
	for (i = 0; i < n; i++) {
		all[i]->prev = ps->items.prev;
		all[i]->next = &ps->items;
		all[i]->prev->next = all[i];
		ps->items.prev = all[i];
	}
	free(all);
}

void recover_sessions(struct server *srv)
{
	struct persist *ps = &srv->persist;
	struct recover re = { .srv = srv };

	if (!ps->journal)
		return;
	int r = ps->journal->replay(srv->host, 0, on_record, &re);
	if (r < 0)
		server_log(srv, SB_LOG_ERROR, "not all sessions could be read: %s", sb_strerror(r));
	if (re.bad)
		server_log(srv, SB_LOG_ERROR, "%u records of sessions cannot be read", re.bad);
	ps->position = re.position;
	ps->last_no = re.last_no;
	for (uint32_t i = 0; i < re.sessions.cap; i++) {
		struct recover_session *from = re.sessions.slots[i];
		if (from && from->known)
			make_session(&re, from);
	}
	sort_items(ps);
	recover_state_fini(&re);
	if (ps->n_sessions)
		server_log(srv, SB_LOG_INFO, "%u sessions restored", ps->n_sessions);
	if (SB_HAS(ps->journal, watch))
		ps->journal->watch(srv->host, snapshot_ask, srv);
}

/* ---- clocks */

/* Its connection ended with the server, so its time runs from now on; another's goes on. */
static void go_on(struct session *s, int64_t now_s)
{
	int64_t passed = 0;

	if (s->kept->gone_s && s->kept->gone_s < now_s)
		passed = now_s - s->kept->gone_s;
	else if (!s->kept->gone_s)
		keep_detached(s);
	/* Rights may have changed while nobody looked. */
	const char *why = acl_recheck(s);
	if (why)
		server_log(s->srv, SB_LOG_INFO, "session %.*s ends: %s", s->id_n, s->id, why);
	if (why || passed >= s->expiry_s) {
		session_end(s);
		return;
	}
	session_wait(s, (uint32_t)passed);
}

void recover_go_on(struct server *srv)
{
	struct sessions *all = &srv->sessions;
	int64_t now_s = server_utc_s(srv);

	for (uint32_t i = 0; i < all->cap; i++) {
		struct session *next;
		for (struct session *s = all->buckets[i]; s; s = next) {
			next = s->chain;
			if (s->kept && !s->conn)
				go_on(s, now_s);
		}
	}
	persist_flush(srv);
}
