#include "ingest/producer.h"

#include <errno.h>
#include <stdlib.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "base/own.h"
#include "host/instance.h"
#include "ingest/batch.h"
#include "ingest/complete.h"
#include "ingest/state.h"
#include "journal/journal.h"
#include "model/record.h"

#define LOG_MODULE "ingest"
#include "base/log.h"

enum {
	RECORD_BYTES = 64 *
	               1024, /* gathered in one record at most, if one row does not need more */
	RECORD_HEAD = 9,     /* type, base_ns */
	PENDING_LEAST = 64,
	PENDING_MAX = 65536,
};

/* Services get nothing but the instance's handle. */
static uint32_t slot_number;

void producer_slot(uint32_t slot)
{
	slot_number = slot;
}

struct producer *producer_of(struct instance *in)
{
	struct producer *p = instance_get(in, slot_number);
	return p && !p->stopped ? p : NULL;
}

/* ---- the record being filled */
static void close_record(struct producer *p)
{
	if (p->open.p && p->open.n > RECORD_HEAD)
		journal_ring_commit(p->ring, p->open.n);
	p->open = (struct buffer){ 0 };
}

static void publish(struct producer *p)
{
	close_record(p);
	if (p->ring)
		journal_ring_publish(p->ring);
}

static bool open_record(struct producer *p, size_t bytes)
{
	size_t want = MAX(bytes + RECORD_HEAD,
	                  MIN((size_t)RECORD_BYTES, (size_t)(p->ingest->config.ring_bytes / 8)));
	uint8_t *memory = journal_ring_reserve(p->ring, want);
	if (!memory && want > bytes + RECORD_HEAD) {
		want = bytes + RECORD_HEAD;
		memory = journal_ring_reserve(p->ring, want);
	}
	if (!memory)
		return false;
	p->open = (struct buffer){ .p = memory, .cap = want, .max = want };
	p->base_ns = loop_now_utc(p->loop);
	buffer_give_u8(&p->open, RECORD_POINTS);
	buffer_give_u64(&p->open, (uint64_t)p->base_ns);
	return true;
}

/* An open record with this much room. */
static bool room(struct producer *p, size_t bytes)
{
	if (p->open.p && p->open.cap - p->open.n >= bytes)
		return true;
	close_record(p);
	return open_record(p, bytes);
}

static bool make_ring(struct producer *p)
{
	int r = journal_ring_new(p->ingest->config.journal, p->ingest->config.ring_bytes,
	                         complete_soon, p, &p->ring);
	if (r < 0)
		(void)log_error(r, "no ring for %s", instance_name(p->instance));
	return r == 0;
}

static bool grow_pending(struct producer *p)
{
	uint32_t cap = MAX(p->pending_cap * 2, (uint32_t)PENDING_LEAST);
	if (cap > PENDING_MAX)
		return false;
	struct state_pending *more = malloc(cap * sizeof(*more));
	if (!more)
		return false;
	for (uint32_t i = 0; i < p->n_pending; i++)
		more[i] = p->pending[(p->pending_at + i) & (p->pending_cap - 1)];
	free(p->pending);
	p->pending = more;
	p->pending_cap = cap;
	p->pending_at = 0;
	return true;
}

/* No row is longer than this. */
static size_t row_max(const struct producer *p)
{
	const struct ingest_config *config = &p->ingest->config;
	return MIN(journal_record_max(config->journal), (size_t)config->ring_bytes / 2) -
	       RECORD_HEAD;
}

/* What a message that is too long for one record takes of the ring, with what is lost at their
 * ends. */
static size_t several_records(const struct producer *p, size_t bytes)
{
	return bytes + bytes / 8 +
	       MIN((size_t)RECORD_BYTES, (size_t)(p->ingest->config.ring_bytes / 8));
}

bool producer_fits(const struct producer *p, size_t bytes)
{
	return bytes <= row_max(p) || several_records(p, bytes) < p->ingest->config.ring_bytes;
}

bool producer_ready(struct producer *p, size_t bytes)
{
	if (p->n_pending == p->pending_cap && !grow_pending(p))
		return false;
	if (!p->ring && !make_ring(p))
		return false;
	if (p->open.p && p->open.cap - p->open.n >= bytes)
		return true;
	if (bytes > row_max(p))
		return journal_ring_space(p->ring) > several_records(p, bytes);
	return room(p, bytes);
}

