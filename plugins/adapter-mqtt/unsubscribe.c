#include "unsubscribe.h"

#include "conn.h"
#include "keep.h"
#include "packet.h"
#include "properties.h"
#include "reason.h"
#include "server.h"
#include "topic.h"

#define FILTERS_MAX 1024

static uint8_t unsubscribe(struct conn *c, struct sb_str filter)
{
	struct server *srv = c->srv;
	struct topic_share share = { { NULL, 0 }, filter };

	if (topic_share_parse(filter, &share) < 0 ||
	    !topic_filter_ok(share.filter, srv->config.max_topic_bytes))
		return REASON_BAD_FILTER;
	struct sub *sub = trie_find(&srv->subs, c->session, share.group, share.filter);
	if (!sub)
		return REASON_NO_SUBSCRIPTION;
	keep_unsubscribed(c->session, sub);
	trie_remove(&srv->subs, sub);
	metrics_move(srv->m.subscriptions, -1);
	return REASON_SUCCESS;
}

static void give(struct conn *c, uint16_t id, const uint8_t *codes, uint32_t n)
{
	uint8_t buf[WRITER_HEAD + FILTERS_MAX + REASON_PROPERTIES_MAX + 8];
	bool bad = memchr(codes, REASON_BAD_FILTER, n);
	struct writer w = writer_of(buf, sizeof(buf));

	writer_u16(&w, id);
	if (conn_is_v5(c)) {
		reason_put(&w, c, REASON_UNSPECIFIED,
		           bad && c->detail ? "topic filter is malformed" : NULL, n);
		writer_bytes(&w, codes, n);
	}
	struct sb_bytes packet = writer_seal(&w, PACKET_UNSUBACK << 4);
	if (keep_lasts(c->session))
		persist_send(c, packet);
	else
		conn_send(c, packet);
}

/* The whole packet first: what is malformed has no effect. */
static int check_filters(struct conn *c, struct cursor in)
{
	if (!cursor_left(&in))
		return conn_fail(c, REASON_PROTOCOL_ERROR, "UNSUBSCRIBE without a filter");
	for (uint32_t n = 0; cursor_left(&in); n++) {
		if (n == FILTERS_MAX)
			return conn_fail(c, REASON_QUOTA, "too many filters in one UNSUBSCRIBE");
		cursor_string(&in);
		if (in.bad)
			return conn_fail(c, REASON_MALFORMED, "malformed UNSUBSCRIBE");
	}
	return 0;
}

int unsubscribe_take(struct conn *c, const struct packet *p)
{
	struct cursor in = cursor_of(p->body);
	uint8_t codes[FILTERS_MAX];
	uint32_t n = 0;
	uint16_t id = cursor_u16(&in);

	if (in.bad || !id)
		return conn_fail(c, REASON_MALFORMED, "malformed UNSUBSCRIBE");
	if (conn_is_v5(c)) {
		struct properties props;
		uint8_t bad = properties_take(&in, PACKET_UNSUBSCRIBE, &props);
		if (bad)
			return conn_fail(c, bad, "UNSUBSCRIBE: bad properties");
	}
	int r = check_filters(c, in);
	if (r < 0)
		return r;
	if (!persist_ready(c->srv) && keep_lasts(c->session)) {
		server_stall(c->srv, c);
		return CONN_AGAIN;
	}
	while (cursor_left(&in))
		codes[n++] = unsubscribe(c, cursor_string(&in));
	give(c, id, codes, n);
	return 0;
}
