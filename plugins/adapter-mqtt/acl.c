#include "acl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/services.h>

#include "conn.h"
#include "connack.h"
#include "connect.h"
#include "keep.h"
#include "known.h"
#include "message.h"
#include "reason.h"
#include "route.h"
#include "server.h"
#include "verdict.h"

static int may(const struct session *s, int action, struct sb_str topic)
{
	const struct server *srv = s->srv;

	return srv->devices->may(srv->host, &s->who, action, topic);
}

static const char *why_not(const struct session *s, int r, struct sb_str topic)
{
	struct topic_name name;

	if (r >= 0)
		return NULL;
	if (r == SB_E_SUSPENDED)
		return "the device is suspended or retired";
	topic_classify(topic, &name);
	switch (s->who.kind) {
	case SB_PRINCIPAL_DEVICE:
		return "a device has the topics under devices/ and its own id only";
	case SB_PRINCIPAL_ANONYMOUS:
		return name.device.n ? "this device has a credential: log in with it"
		                     : "not without a name and a password";
	case SB_PRINCIPAL_USER:
		return "the user's role or topic filters do not allow it";
	default:
		return "not authenticated";
	}
}

const char *acl_publish(const struct session *s, struct sb_str topic, const struct topic_name *name)
{
	if (name->kind == TOPIC_SYSTEM)
		return "topics that begin with $ are the server's";
	if (s->who.kind == SB_PRINCIPAL_DEVICE && name->kind == TOPIC_DOWN)
		return "this topic is for what the device is told";
	return why_not(s, may(s, SB_MAY_PUBLISH, topic), topic);
}

const char *acl_subscribe(const struct session *s, struct sb_str filter, bool *part)
{
	int r = may(s, SB_MAY_SUBSCRIBE, filter);

	*part = r == SB_MAY_PART;
	return why_not(s, r, filter);
}

bool acl_reads(const struct session *s, struct sb_str topic)
{
	return may(s, SB_MAY_READ, topic) >= 0;
}

bool acl_delivers(struct route *rt, const struct session *s)
{
	if (rt->judged != s->who.id) {
		rt->judged = s->who.id;
		rt->allowed = verdict_of(&rt->srv->verdicts, s, rt->p->topic);
	}
	return rt->allowed;
}

/* ---- after a change */

static const char *renew(struct session *s)
{
	const struct server *srv = s->srv;

	if (s->who.kind == SB_PRINCIPAL_ANONYMOUS && !srv->config.anonymous)
		return "anonymous peers are not let in any more";
	int r = srv->devices->renew(srv->host, &s->who);
	if (r == SB_E_SUSPENDED)
		return "the device is suspended or retired";
	return r < 0 ? "the user or device is gone or disabled" : NULL;
}

/* A filter that cannot be put together counts as not allowed. */
static bool still_subscribed(struct server *srv, struct session *s, struct sub *sub)
{
	struct sb_str filter;
	bool part = false;

	if (trie_filter(sub, &srv->acl_text, &srv->acl_cap, &filter) < 0 ||
	    acl_subscribe(s, filter, &part))
		return false;
	sub->part = part;
	return true;
}

const char *acl_recheck(struct session *s)
{
	struct server *srv = s->srv;
	const char *why = renew(s);
	uint32_t had = s->n_subs;
	struct sub *next;

	for (struct sub *sub = s->subs; sub; sub = next) {
		next = sub->next;
		if (!why && still_subscribed(srv, s, sub))
			continue;
		metrics_move(srv->m.subscriptions, -1);
		keep_unsubscribed(s, sub);
		trie_remove(&srv->subs, sub);
	}
	/* What was queued under other rights is looked at before it is sent. */
	s->out.suspect = s->out.tail;
	if (!why && had && !s->n_subs)
		why = "the subscriptions are not allowed any more";
	return why;
}

static void recheck_connected(struct conn *c)
{
	c->known = known_free(c->known);
	if (c->state != CONN_UP || !c->session || c->session->conn != c)
		return;
	const char *why = acl_recheck(c->session);
	if (!why)
		return;
	metrics_count(c->srv->m.rights_lost, 1);
	conn_fail(c, REASON_NOT_AUTHORIZED, why);
	conn_leave(c, true, SB_DOWN_KICKED, "rights changed");
}

static void recheck_kept(struct server *srv)
{
	for (uint32_t i = 0; i < srv->sessions.cap; i++) {
		struct session *next;
		for (struct session *s = srv->sessions.buckets[i]; s; s = next) {
			next = s->chain;
			if (!s->conn && !s->leaving && !s->ended && acl_recheck(s))
				session_end(s);
		}
	}
}

void acl_watch(struct server *srv)
{
	uint64_t rights = srv->devices->rights(srv->host);

	if (rights == srv->rights)
		return;
	srv->rights = rights;
	for (struct conn *c = srv->conns; c; c = c->next)
		recheck_connected(c);
	recheck_kept(srv);
}
