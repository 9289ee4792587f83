#include "admission.h"

#include <stdio.h>

#include "address.h"
#include "conn.h"
#include "connack.h"
#include "connect.h"
#include "limit.h"
#include "reason.h"
#include "server.h"
#include "tokens.h"

#define RETRY_MAX    300
#define DEFAULT_RATE 1000 /* at which those come back who were refused for another reason */
#define FREE_BYTES   2048 /* what everybody may cost before CONNECT */

void admission_init(struct server *srv)
{
	srv->admission.tokens = (float)srv->config.connect_burst;
}

void admission_tick(struct server *srv)
{
	struct admission *a = &srv->admission;

	a->tokens = tokens_refilled(a->tokens, (float)srv->config.connect_burst,
	                            (float)srv->config.connect_rate / KEEPALIVE_TICKS, 1);
}

uint32_t admission_retry(struct server *srv)
{
	struct admission *a = &srv->admission;
	double now = (double)srv->tick / KEEPALIVE_TICKS;
	double rate = srv->config.connect_rate ? srv->config.connect_rate : DEFAULT_RATE;

	/* Half of the rate is left to those who come for the first time. */
	if (a->slot < now)
		a->slot = now;
	a->slot += 2 / rate;
	if (a->slot > now + RETRY_MAX)
		a->slot = now;
	uint32_t wait = (uint32_t)(a->slot - now);
	return 1 + wait + (uint32_t)(server_random() % (3 + wait / 4));
}

/* The part of the bucket that is kept for those who come before this one. */
static float kept_back(struct server *srv, struct sb_str id, struct sb_str username)
{
	const struct session *s = session_find(srv, id);
	float burst = (float)srv->config.connect_burst;

	if (s && !s->ended)
		return 0;
	if (SB_HAS(srv->devices, known) &&
	    srv->devices->known(srv->host, username.n ? username : id) > 0)
		return burst / 4;
	return burst / 2;
}

static int refuse(struct conn *c, enum limit which)
{
	static const struct {
		uint8_t reason;
		const char *text;
	} answers[LIMIT_COUNT] = {
		[LIMIT_connections] = { REASON_QUOTA, "max-connections of this server are open" },
		[LIMIT_address_connections] = { REASON_QUOTA, "max-connections-per-address of "
		                                              "your address are open" },
		[LIMIT_address_rate] = { REASON_CONNECT_RATE, "your address connects too often "
		                                              "(connect-rate-per-address)" },
		[LIMIT_connect_rate] = { REASON_CONNECT_RATE,
		                         "too many clients connect at once (connect-rate)" },
	};
	char why[160];

	limit_hit(c->srv, which, 0, address_text(c->peer), answers[which].text);
	snprintf(why, sizeof(why), "%s: retry after %u s", answers[which].text,
	         admission_retry(c->srv));
	return connack_refuse(c, answers[which].reason, why);
}

int admission_check(struct conn *c, struct sb_str id, struct sb_str username)
{
	struct server *srv = c->srv;
	struct admission *a = &srv->admission;

	if (c->refused_by)
		return refuse(c, (enum limit)(c->refused_by - 1));
	if (!srv->config.connect_rate)
		return 0;
	if (a->tokens < 1 || (a->tokens < (float)srv->config.connect_burst / 2 &&
	                      a->tokens < 1 + kept_back(srv, id, username)))
		return refuse(c, LIMIT_connect_rate);
	a->tokens -= 1;
	return 0;
}

int admission_charge(struct conn *c, uint32_t waiting)
{
	struct server *srv = c->srv;
	uint32_t charge = waiting > FREE_BYTES ? waiting - FREE_BYTES : 0;

	srv->unknown_bytes += (uint64_t)charge - c->waiting_bytes;
	c->waiting_bytes = charge;
	if (!charge || srv->unknown_bytes <= srv->config.max_unauthenticated_bytes)
		return 0;
	limit_hit(srv, LIMIT_unknown_bytes, 0, address_text(c->peer),
	          "unfinished CONNECTs fill max-unauthenticated-bytes");
	return conn_fail(c, REASON_QUOTA, "unfinished CONNECTs fill max-unauthenticated-bytes");
}

void admission_busy(struct conn *c)
{
	char why[80];

	snprintf(why, sizeof(why), "too many logins at once: retry after %u s",
	         admission_retry(c->srv));
	connack_refuse(c, REASON_BUSY, why);
}

void admission_no_room(struct conn *c)
{
	const struct connect *req = c->connect;
	bool device = req->who.kind == SB_PRINCIPAL_DEVICE;
	const char *why = "no room for another session (max-sessions, max-device-sessions)";

	limit_hit(c->srv, LIMIT_sessions, device ? req->who.device : 0,
	          sb_str_of(req->id, req->id_n), why);
	connack_refuse(c, REASON_QUOTA, why);
}

bool admission_flaps(struct conn *c, const struct session *s)
{
	char why[240];

	if (!c->connect->counted && flap_check(c, s, why, sizeof(why))) {
		connack_refuse(c, REASON_CONNECT_RATE, why);
		return true;
	}
	c->connect->counted = true;
	return false;
}
