#include "inflight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acl.h"
#include "conn.h"
#include "inflight_entry.h"
#include "keep.h"
#include "message.h"
#include "outgoing.h"
#include "packet.h"
#include "puback.h"
#include "reason.h"
#include "server.h"

#define ID_SPAN 65535

static uint64_t position_of(const struct inflight *f, const struct inflight_entry *e)
{
	return f->head + (((uint64_t)(e - f->ring) - f->head) & (f->cap - 1));
}

static uint16_t id_of(uint64_t n)
{
	return (uint16_t)(n % ID_SPAN + 1);
}

static bool online(const struct session *s)
{
	return s->conn && s->conn->state == CONN_UP;
}

/* ---- the ring */

int inflight_grow(struct inflight *f)
{
	uint32_t cap = f->cap ? f->cap * 2 : 4;

	if (cap > INFLIGHT_MAX)
		return SB_E_QUOTA;
	struct inflight_entry *ring = malloc(cap * sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	for (uint64_t n = f->head; n < f->tail; n++)
		ring[n & (cap - 1)] = *inflight_at(f, n);
	free(f->ring);
	f->ring = ring;
	f->cap = cap;
	return 0;
}

static void drop(struct session *s, struct inflight_entry *e)
{
	struct inflight *f = &s->out;

	f->bytes -= e->charge;
	metrics_move(s->srv->m.queued_bytes, -(int64_t)e->charge);
	e->charge = 0;
	keep_let_go(s, e);
	message_unref(e->msg);
	e->msg = NULL;
	free(e->ids);
	e->ids = NULL;
}

static void finish(struct session *s, struct inflight_entry *e)
{
	struct inflight *f = &s->out;

	drop(s, e);
	keep_done(s, position_of(f, e), e);
	e->kept = false;
	if (e->open)
		f->open--;
	e->open = false;
	e->state = INFLIGHT_DONE;
	while (f->head < f->sent && inflight_at(f, f->head)->state == INFLIGHT_DONE)
		f->head++;
	if (f->resend < f->head)
		f->resend = f->head;
	if (f->head == f->tail && f->cap > 64) {
		free(f->ring);
		f->ring = NULL;
		f->cap = 0;
	}
}

static int push(struct session *s, const struct inflight_entry *e)
{
	struct inflight *f = &s->out;

	if (f->tail - f->head == f->cap) {
		int r = inflight_grow(f);
		if (r < 0)
			return r;
	}
	struct inflight_entry *to = inflight_at(f, f->tail);
	*to = *e;
	f->bytes += e->charge;
	metrics_move(s->srv->m.queued_bytes, e->charge);
	keep_queued(s, f->tail++, to);
	return 0;
}

static struct inflight_ids *copy_ids(const struct inflight_delivery *d)
{
	struct inflight_ids *ids = malloc(sizeof(*ids) + d->n_ids * sizeof(uint32_t));

	if (ids) {
		ids->n = d->n_ids;
		memcpy(ids->id, d->ids, d->n_ids * sizeof(uint32_t));
	}
	return ids;
}

int inflight_queue(struct session *s, struct message *msg, const struct inflight_delivery *d)
{
	const struct config *config = &s->srv->config;
	struct inflight *f = &s->out;
	uint32_t charge = message_size(msg) + INFLIGHT_COST + d->n_ids * 4;

	if (f->bytes + charge > config->max_queued_bytes && f->tail != f->sent)
		return SB_E_QUOTA;
	if (f->tail - f->sent >= config->max_queued_messages)
		return SB_E_QUOTA;
	struct inflight_entry e = {
		.charge = charge, .share = d->share, .qos = d->qos, .retain = d->retain
	};
	if (d->n_ids) {
		e.ids = copy_ids(d);
		if (!e.ids)
			return -ENOMEM;
	}
	e.msg = message_ref(msg);
	int r = push(s, &e);
	if (r < 0) {
		message_unref(msg);
		free(e.ids);
	}
	return r;
}

/* ---- sending */

static int send_entry(struct session *s, const struct inflight_entry *e, const struct publish *p,
                      uint16_t id, bool dup)
{
	struct outgoing o = { .qos = e->qos, .retain = e->retain, .dup = dup, .id = id };

	if (e->ids) {
		o.n_ids = e->ids->n;
		o.ids = e->ids->id;
	}
	return outgoing_send(s->conn, p, &o);
}

static void sent(struct inflight *f, struct inflight_entry *e)
{
	e->state = e->qos == 1 ? INFLIGHT_WANTS_PUBACK : INFLIGHT_WANTS_PUBREC;
	e->open = true;
	f->open++;
}

/* A QoS 2 message is sent under an identifier that is on disk with it: after a restart no other may
 * be sent as the one the client believes to have. */
static bool must_wait(struct session *s, const struct inflight_entry *e)
{
	struct conn *c = s->conn;

	if (!e->kept || e->qos != 2 || persist_is_done(s->srv, e->serial))
		return false;
	if (persist_is_done(s->srv, c->pumped))
		c->pumped = persist_promise(c, PERSIST_PUMP, 0);
	return true;
}

/* The next waiting entry: 0 sent or dropped, SB_AGAIN. */
static int send_next(struct session *s)
{
	struct inflight *f = &s->out;
	struct inflight_entry *e = inflight_at(f, f->sent);
	struct publish p;

	if (!e->msg) { /* left out when the others were restored */
		f->sent++;
		f->resend = f->sent;
		finish(s, e);
		return 0;
	}
	if (must_wait(s, e))
		return SB_AGAIN;
	message_view(e->msg, &p);
	int r = -ETIME;
	if ((!p.expires_s || p.expires_s > server_utc_s(s->srv)) &&
	    (f->sent >= f->suspect || acl_reads(s, p.topic)))
		r = send_entry(s, e, &p, e->qos ? id_of(f->sent) : 0, false);
	if (r == SB_AGAIN)
		return r;
	f->sent++;
	f->resend = f->sent;
	if (r < 0)
		metrics_count(s->srv->m.publish_dropped, 1);
	if (r < 0 || !e->qos) {
		finish(s, e);
		return 0;
	}
	sent(f, e);
	/* Without a session to come back to, nobody will ask for it again but the group. */
	if (!s->expiry_s && !e->share)
		drop(s, e);
	return 0;
}

static int send_again(struct session *s)
{
	struct inflight *f = &s->out;
	struct inflight_entry *e = inflight_at(f, f->resend);
	uint16_t id = id_of(f->resend);
	struct publish p;
	int r = 0;

	if (e->state == INFLIGHT_WANTS_PUBCOMP)
		puback_give(s->conn, PACKET_PUBREL, id, REASON_SUCCESS, NULL);
	if ((e->state == INFLIGHT_WANTS_PUBACK || e->state == INFLIGHT_WANTS_PUBREC) && e->msg) {
		if (f->open >= s->conn->window)
			return SB_AGAIN;
		message_view(e->msg, &p);
		r = send_entry(s, e, &p, id, true);
		if (r == SB_AGAIN)
			return r;
		e->open = true;
		f->open++;
	}
	f->resend++;
	if (r < 0)
		finish(s, e);
	return 0;
}

void inflight_pump(struct session *s)
{
	struct inflight *f = &s->out;

	while (online(s)) {
		if (f->resend < f->sent) {
			if (send_again(s) == SB_AGAIN)
				return;
			continue;
		}
		if (f->sent == f->tail) {
			if (!s->n_retained_due || !retained_pump(s))
				return;
			continue;
		}
		if (inflight_at(f, f->sent)->qos && f->open >= s->conn->window)
			return;
		if (send_next(s) == SB_AGAIN)
			return;
	}
}

void inflight_resume(struct session *s)
{
	struct inflight *f = &s->out;

	for (uint64_t n = f->head; n < f->sent; n++)
		inflight_at(f, n)->open = false;
	f->open = 0;
	f->resend = f->head;
}

/* ---- delivering */

static void lost(struct session *s)
{
	metrics_count(s->srv->m.publish_dropped, 1);
	if (s->speaks_for)
		s->srv->devices->fate(s->srv->host, s->speaks_for, SB_FATE_DROPPED,
		                      SB_STR("subscriber queue is full"));
}

static int send_now(struct session *s, struct route *rt, const struct inflight_delivery *d,
                    uint16_t id)
{
	struct outgoing o = {
		.qos = d->qos, .retain = d->retain, .id = id, .n_ids = d->n_ids, .ids = d->ids
	};

	return outgoing_share(s->conn, rt, &o);
}

/* Nothing is waiting and the client has room: send at once. 1: it has to be queued. */
static int deliver_now(struct session *s, struct route *rt, const struct inflight_delivery *d)
{
	struct inflight *f = &s->out;

	if (!online(s) || f->tail != f->resend || f->open >= s->conn->window || s->n_retained_due)
		return 1;
	if (d->qos == 2 && keep_lasts(s))
		return 1;
	if (f->tail - f->head == f->cap && inflight_grow(f) < 0)
		return 1;
	int r = send_now(s, rt, d, id_of(f->tail));
	if (r == SB_AGAIN)
		return 1;
	if (r < 0)
		return r;
	struct inflight_entry e = { .share = d->share, .qos = d->qos, .retain = d->retain };
	if ((s->expiry_s || d->share) && route_message(rt)) {
		e.msg = message_ref(rt->msg);
		e.charge = message_size(rt->msg) + INFLIGHT_COST + d->n_ids * 4;
		e.ids = d->n_ids ? copy_ids(d) : NULL;
	}
	push(s, &e);
	sent(f, inflight_at(f, f->sent));
	f->sent++;
	f->resend = f->sent;
	return 0;
}

int inflight_offer(struct session *s, struct route *rt, const struct inflight_delivery *d)
{
	if (d->qos)
		return deliver_now(s, rt, d);
	return online(s) && !s->n_retained_due ? send_now(s, rt, d, 0) : 1;
}

void inflight_deliver(struct session *s, struct route *rt, const struct inflight_delivery *d)
{
	int r;

	if (d->qos == 0) {
		if (online(s) && send_now(s, rt, d, 0) != 0)
			lost(s);
		return;
	}
	if (!online(s) && !s->expiry_s)
		return;
	r = deliver_now(s, rt, d);
	if (r == 1)
		r = route_message(rt) ? inflight_queue(s, rt->msg, d) : -ENOMEM;
	if (r == 0 && d->qos == 2 && keep_lasts(s))
		inflight_pump(s); /* which waits for the disk, where deliver_now() did not */
	if (r == 0)
		return;
	lost(s);
	limit_count(s->srv, LIMIT_queue);
	if (r == SB_E_QUOTA && online(s)) {
		metrics_count(s->srv->m.slow_subscribers, 1);
		conn_fail(s->conn, REASON_QUOTA,
		          "messages are not read fast enough: queue is full (max-queued-bytes, "
		          "max-queued-messages)");
	}
}

/* ---- acknowledgements */

/* The entry that was sent with this identifier on this connection, or NULL. */
static struct inflight_entry *find(const struct inflight *f, uint16_t id)
{
	if (f->head == f->resend)
		return NULL;
	uint64_t n = f->head + (uint32_t)(id + ID_SPAN - id_of(f->head)) % ID_SPAN;
	return n < f->resend ? inflight_at(f, n) : NULL;
}

int inflight_puback(struct session *s, uint16_t id)
{
	struct inflight_entry *e = find(&s->out, id);

	if (!e || e->state != INFLIGHT_WANTS_PUBACK)
		return 1;
	finish(s, e);
	return 0;
}

int inflight_pubrec(struct session *s, uint16_t id, uint8_t reason)
{
	struct inflight_entry *e = find(&s->out, id);

	if (!e || (e->state != INFLIGHT_WANTS_PUBREC && e->state != INFLIGHT_WANTS_PUBCOMP))
		return 1;
	if (reason >= 0x80) {
		finish(s, e);
		return 0;
	}
	if (e->state == INFLIGHT_WANTS_PUBREC)
		keep_released(s, position_of(&s->out, e), e);
	drop(s, e);
	e->state = INFLIGHT_WANTS_PUBCOMP;
	return 0;
}

int inflight_pubcomp(struct session *s, uint16_t id)
{
	struct inflight_entry *e = find(&s->out, id);

	if (!e || e->state != INFLIGHT_WANTS_PUBCOMP)
		return 1;
	finish(s, e);
	return 0;
}

void inflight_shared(struct session *s,
                     void (*fn)(struct session *s, const struct inflight_entry *e))
{
	struct inflight *f = &s->out;

	for (uint64_t n = f->head; n < f->tail; n++) {
		const struct inflight_entry *e = inflight_at(f, n);
		bool begun = n < f->sent && e->state != INFLIGHT_WANTS_PUBACK;
		if (e->share && e->msg && !begun)
			fn(s, e);
	}
}

uint32_t inflight_shed(struct session *s, uint32_t bytes)
{
	struct inflight *f = &s->out;
	uint32_t goal = f->bytes > bytes ? f->bytes - bytes : 0;
	uint32_t n = 0;

	for (; f->sent < f->tail && f->bytes > goal; n++) {
		struct inflight_entry *e = inflight_at(f, f->sent);
		if (f->resend == f->sent)
			f->resend++;
		f->sent++;
		finish(s, e);
	}
	return n;
}

void inflight_clear(struct session *s)
{
	struct inflight *f = &s->out;

	for (uint64_t n = f->head; n < f->tail; n++)
		drop(s, inflight_at(f, n));
	free(f->ring);
	memset(f, 0, sizeof(*f));
}
