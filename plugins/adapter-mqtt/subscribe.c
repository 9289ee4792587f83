#include "subscribe.h"

#include <stdlib.h>
#include <string.h>

#include "acl.h"
#include "conn.h"
#include "keep.h"
#include "packet.h"
#include "properties.h"
#include "reason.h"
#include "server.h"
#include "topic.h"

#define FILTERS_MAX 1024
#define TOO_MANY    "too many subscriptions (max-subscriptions, max-subscription-bytes)"

#define TOO_DEEP "topic filter of more levels than max-topic-levels"
#define TOO_LONG "too many filters in one SUBSCRIBE (max-filters)"

struct request { /* one filter of a SUBSCRIBE */
	struct sb_str filter, group;
	uint8_t qos, retain_handling;
	bool no_local, as_published;
};

/* 0, or the reason to close the connection with. */
static uint8_t take_request(struct conn *c, struct cursor *in, struct request *rq)
{
	struct topic_share share = { { NULL, 0 }, { NULL, 0 } };

	rq->filter = cursor_string(in);
	uint8_t options = cursor_u8(in);
	if (in->bad)
		return REASON_MALFORMED;
	rq->qos = options & 3;
	rq->no_local = options & 4;
	rq->as_published = options & 8;
	rq->retain_handling = options >> 4 & 3;
	if (rq->qos == 3 || options & (conn_is_v5(c) ? 0xc0 : 0xfc))
		return REASON_MALFORMED;
	if (rq->retain_handling == 3)
		return REASON_PROTOCOL_ERROR;
	int shared = topic_share_parse(rq->filter, &share);
	if (shared > 0) {
		rq->filter = share.filter;
		rq->group = share.group;
		if (rq->no_local)
			return REASON_PROTOCOL_ERROR;
	} else if (shared < 0) {
		rq->filter.n = 0;
	}
	return 0;
}

static uint8_t no(const char **why, uint8_t reason, const char *words)
{
	if (!*why)
		*why = words;
	return reason;
}

/* The reason code for this filter; *why: the words for the first refusal of the packet. */
static uint8_t subscribe(struct conn *c, const struct request *rq, uint32_t identifier,
                         const char **why)
{
	struct server *srv = c->srv;
	struct session *s = c->session;
	struct sub *sub;
	bool part;

	if (!topic_filter_ok(rq->filter, srv->config.max_topic_bytes))
		return no(why, REASON_BAD_FILTER,
		          "topic filter is malformed, too long or too deep");
	if (topic_levels(rq->filter) > srv->config.max_topic_levels) {
		limit_session(s, LIMIT_topic, TOO_DEEP);
		return no(why, REASON_BAD_FILTER, TOO_DEEP);
	}
	const char *denied = acl_subscribe(s, rq->filter, &part);
	if (denied)
		return no(why, REASON_NOT_AUTHORIZED, denied);
	if ((s->n_subs >= srv->config.max_subscriptions ||
	     s->sub_bytes + trie_cost(rq->group, rq->filter) >
	             srv->config.max_subscription_bytes) &&
	    !trie_find(&srv->subs, s, rq->group, rq->filter)) {
		limit_session(s, LIMIT_subscriptions, TOO_MANY);
		return no(why, REASON_QUOTA, TOO_MANY);
	}
	int r = trie_add(&srv->subs, s, rq->group, rq->filter, &sub);
	if (r < 0)
		return no(why, REASON_UNSPECIFIED, "out of memory");
	metrics_move(srv->m.subscriptions, r);
	sub->qos = rq->qos;
	sub->no_local = rq->no_local;
	sub->as_published = rq->as_published;
	sub->identifier = identifier;
	sub->part = part;
	bool fresh = r == 1;
	if (!sub->shared && (rq->retain_handling == 0 || (rq->retain_handling == 1 && fresh)))
		retained_due(sub);
	keep_subscribed(s, sub);
	return rq->qos;
}

static void give(struct conn *c, uint16_t id, const uint8_t *codes, uint32_t n, const char *why)
{
	uint8_t buf[WRITER_HEAD + FILTERS_MAX + REASON_PROPERTIES_MAX + 8];
	struct writer w = writer_of(buf, sizeof(buf));

	writer_u16(&w, id);
	if (conn_is_v5(c))
		reason_put(&w, c, REASON_UNSPECIFIED, c->detail ? why : NULL, n);
	writer_bytes(&w, codes, n);
	struct sb_bytes packet = writer_seal(&w, PACKET_SUBACK << 4);
	if (keep_lasts(c->session))
		persist_send(c, packet);
	else
		conn_send(c, packet);
}

static int take_head(struct conn *c, struct cursor *in, uint16_t *id, uint32_t *identifier)
{
	struct properties props;

	*identifier = 0;
	*id = cursor_u16(in);
	if (in->bad || !*id)
		return conn_fail(c, REASON_MALFORMED, "malformed SUBSCRIBE");
	if (!conn_is_v5(c))
		return 0;
	uint8_t bad = properties_take(in, PACKET_SUBSCRIBE, &props);
	if (bad)
		return conn_fail(c, bad, "SUBSCRIBE: bad properties");
	*identifier = props.value[PROPERTY_SUBSCRIPTION_ID];
	return 0;
}

/* The whole packet first: what is malformed has no effect. */
static int check_requests(struct conn *c, struct cursor in)
{
	uint32_t n = 0;

	if (!cursor_left(&in))
		return conn_fail(c, REASON_PROTOCOL_ERROR, "SUBSCRIBE without a filter");
	while (cursor_left(&in)) {
		struct request rq = { 0 };
		if (n++ == c->srv->config.max_filters) {
			limit_session(c->session, LIMIT_filters, TOO_LONG);
			return conn_fail(c, REASON_QUOTA, TOO_LONG);
		}
		uint8_t bad = take_request(c, &in, &rq);
		if (bad)
			return conn_fail(c, bad, "malformed SUBSCRIBE");
	}
	return 0;
}

int subscribe_take(struct conn *c, const struct packet *p)
{
	struct cursor in = cursor_of(p->body);
	uint8_t codes[FILTERS_MAX];
	const char *why = NULL;
	uint32_t n = 0;
	uint32_t identifier;
	uint16_t id;

	int r = take_head(c, &in, &id, &identifier);
	if (r == 0)
		r = check_requests(c, in);
	if (r < 0)
		return r;
	if (!persist_ready(c->srv) && keep_lasts(c->session)) {
		server_stall(c->srv, c);
		return CONN_AGAIN;
	}
	while (cursor_left(&in)) {
		struct request rq = { 0 };
		take_request(c, &in, &rq);
		codes[n] = subscribe(c, &rq, identifier, &why);
		/* 3.1.1 has one code for every refusal. */
		if (codes[n] >= 0x80 && !conn_is_v5(c))
			codes[n] = 0x80;
		n++;
	}
	give(c, id, codes, n, why);
	/* What is retained follows the SUBACK. */
	if (!keep_lasts(c->session) || persist_is_done(c->srv, c->srv->persist.serial))
		inflight_pump(c->session);
	return 0;
}
