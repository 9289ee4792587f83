#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "connect.h"
#include "keep.h"
#include "message.h"
#include "server.h"
#include "share.h"
#include "will.h"

static uint32_t hash_of(const struct sessions *all, struct sb_str id)
{
	uint64_t h = all->seed ^ id.n;
	size_t n = id.n;

	for (const char *p = id.p; n;) {
		uint64_t w = 0;
		size_t k = n < 8 ? n : 8;
		memcpy(&w, p, k);
		h = (h ^ w) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
		p += k;
		n -= k;
	}
	return (uint32_t)((h * 0xc4ceb9fe1a85ec53u) >> 32);
}

int sessions_init(struct sessions *all, uint64_t seed)
{
	*all = (struct sessions){ .cap = 256, .seed = seed };
	all->buckets = calloc(all->cap, sizeof(struct session *));
	return all->buckets ? 0 : -ENOMEM;
}

/* Without memory the table stays as it is: slower, not wrong. */
static void grow(struct sessions *all)
{
	uint32_t cap = all->cap * 2;
	struct session **buckets = calloc(cap, sizeof(struct session *));

	if (!buckets)
		return;
	for (uint32_t i = 0; i < all->cap; i++) {
		struct session *s = all->buckets[i];
		while (s) {
			struct session *next = s->chain;
			s->chain = buckets[s->hash & (cap - 1)];
			buckets[s->hash & (cap - 1)] = s;
			s = next;
		}
	}
	free(all->buckets);
	all->buckets = buckets;
	all->cap = cap;
}

struct session *session_find(const struct server *srv, struct sb_str id)
{
	const struct sessions *all = &srv->sessions;
	uint32_t hash = hash_of(all, id);
	struct session *s = all->buckets[hash & (all->cap - 1)];

	while (s && (s->hash != hash || s->id_n != id.n || memcmp(s->id, id.p, id.n) != 0))
		s = s->chain;
	return s;
}

struct session *session_new(struct server *srv, struct sb_str id, const struct sb_principal *who)
{
	struct sessions *all = &srv->sessions;
	struct session *s = calloc(1, sizeof(*s) + id.n);

	if (!s)
		return NULL;
	if (all->n >= all->cap)
		grow(all);
	s->srv = srv;
	s->who = *who;
	s->id_n = (uint16_t)id.n;
	memcpy(s->id, id.p, id.n);
	s->hash = hash_of(all, id);
	s->chain = all->buckets[s->hash & (all->cap - 1)];
	all->buckets[s->hash & (all->cap - 1)] = s;
	s->same = all->by_who[who->id % SESSION_WHO];
	all->by_who[who->id % SESSION_WHO] = s;
	all->n++;
	metrics_move(srv->m.sessions, 1);
	return s;
}

uint32_t sessions_of(const struct server *srv, const struct sb_principal *who)
{
	const struct session *s = srv->sessions.by_who[who->id % SESSION_WHO];
	uint32_t n = 0;

	for (; s; s = s->same)
		n += s->who.id == who->id;
	return n;
}

struct sb_str session_id(const struct session *s)
{
	return sb_str_of(s->id, s->id_n);
}

void session_reset(struct session *s)
{
	struct server *srv = s->srv;

	metrics_move(srv->m.subscriptions, -(int64_t)s->n_subs);
	while (s->subs)
		trie_remove(&srv->subs, s->subs);
	inflight_clear(s);
	id_set_clear(&s->received);
}

static void release(struct session *s)
{
	struct sessions *all = &s->srv->sessions;
	struct session **at = &all->buckets[s->hash & (all->cap - 1)];

	session_reset(s);
	keep_free(s);
	will_drop(s);
	rate_part(s);
	wheel_take(&s->link);
	while (*at != s)
		at = &(*at)->chain;
	*at = s->chain;
	for (at = &all->by_who[s->who.id % SESSION_WHO]; *at != s;)
		at = &(*at)->same;
	*at = s->same;
	all->n--;
	metrics_move(s->srv->m.sessions, -1);
	free(s);
}

void session_end(struct session *s)
{
	struct server *srv = s->srv;

	persist_begin(srv);
	will_publish(s);
	share_hand_on(s);
	keep_ended(s);
	persist_commit(srv);
	wheel_take(&s->link);
	if (!s->leaving) {
		release(s);
		return;
	}
	session_reset(s);
	s->ended = true;
}

void session_bind(struct session *s, sb_device device)
{
	if (s->speaks_for || !device)
		return;
	struct sb_kv attrs[2] = {
		{ SB_STR("client_id"), session_id(s) },
		{ SB_STR("peer"), sb_str_of(s->conn->peer, strlen(s->conn->peer)) },
	};
	s->speaks_for = device;
	s->srv->devices->session_up(s->srv->host, device, attrs, 2);
}

/* When the wheel has to look at it: the will first, then the end. */
static uint32_t next_look(const struct session *s)
{
	return s->will_at && s->will_at < s->expires_at ? s->will_at : s->expires_at;
}

void session_wait(struct session *s, uint32_t passed_s)
{
	struct server *srv = s->srv;
	uint32_t left_s = s->expiry_s - passed_s;

	s->expires_at = srv->tick + left_s * KEEPALIVE_TICKS;
	if (s->will && s->will_delay_s > passed_s) {
		uint32_t delay_s = s->will_delay_s - passed_s;
		s->will_at = delay_s < left_s ? srv->tick + delay_s * KEEPALIVE_TICKS
		                              : s->expires_at;
	} else {
		will_publish(s);
	}
	wheel_put(&srv->session_wheel, &s->link, next_look(s));
}

void session_detach(struct session *s, bool with_will, int32_t why, struct sb_str detail)
{
	struct server *srv = s->srv;

	if (s->speaks_for)
		srv->devices->session_down(srv->host, s->speaks_for, why, detail);
	s->speaks_for = 0;
	s->conn = NULL;
	if (!with_will)
		will_drop(s);
	if (!s->expiry_s) {
		session_end(s);
		return;
	}
	persist_begin(srv);
	keep_detached(s);
	session_wait(s, 0);
	persist_commit(srv);
}

uint32_t session_due(struct wheel_link *link, uint32_t now)
{
	struct session *s = (void *)((char *)link - offsetof(struct session, link));

	if (s->conn)
		return 0;
	if (s->expires_at <= now) {
		session_end(s);
		return 0;
	}
	if (s->will_at && s->will_at <= now)
		will_publish(s);
	return next_look(s);
}

void session_left(struct session *s)
{
	struct conn *waiting = s->waiting;

	s->leaving = NULL;
	s->waiting = NULL;
	struct server *srv = s->srv;
	if (s->ended)
		release(s);
	if (waiting)
		connect_proceed(waiting);
	persist_flush(srv);
}

void sessions_fini(struct sessions *all)
{
	for (uint32_t i = 0; i < all->cap; i++) {
		while (all->buckets[i]) {
			struct session *s = all->buckets[i];
			s->leaving = NULL;
			release(s);
		}
	}
	free(all->buckets);
	*all = (struct sessions){ 0 };
}
