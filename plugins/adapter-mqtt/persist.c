#include "persist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "connack.h"
#include "connect.h"
#include "inflight.h"
#include "packet.h"
#include "puback.h"
#include "reason.h"
#include "server.h"
#include "snapshot.h"

/* A record begins with what it is of a step that needs several. */
enum { WHOLE, FIRST_PART, PART, LAST_PART };

#define RECORD_MAX (SB_JOURNAL_RECORD_MAX - 1u)

struct persist_backlog {
	struct persist_backlog *next;
	size_t n;
	uint32_t serial;
	uint8_t p[];
};

void persist_init(struct persist *p, const struct sb_journal *journal)
{
	*p = (struct persist){ .journal = journal };
	p->items.prev = p->items.next = &p->items;
	p->last = &p->first;
}

void persist_fini(struct persist *p)
{
	while (p->first) {
		struct persist_backlog *b = p->first;
		p->first = b->next;
		free(b);
	}
	for (; p->head != p->tail; p->head++)
		free(p->waiters[p->head & (p->cap - 1)].packet);
	free(p->waiters);
	free(p->out.p);
	persist_init(p, NULL);
}

bool persist_is_done(const struct server *srv, uint64_t serial)
{
	return serial <= srv->persist.done;
}

bool persist_ready(const struct server *srv)
{
	return !srv->persist.first;
}

/* ---- to the host */

/* 0, or SB_AGAIN. */
static int append(struct server *srv, const uint8_t *p, size_t n, uint32_t serial)
{
	const struct sb_journal *journal = srv->persist.journal;
	bool part = p[0] == FIRST_PART || p[0] == PART;
	uint64_t position = 0;

	if (pending_room(&srv->pending))
		return SB_AGAIN;
	sb_token token = pending_push(&srv->pending, NULL, serial, part, false);
	int r = journal->append(srv->host, (struct sb_bytes){ p, n }, token, &position);
	if (r == SB_PENDING) {
		metrics_move(srv->m.pending_acks, 1);
		metrics_count(srv->m.journal_records, 1);
		metrics_count(srv->m.journal_bytes, n);
		/* Never lower than what the host counts, or too much would be given back. */
		if (!srv->persist.first && position > srv->persist.position)
			srv->persist.position = position;
		return 0;
	}
	pending_undo(&srv->pending);
	if (r != SB_AGAIN)
		server_log(srv, SB_LOG_ERROR, "sessions cannot be kept: %s", sb_strerror(r));
	return SB_AGAIN;
}

/* The ring is full: what waits is bounded by what was promised, and nothing new is begun. */
static void put_aside(struct server *srv, const uint8_t *p, size_t n, uint32_t serial)
{
	struct persist *ps = &srv->persist;
	struct persist_backlog *b = malloc(sizeof(*b) + n);

	if (!b) {
		ps->broken = true;
		snapshot_all(srv);
		return;
	}
	b->next = NULL;
	b->n = n;
	b->serial = serial;
	memcpy(b->p, p, n);
	*ps->last = b;
	ps->last = &b->next;
}

/* One record; p[-1] may be written. */
static void hand_over(struct server *srv, uint8_t *p, size_t n, uint8_t part, uint64_t serial)
{
	struct persist *ps = &srv->persist;
	uint8_t *from = p - 1;
	uint8_t before = *from;

	*from = part;
	ps->position++;
	ps->bytes += n;
	if (ps->first || append(srv, from, n + 1, (uint32_t)serial) == SB_AGAIN)
		put_aside(srv, from, n + 1, (uint32_t)serial);
	*from = before;
}

bool persist_resume(struct server *srv)
{
	struct persist *ps = &srv->persist;

	while (ps->first) {
		struct persist_backlog *b = ps->first;
		if (append(srv, b->p, b->n, b->serial) == SB_AGAIN)
			return false;
		ps->first = b->next;
		if (!ps->first)
			ps->last = &ps->first;
		free(b);
	}
	return true;
}

/* ---- steps */

void persist_begin(struct server *srv)
{
	struct persist *ps = &srv->persist;

	/* Room for what a record is of its step, in front of the first change. */
	if (!ps->depth++ && ps->journal && !ps->out.n) {
		record_u8(&ps->out, 0);
		ps->at = ps->out.n;
	}
}

/* A step too long for one record: it counts only if all of them are there. */
static void hand_over_parts(struct server *srv, uint8_t *p, size_t n)
{
	struct persist *ps = &srv->persist;
	uint8_t part = FIRST_PART;

	for (; n > RECORD_MAX; part = PART) {
		hand_over(srv, p, RECORD_MAX, part, ps->serial);
		p += RECORD_MAX;
		n -= RECORD_MAX;
	}
	hand_over(srv, p, n, LAST_PART, ps->serial);
}

static void empty(struct persist *ps)
{
	ps->out.n = ps->at = 0;
	/* What one long step needed is not kept for ever. */
	if (ps->out.cap > 16 * RECORD_MAX) {
		free(ps->out.p);
		ps->out = (struct record_out){ 0 };
	}
}

