#include "acks.h"

#include <errno.h>
#include <stdlib.h>

#include "conn.h"
#include "keep.h"
#include "puback.h"
#include "reason.h"
#include "server.h"

#define PENDING_MAX (1u << 20)

int pending_room(struct pending *p)
{
	uint32_t n = (uint32_t)(p->tail - p->head);

	if (n < p->cap)
		return 0;
	if (p->cap == PENDING_MAX)
		return SB_AGAIN;
	uint32_t cap = p->cap ? p->cap * 2 : 256;
	struct pending_entry *ring = malloc(cap * sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	for (uint64_t i = p->head; i < p->tail; i++)
		ring[i & (cap - 1)] = p->ring[i & (p->cap - 1)];
	free(p->ring);
	p->ring = ring;
	p->cap = cap;
	return 0;
}

sb_token pending_push(struct pending *p, struct conn *c, uint32_t ref, uint8_t qos, bool windowed)
{
	p->ring[p->tail & (p->cap - 1)] = (struct pending_entry){ c, ref, qos, windowed, false };
	return p->tail++;
}

void pending_undo(struct pending *p)
{
	p->tail--;
}

void pending_mute(struct pending *p)
{
	p->ring[(p->tail - 1) & (p->cap - 1)].muted = true;
}

void pending_fini(struct pending *p)
{
	free(p->ring);
	*p = (struct pending){ 0 };
}

/* What could not be stored is not acknowledged: the client goes, and sends it again later. */
static void fail(struct conn *c, const struct pending_entry *e)
{
	struct server *srv = c->srv;
	struct session *s = c->session;
	uint16_t id = (uint16_t)e->ref;

	metrics_count(srv->m.publish_failed, 1);
	if (e->windowed && c->acks)
		id = c->acks->ring[e->ref & (c->acks->cap - 1)].id;
	if (e->qos == 2 && s) {
		id_set_remove(&s->received, id);
		keep_answered(s, id);
	}
	if (c->state == CONN_UP) {
		conn_fail_storage(c, REASON_UNSPECIFIED, "the message could not be stored");
		conn_leave(c, true, SB_DOWN_KICKED, "storage failed");
	}
}

/* Few enough are left: read on. None is left and the server stops: that was it. */
static void relax(struct conn *c)
{
	if (c->srv->draining && c->state == CONN_UP && !acks_waiting(c))
		server_part(c);
	if (c->hold & CONN_HOLD_ACKS && acks_waiting(c) <= c->srv->config.max_unacked / 2)
		conn_release(c, CONN_HOLD_ACKS);
}

static void complete(struct conn *c, const struct pending_entry *e, int32_t status)
{
	if (status < 0)
		fail(c, e);
	if (e->windowed) {
		c->n_pinned--;
		if (status >= 0)
			acks_done(c, e->ref, REASON_SUCCESS);
	} else {
		c->n_direct--;
		if (status >= 0 && c->state == CONN_UP && !e->muted)
			puback_finish(c, (uint16_t)e->ref, e->qos, REASON_SUCCESS, NULL);
		if (!c->n_direct && c->acks)
			acks_flush(c);
	}
	relax(c);
	if (c->state == CONN_CLOSED || c->state == CONN_CLOSING)
		conn_settle(c);
}

void pending_completed(struct server *srv, const struct sb_completion *done, uint32_t n)
{
	struct pending *p = &srv->pending;

	for (uint32_t i = 0; i < n; i++) {
		if (p->head == p->tail || done[i].token != p->head) {
			server_log(srv, SB_LOG_ERROR, "completion out of order");
			continue;
		}
		struct pending_entry e = p->ring[p->head++ & (p->cap - 1)];
		/* Its memory is long cold: what comes after the next is fetched meanwhile. */
		const char *soon = (const char *)p->ring[(p->head + 1) & (p->cap - 1)].conn;
		__builtin_prefetch(soon);
		__builtin_prefetch(soon + offsetof(struct conn, n_direct));
		if (e.conn)
			complete(e.conn, &e, done[i].status);
		else
			persist_completed(srv, e.ref, done[i].status, e.qos);
	}
	persist_flush(srv);
	metrics_move(srv->m.pending_acks, -(int64_t)n);
}

/* ---- the window of one connection */

uint32_t acks_waiting(const struct conn *c)
{
	return c->n_direct + (c->acks ? c->acks->tail - c->acks->head : 0);
}

struct acks *acks_free(struct acks *acks)
{
	if (acks)
		free(acks->ring);
	free(acks);
	return NULL;
}

static int push(struct conn *c, const struct ack *ack)
{
	if (!c->acks)
		c->acks = calloc(1, sizeof(*c->acks));
	struct acks *a = c->acks;
	if (!a)
		return -ENOMEM;
	if (a->tail - a->head == a->cap) {
		uint32_t cap = a->cap ? a->cap * 2 : 8;
		struct ack *ring = malloc(cap * sizeof(*ring));
		if (!ring)
			return -ENOMEM;
		for (uint32_t i = a->head; i != a->tail; i++)
			ring[i & (cap - 1)] = a->ring[i & (a->cap - 1)];
		free(a->ring);
		a->ring = ring;
		a->cap = cap;
	}
	a->ring[a->tail++ & (a->cap - 1)] = *ack;
	return 0;
}

void acks_give(struct conn *c, uint16_t id, uint8_t qos, uint8_t reason, const char *why)
{
	if (!c->n_direct && !c->acks) {
		puback_finish(c, id, qos, reason, why);
		return;
	}
	if (push(c, &(struct ack){ id, qos, reason, 0 }) < 0)
		conn_fail(c, REASON_UNSPECIFIED, "out of memory");
	else
		acks_flush(c);
}

int acks_reserve(struct conn *c, uint16_t id, uint8_t qos, uint8_t waits, uint32_t *ref)
{
	int r = push(c, &(struct ack){ id, qos, REASON_SUCCESS, waits });
	if (r < 0)
		return r;
	*ref = c->acks->tail - 1;
	return 0;
}

void acks_undo(struct conn *c)
{
	c->acks->tail--;
	acks_flush(c);
}

void acks_done(struct conn *c, uint32_t ref, uint8_t reason)
{
	if (!c->acks)
		return;
	struct ack *ack = &c->acks->ring[ref & (c->acks->cap - 1)];
	ack->waits--;
	if (reason > ack->reason)
		ack->reason = reason;
	acks_flush(c);
}

void acks_more(struct conn *c, uint32_t ref)
{
	c->acks->ring[ref & (c->acks->cap - 1)].waits++;
}

void acks_fail(struct conn *c, uint32_t ref)
{
	const struct ack *ack = c->acks ? &c->acks->ring[ref & (c->acks->cap - 1)] : NULL;

	metrics_count(c->srv->m.publish_failed, 1);
	if (ack && ack->qos == 2 && c->session) {
		id_set_remove(&c->session->received, ack->id);
		keep_answered(c->session, ack->id);
	}
}

void acks_flush(struct conn *c)
{
	struct acks *a = c->acks;

	if (!a || c->n_direct)
		return;
	while (a->head != a->tail) {
		struct ack ack = a->ring[a->head & (a->cap - 1)];
		if (ack.waits)
			return;
		a->head++;
		if (c->state == CONN_UP)
			puback_finish(c, ack.id, ack.qos, ack.reason, NULL);
	}
	c->acks = acks_free(a);
	relax(c);
}
