#include "rate.h"

#include <stdio.h>
#include <stdlib.h>

#include "conn.h"
#include "limit.h"
#include "server.h"
#include "session.h"
#include "tokens.h"

static void refill(const struct config *config, struct rate *r, uint32_t now)
{
	float messages = tokens_most(config->max_messages_per_second);
	float bytes = tokens_most(config->max_bytes_per_second);
	uint32_t ticks = now - r->tick;

	r->messages = tokens_refilled(r->messages, messages, messages / KEEPALIVE_TICKS, ticks);
	r->bytes = tokens_refilled(r->bytes, bytes, bytes / KEEPALIVE_TICKS, ticks);
	r->tick = now;
}

void rate_join(struct session *s)
{
	const struct config *config = &s->srv->config;
	/* Nameless clients are one each, everybody else is who they are. */
	uint64_t who = s->who.kind == SB_PRINCIPAL_ANONYMOUS ? (uint64_t)(uintptr_t)s : s->who.id;
	struct rate **at = &s->srv->rates.buckets[(who ^ who >> 12) % RATE_BUCKETS];
	struct rate *r = *at;

	if (s->rate || (!config->max_messages_per_second && !config->max_bytes_per_second))
		return;
	while (r && r->who != who)
		r = r->next;
	if (!r) {
		r = calloc(1, sizeof(*r));
		if (!r)
			return;
		r->who = who;
		r->tick = s->srv->tick;
		r->messages = tokens_most(config->max_messages_per_second);
		r->bytes = tokens_most(config->max_bytes_per_second);
		r->next = *at;
		*at = r;
	}
	r->refs++;
	s->rate = r;
}

void rate_part(struct session *s)
{
	struct rate *r = s->rate;

	s->rate = NULL;
	if (!r || --r->refs)
		return;
	struct rate **at = &s->srv->rates.buckets[(r->who ^ r->who >> 12) % RATE_BUCKETS];
	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	free(r);
}

static void tell(struct session *s, const struct rate *r)
{
	const struct config *config = &s->srv->config;
	bool messages = r->messages <= 0;
	char why[120];

	snprintf(why, sizeof(why), "more than %u %s a second are read later (%s)",
	         messages ? config->max_messages_per_second : config->max_bytes_per_second,
	         messages ? "messages" : "bytes",
	         messages ? "max-messages-per-second" : "max-bytes-per-second");
	limit_session(s, messages ? LIMIT_message_rate : LIMIT_byte_rate, why);
}

int rate_take(struct conn *c, uint32_t bytes)
{
	struct server *srv = c->srv;
	struct rate *r = c->session ? c->session->rate : NULL;

	if (!r)
		return 0;
	if (r->tick != srv->tick)
		refill(&srv->config, r, srv->tick);
	if (r->messages > 0 && r->bytes > 0) {
		r->messages -= 1;
		r->bytes -= (float)bytes;
		r->told = false;
		return 0;
	}
	if (!r->told)
		tell(c->session, r);
	r->told = true;
	conn_hold(c, CONN_HOLD_RATE);
	if (!c->rate_held) {
		c->rate_held = true;
		c->rate_next = srv->rates.held;
		srv->rates.held = c;
	}
	return 1;
}

void rate_tick(struct server *srv)
{
	struct conn *c = srv->rates.held;

	srv->rates.held = NULL;
	while (c) {
		struct conn *next = c->rate_next;
		c->rate_held = false;
		c->rate_next = NULL;
		conn_release(c, CONN_HOLD_RATE);
		c = next;
	}
}

void rate_forget(struct conn *c)
{
	struct conn **at = &c->srv->rates.held;

	if (!c->rate_held)
		return;
	while (*at != c)
		at = &(*at)->rate_next;
	*at = c->rate_next;
	c->rate_held = false;
}