int producer_give(struct producer *p, const struct row *row)
{
	size_t most = PRODUCER_ROW_HEAD + (size_t)PRODUCER_ROW_VALUE * row->n;
	for (size_t i = 0; i < row->n; i++)
		if (row->values[i].type >= SB_T_STR)
			most += row->values[i].v.blob.n;
	if (most > row_max(p))
		return SB_E_RANGE;
	if (!room(p, most))
		return -ENOBUFS;
	size_t before = p->open.n;
	row_give(&p->open, p->base_ns, row);
	if (!p->open.bad)
		return 0;
	p->open.n = before;
	p->open.bad = false;
	return SB_E_RANGE;
}

void *producer_open(struct producer *p, size_t n)
{
	if (p->n_pending == p->pending_cap && !grow_pending(p))
		return NULL;
	if (!p->ring && !make_ring(p))
		return NULL;
	close_record(p);
	return journal_ring_reserve(p->ring, n);
}

void producer_close(struct producer *p, size_t n)
{
	journal_ring_commit(p->ring, n);
}

bool producer_expect(struct producer *p, sb_token token, uint32_t rejected, bool leans)
{
	if (!p->source)
		return false;
	bool open = p->open.p && p->open.n > RECORD_HEAD;
	p->pending[(p->pending_at + p->n_pending++) & (p->pending_cap - 1)] =
		(struct state_pending){
			.token = token,
			.ticket = journal_ring_count(p->ring) + open,
			.rejected = rejected,
			.epoch = atomic_load_explicit(&p->ingest->epoch, memory_order_relaxed) &
		                 INT32_MAX,
			.leans = leans,
		};
	return true;
}

/* ---- back-pressure */
static void throttle_over(struct timer *t)
{
	struct producer *p = container_of(t, struct producer, throttle);
	p->throttle_due_ns = 0;
	complete_writable(p);
}

void producer_block(struct producer *p, int64_t wait_ns)
{
	if (!p->ring) /* no memory for it: nothing else would ever tell */
		wait_ns = MAX(wait_ns, (int64_t)NS_PER_S);
	if (wait_ns > 0) {
		int64_t due_ns = loop_now(p->loop) + wait_ns;
		if (p->throttle_due_ns && p->throttle_due_ns <= due_ns)
			return;
		p->throttle_due_ns = due_ns;
		loop_timer(p->loop, &p->throttle, wait_ns, 0);
		return;
	}
	p->blocked = true;
	state_count(&p->counters.backpressure, 1);
	/* What fills the ring must be seen, or it is never emptied. */
	publish(p);
}

/* ---- life */
static void turn_end(struct hook *h)
{
	struct producer *p = container_of(h, struct producer, turn_end);
	if (!p->ring)
		return;
	publish(p);
	complete_now(p);
}

int producer_new(struct ingest *ingest, struct instance *in, struct producer **out)
{
	struct producer *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	const struct sb_source *source = instance_ext(in, "sb.source/1");
	p->ingest = ingest;
	p->instance = in;
	p->loop = instance_loop(in);
	p->source = SB_HAS(source, completed) ? source : NULL;
	p->self = instance_self(in);
	p->throttle.fn = throttle_over;
	p->turn_end.fn = turn_end;
	*out = p;
	return 0;
}

void producer_attach(struct producer *p)
{
	loop_hook(p->loop, &p->turn_end);
	instance_set(p->instance, slot_number, p);
}

void producer_stop(struct producer *p)
{
	publish(p);
	p->stopped = true;
	loop_unhook(p->loop, &p->turn_end);
	timer_end(&p->throttle);
	if (p->ring)
		journal_ring_retire(p->ring);
	p->ring = NULL;
	batch_drop_all(p);
	free(p->pending);
	free(p->slots);
	p->pending = NULL;
	p->slots = NULL;
	p->n_pending = p->pending_cap = p->slots_cap = 0;
}

struct producer *producer_free(struct producer *p)
{
	free(p);
	return NULL;
}
