#include "quota.h"

#include <stdio.h>

#include "conn.h"
#include "limit.h"
#include "reason.h"
#include "server.h"
#include "session.h"

#define ROUNDS 32 /* of one call; the next tick goes on */

/* Of those who have something waiting; what is on its way is bounded by its window. */
static struct session *biggest(const struct sessions *all)
{
	struct session *most = NULL;

	for (uint32_t i = 0; i < all->cap; i++)
		for (struct session *s = all->buckets[i]; s; s = s->chain)
			if (s->out.tail > s->out.sent && (!most || s->out.bytes > most->out.bytes))
				most = s;
	return most;
}

static bool is_above(const struct server *srv, uint32_t bytes)
{
	return *srv->m.queued_bytes > bytes;
}

void quota_enforce(struct server *srv)
{
	uint32_t max = srv->config.max_total_queued_bytes;
	char why[160];

	if (!is_above(srv, max))
		return;
	/* Enough at once, so that the search for the biggest is rare. */
	for (int i = 0; i < ROUNDS && is_above(srv, max - max / 8); i++) {
		struct session *s = biggest(&srv->sessions);
		if (!s)
			return;
		snprintf(why, sizeof(why),
		         "queues of all sessions fill %u bytes (max-total-queued-bytes), this one "
		         "most",
		         max);
		uint32_t n = inflight_shed(s, s->out.bytes / 2);
		metrics_count(srv->m.publish_dropped, n);
		limit_session(s, LIMIT_total_queue, why);
		if (s->conn && s->conn->state == CONN_UP)
			conn_fail(s->conn, REASON_QUOTA, why);
	}
}
