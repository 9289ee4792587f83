#include "reconfigure.h"

#include <string.h>

#include "conn.h"
#include "connack.h"
#include "connect.h"
#include "rate.h"
#include "reason.h"
#include "server.h"

/* Looked at each time they matter: nothing that exists depends on what they were. */
#define LIVE(X)                        \
	X(anonymous)                   \
	X(insecure)                    \
	X(max_connect_bytes)           \
	X(max_unacked)                 \
	X(max_inflight)                \
	X(max_queued_bytes)            \
	X(max_queued_messages)         \
	X(max_sessions)                \
	X(max_subscriptions)           \
	X(max_subscription_bytes)      \
	X(max_device_sessions)         \
	X(max_topic_bytes)             \
	X(max_retained)                \
	X(max_retained_bytes)          \
	X(connect_timeout_s)           \
	X(keepalive_max_s)             \
	X(session_expiry_max_s)        \
	X(redirect_always)             \
	X(max_connections_per_address) \
	X(max_unauthenticated_bytes)   \
	X(connect_rate)                \
	X(connect_burst)               \
	X(connect_rate_per_address)    \
	X(connect_burst_per_address)   \
	X(max_reconnects_per_minute)   \
	X(max_takeovers_per_minute)    \
	X(max_topic_levels)            \
	X(max_filters)                 \
	X(max_total_queued_bytes)      \
	X(max_messages_per_second)     \
	X(max_bytes_per_second)

static bool may_be_live(const struct config *now, const struct config *next)
{
	struct config copy = *now;

#define TAKE(name) copy.name = next->name;
	LIVE(TAKE)
#undef TAKE
	memcpy(copy.redirect, next->redirect, sizeof(copy.redirect));
	/* Listeners were made for so many, and clients were told how much they may send. */
	if (next->max_connections <= now->max_connections)
		copy.max_connections = next->max_connections;
	if (next->receive_maximum >= now->receive_maximum)
		copy.receive_maximum = next->receive_maximum;
	return memcmp(&copy, next, sizeof(copy)) == 0;
}

static bool is_anonymous(const struct conn *c)
{
	return c->session && c->session->conn == c &&
	       c->session->who.kind == SB_PRINCIPAL_ANONYMOUS;
}

static void end_anonymous(struct server *srv)
{
	static const char why[] = "anonymous clients are not let in any more";

	for (struct conn *c = srv->conns; c; c = c->next) {
		const struct connect *req = c->connect;

		if (req && req->waiting && req->who.kind == SB_PRINCIPAL_ANONYMOUS) {
			connack_refuse(c, REASON_NOT_AUTHORIZED, why);
			connect_drop(c);
		} else if (c->state == CONN_UP && is_anonymous(c)) {
			conn_fail(c, REASON_ADMINISTRATIVE, why);
			conn_leave(c, true, SB_DOWN_KICKED, why);
		}
	}
}

int reconfigure_take(struct server *srv, const struct config *next)
{
	bool closes = srv->config.anonymous && !next->anonymous;

	if (!may_be_live(&srv->config, next))
		return SB_RESTART;
	srv->config = *next;
	/* Those who came when there was no rate have no account yet. */
	for (struct conn *c = srv->conns; c; c = c->next)
		if (c->session && c->session->conn == c)
			rate_join(c->session);
	if (closes)
		end_anonymous(srv);
	return 0;
}
