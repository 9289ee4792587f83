#include "flap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "conn.h"
#include "connect.h"
#include "limit.h"
#include "server.h"
#include "tokens.h"

#define SETS      1024
#define WAYS      4 /* who connected longest ago is forgotten */
#define FIRST_S   2 /* seconds of the first hold, doubled with each */
#define LAST_S    256
#define MINUTE    (60 * KEEPALIVE_TICKS)
#define FORGIVEN  (10 * MINUTE) /* without a hold */
#define SHOWN_MAX 48

static uint64_t key_of(const struct server *srv, struct sb_str id, uint64_t who)
{
	uint64_t h = srv->seed ^ who * 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < id.n; i++)
		h = (h ^ (uint8_t)id.p[i]) * 0x100000001b3u;
	h = (h ^ h >> 32) * 0xff51afd7ed558ccdu;
	h ^= h >> 32;
	return h ? h : 1;
}

static void refill(const struct config *config, struct flap *f, uint32_t now)
{
	float connects = tokens_most(config->max_reconnects_per_minute);
	float takeovers = tokens_most(config->max_takeovers_per_minute);
	uint32_t ticks = now - f->tick;

	f->connects = tokens_refilled(f->connects, connects, connects / MINUTE, ticks);
	f->takeovers = tokens_refilled(f->takeovers, takeovers, takeovers / MINUTE, ticks);
	f->tick = now;
}

static struct flap *find(struct server *srv, uint64_t key, bool make)
{
	struct flaps *all = &srv->flaps;

	if (!all->table && make)
		all->table = calloc((size_t)SETS * WAYS, sizeof(*all->table));
	if (!all->table)
		return NULL;
	struct flap *set = &all->table[key % SETS * WAYS];
	struct flap *oldest = set;
	for (int i = 0; i < WAYS; i++) {
		if (set[i].key == key)
			return &set[i];
		if (set[i].tick < oldest->tick)
			oldest = &set[i];
	}
	if (!make)
		return NULL;
	*oldest = (struct flap){ .key = key,
		                 .tick = srv->tick,
		                 .connects = tokens_most(srv->config.max_reconnects_per_minute),
		                 .takeovers = tokens_most(srv->config.max_takeovers_per_minute) };
	return oldest;
}

/* Until when: twice as long as last time, and not the same for all. */
static void hold(struct server *srv, struct flap *f)
{
	uint32_t s = FIRST_S << (f->strikes < 7 ? f->strikes : 7);

	if (s > LAST_S)
		s = LAST_S;
	if (f->strikes < UINT8_MAX)
		f->strikes++;
	f->held_until = srv->tick + s * KEEPALIVE_TICKS +
	                (uint32_t)(server_random() % (s * KEEPALIVE_TICKS / 2));
	/* After it there is one more chance. */
	if (f->connects < 1)
		f->connects = 1;
	if (f->takeovers < 1)
		f->takeovers = 1;
}

/* By whose hand: the addresses of both where there are two. */
static void describe(const struct conn *c, const struct conn *other, char *out, size_t cap)
{
	const struct config *config = &c->srv->config;
	struct sb_str a = address_text(c->peer);

	if (!other) {
		snprintf(out, cap, "flapping: more than %u connects a minute from %.*s",
		         config->max_reconnects_per_minute, (int)a.n, a.p);
		return;
	}
	struct sb_str b = address_text(other->peer);
	snprintf(out, cap,
	         "two clients use one client identifier, %.*s and %.*s: more than %u takeovers a "
	         "minute",
	         (int)b.n, b.p, (int)a.n, a.p, config->max_takeovers_per_minute);
}

static int refuse(struct conn *c, struct flap *f, const struct conn *other, char *why, size_t cap)
{
	const struct connect *req = c->connect;
	enum limit which = other ? LIMIT_takeovers : LIMIT_flapping;
	sb_device device = req->who.kind == SB_PRINCIPAL_DEVICE ? req->who.device : 0;
	char text[180];
	uint32_t left = (f->held_until - c->srv->tick) / KEEPALIVE_TICKS + 1;

	describe(c, other, text, sizeof(text));
	limit_hit(c->srv, which, device, sb_str_of(req->id, req->id_n), text);
	snprintf(why, cap, "%s: retry after %u s", text, left);
	return 1;
}

int flap_check(struct conn *c, const struct session *s, char *why, size_t cap)
{
	struct server *srv = c->srv;
	const struct connect *req = c->connect;
	const struct conn *other = s ? s->conn : NULL;

	if (req->assigned)
		return 0;
	struct flap *f = find(srv, key_of(srv, sb_str_of(req->id, req->id_n), req->who.id), true);
	if (!f)
		return 0;
	refill(&srv->config, f, srv->tick);
	if (f->held_until > srv->tick)
		return refuse(c, f, other, why, cap);
	if (f->held_until && srv->tick - f->held_until > FORGIVEN)
		f->strikes = 0;
	f->connects -= 1;
	f->takeovers -= other ? 1 : 0;
	if (f->connects >= 0 && f->takeovers >= 0)
		return 0;
	other = f->takeovers < 0 ? other : NULL;
	hold(srv, f);
	return refuse(c, f, other, why, cap);
}

void flap_forgive(struct session *s)
{
	struct flap *f = find(s->srv, key_of(s->srv, session_id(s), s->who.id), false);

	if (f)
		f->connects += 1;
}

void flap_fini(struct flaps *all)
{
	free(all->table);
	all->table = NULL;
}
