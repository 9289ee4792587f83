#include <errno.h>

#include "inflight_entry.h"
#include "keep.h"
#include "message.h"
#include "server.h"

void inflight_forget(struct session *s)
{
	struct inflight *f = &s->out;

	for (uint64_t n = f->head; n < f->tail; n++) {
		keep_let_go(s, inflight_at(f, n));
		inflight_at(f, n)->kept = false;
	}
}

int inflight_restore(struct session *s, uint64_t position, const struct inflight_entry *e,
                     bool released)
{
	struct inflight *f = &s->out;

	if (f->head == f->tail)
		f->head = f->sent = f->tail = position;
	if (position < f->tail || position - f->head >= INFLIGHT_MAX)
		return SB_E_QUOTA;
	while (f->tail <= position) {
		if (f->tail - f->head == f->cap && inflight_grow(f) < 0)
			return -ENOMEM;
		*inflight_at(f, f->tail++) = (struct inflight_entry){ .state = INFLIGHT_DONE };
	}
	struct inflight_entry *to = inflight_at(f, position);
	*to = *e;
	to->state = released ? INFLIGHT_WANTS_PUBCOMP : INFLIGHT_WAITING;
	to->charge = e->msg ? message_size(e->msg) + INFLIGHT_COST : 0;
	if (e->ids)
		to->charge += e->ids->n * 4;
	f->bytes += to->charge;
	metrics_move(s->srv->m.queued_bytes, to->charge);
	return 0;
}

void inflight_restored(struct session *s, uint64_t sent)
{
	struct inflight *f = &s->out;

	for (uint64_t n = f->head; n < f->tail; n++)
		if (inflight_at(f, n)->state == INFLIGHT_WANTS_PUBCOMP && n >= sent)
			sent = n + 1; /* it was sent: there is an answer to it */
	for (uint64_t n = f->head; n < f->tail && n < sent; n++)
		if (inflight_at(f, n)->state == INFLIGHT_WAITING)
			inflight_at(f, n)->state = inflight_at(f, n)->qos == 1
			                                   ? INFLIGHT_WANTS_PUBACK
			                                   : INFLIGHT_WANTS_PUBREC;
	f->sent = sent < f->head ? f->head : sent < f->tail ? sent : f->tail;
	f->resend = f->sent;
}
