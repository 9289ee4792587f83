#include "ingest/complete.h"

#include <signalbox/error.h>

#include "host/instance.h"
#include "ingest/records.h"
#include "ingest/state.h"
#include "journal/journal.h"

enum { AT_ONCE = 128 };

/* Back-pressure ends when a quarter of the ring and of the waiting list is free. */
static bool has_room(struct producer *p)
{
	return p->ring && journal_ring_space(p->ring) >= p->ingest->config.ring_bytes / 4 &&
	       p->n_pending <= 65536 / 4 * 3;
}

void complete_writable(struct producer *p)
{
	struct frame f;
	p->blocked = false;
	if (!SB_HAS(p->source, writable))
		return;
	frame_enter(&f, p->instance, "source.writable");
	p->source->writable(p->self);
	frame_leave(&f);
}

static int32_t status_of(const struct producer *p, const struct state_pending *m, uint64_t before,
                         int r)
{
	uint32_t epoch = atomic_load_explicit(&p->ingest->epoch, memory_order_relaxed) & INT32_MAX;
	if (m->ticket > before && r < 0)
		return r;
	/* Its rows were said to be there already, and then some did not get to the disk. */
	if (m->leans && m->epoch != epoch)
		return SB_E_DEGRADED;
	return 0;
}

/* Messages whose records are all decided, p->done of them with fate r since `before`. */
static void tell(struct producer *p, uint64_t before, int r)
{
	struct sb_completion done[AT_ONCE];
	while (p->n_pending && !p->stopped) {
		uint32_t n = 0;
		while (n < AT_ONCE && p->n_pending) {
			const struct state_pending *m = &p->pending[p->pending_at];
			if (m->ticket > p->done)
				break;
			done[n++] = (struct sb_completion){
				.token = m->token,
				.status = status_of(p, m, before, r),
				.rejected = m->rejected,
			};
			p->pending_at = (p->pending_at + 1) & (p->pending_cap - 1);
			p->n_pending--;
		}
		if (!n)
			return;
		struct frame f;
		frame_enter(&f, p->instance, "source.completed");
		p->source->completed(p->self, done, n);
		frame_leave(&f);
	}
}

void complete_now(struct producer *p)
{
	bool first = true;
	while (!p->stopped && p->ring) {
		int r;
		uint64_t before = p->done;
		p->done = journal_ring_done(p->ring, &r);
		if (r < 0)
			atomic_fetch_add(&p->ingest->epoch, 1);
		if (p->done == before && !first)
			break;
		first = false;
		records_decided(p, before, r);
		tell(p, before, r);
	}
	if (p->blocked && !p->stopped && has_room(p))
		complete_writable(p);
}

static void complete_task(void *ud)
{
	struct producer *p = ud;
	atomic_store(&p->posted, false);
	complete_now(p);
}

void complete_soon(void *producer)
{
	struct producer *p = producer;
	if (atomic_exchange(&p->posted, true))
		return;
	/* A full mailbox belongs to a loop that is turning: the end of its turn looks as well. */
	if (loop_post(p->loop, complete_task, p) != 0)
		atomic_store(&p->posted, false);
}