bool persist_commit(struct server *srv)
{
	struct persist *ps = &srv->persist;
	struct record_out *out = &ps->out;

	if (--ps->depth || !ps->journal)
		return false;
	if (out->bad) {
		/* No memory for it: whoever waits hears that it is not kept. */
		out->bad = false;
		out->n = ps->at;
		ps->lost = ++ps->serial;
		server_log(srv, SB_LOG_ERROR, "no memory for the records of sessions");
		snapshot_all(srv);
		return true;
	}
	if (out->n == ps->at)
		return false;
	if (out->n > RECORD_MAX && ps->at > 1) {
		hand_over(srv, out->p + 1, ps->at - 1, WHOLE, ps->serial);
		memmove(out->p + 1, out->p + ps->at, out->n - ps->at);
		out->n -= ps->at - 1;
	}
	ps->serial++;
	ps->at = out->n;
	if (out->n > RECORD_MAX) {
		hand_over_parts(srv, out->p + 1, out->n - 1);
		empty(ps);
	}
	return true;
}

void persist_flush(struct server *srv)
{
	struct persist *ps = &srv->persist;

	if (ps->depth || ps->at <= 1)
		return;
	hand_over(srv, ps->out.p + 1, ps->at - 1, WHOLE, ps->serial);
	empty(ps);
}

/* ---- promises */

static bool grow(struct persist *ps)
{
	uint32_t cap = ps->cap ? ps->cap * 2 : 64;
	struct persist_waiter *ring = malloc(cap * sizeof(*ring));

	if (!ring)
		return false;
	for (uint64_t i = ps->head; i < ps->tail; i++)
		ring[i & (cap - 1)] = ps->waiters[i & (ps->cap - 1)];
	free(ps->waiters);
	ps->waiters = ring;
	ps->cap = cap;
	return true;
}

static bool wait_for(struct conn *c, uint8_t promise, uint32_t ref, uint8_t *packet)
{
	struct persist *ps = &c->srv->persist;
	uint64_t serial = ps->serial + (ps->depth != 0);

	if (serial <= ps->lost || (ps->tail - ps->head == ps->cap && !grow(ps))) {
		conn_fail(c, REASON_UNSPECIFIED, "out of memory");
		return false;
	}
	ps->waiters[ps->tail++ & (ps->cap - 1)] = (struct persist_waiter){
		.serial = serial,
		.conn = c,
		.packet = packet,
		.ref = ref,
		.promise = promise,
	};
	c->n_pinned++;
	return true;
}

uint64_t persist_promise(struct conn *c, uint8_t promise, uint32_t ref)
{
	const struct persist *ps = &c->srv->persist;

	wait_for(c, promise, ref, NULL);
	return ps->serial + (ps->depth != 0);
}

void persist_acknowledge(struct conn *c, uint32_t ref)
{
	acks_more(c, ref);
	persist_promise(c, PERSIST_ACK, ref);
}

void persist_send(struct conn *c, struct sb_bytes packet)
{
	struct persist *ps = &c->srv->persist;

	if (ps->done == ps->serial) {
		conn_send(c, packet);
		return;
	}
	uint8_t *copy = malloc(packet.n);
	if (!copy) {
		conn_fail(c, REASON_UNSPECIFIED, "out of memory");
		return;
	}
	memcpy(copy, packet.p, packet.n);
	if (!wait_for(c, PERSIST_PACKET, (uint32_t)packet.n, copy))
		free(copy);
}

static void keep_promise(const struct persist_waiter *w)
{
	struct conn *c = w->conn;
	bool up = c->state == CONN_UP;

	switch ((enum persist_promise)w->promise) {
	case PERSIST_ACK:
		acks_done(c, w->ref, REASON_SUCCESS);
		break;
	case PERSIST_PUBREL:
		if (up)
			puback_give(c, PACKET_PUBREL, (uint16_t)w->ref, REASON_SUCCESS, NULL);
		break;
	case PERSIST_PUBCOMP:
		if (up)
			puback_give(c, PACKET_PUBCOMP, (uint16_t)w->ref, REASON_SUCCESS, NULL);
		break;
	case PERSIST_CONNACK:
		connect_finish(c, w->ref != 0);
		break;
	case PERSIST_PACKET:
		conn_send(c, (struct sb_bytes){ w->packet, w->ref });
		break;
	case PERSIST_PUMP:
		break;
	}
	if (c->state == CONN_UP && c->session && c->session->conn == c)
		inflight_pump(c->session);
}

static void break_promise(const struct persist_waiter *w)
{
	struct conn *c = w->conn;

	if (w->promise == PERSIST_ACK)
		acks_fail(c, w->ref);
	if (c->state >= CONN_CLOSING)
		return;
	if (w->promise == PERSIST_CONNACK)
		connack_refuse(c, REASON_BUSY, "sessions cannot be stored now");
	else
		conn_fail_storage(c, REASON_UNSPECIFIED, "the session could not be stored");
	conn_leave(c, true, SB_DOWN_KICKED, "storage failed");
}

void persist_completed(struct server *srv, uint32_t serial, int32_t status, bool part)
{
	struct persist *ps = &srv->persist;
	int32_t more = (int32_t)(serial - (uint32_t)ps->done);

	if (ps->broken)
		status = -ENOMEM;
	ps->broken = false;
	/* What is in memory is not what the journal says any more. */
	if (status < 0)
		snapshot_all(srv);
	if (more <= 0 || (part && status >= 0))
		return;
	ps->done += (uint32_t)more;
	while (ps->head != ps->tail) {
		struct persist_waiter w = ps->waiters[ps->head & (ps->cap - 1)];
		if (w.serial > ps->done)
			break;
		ps->head++;
		w.conn->n_pinned--;
		if (status < 0)
			break_promise(&w);
		else
			keep_promise(&w);
		free(w.packet);
		if (w.conn->state >= CONN_CLOSING)
			conn_settle(w.conn);
	}
}
