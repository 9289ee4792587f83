#include "fake_journal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"

static struct fake *of(struct sb_host *host)
{
	return (struct fake *)(void *)host;
}

static int32_t append(struct sb_host *h, struct sb_bytes record, sb_token token, uint64_t *position)
{
	struct fake *f = of(h);
	if (record.n > SB_JOURNAL_RECORD_MAX)
		return SB_E_RANGE;
	if (f->ring_full)
		return SB_AGAIN;
	struct fake_record *r = calloc(1, sizeof(*r) + record.n);
	r->position = ++f->position;
	r->n = record.n;
	memcpy(r->p, record.p, record.n);
	struct fake_record **at = &f->records;
	while (*at)
		at = &(*at)->next;
	*at = r;
	f->submits = realloc(f->submits, (f->n_submits + 1) * sizeof(*f->submits));
	f->submits[f->n_submits++] =
		(struct fake_submit){ .token = token, .ack = SB_ACK_STORED, .record = r->position };
	*position = r->position;
	return SB_PENDING;
}

static int32_t replay(struct sb_host *h, uint64_t after, sb_record_fn fn, void *ud)
{
	struct fake *f = of(h);
	int32_t r = 0;
	for (struct fake_record *rec = f->records; rec && r >= 0; rec = rec->next) {
		if (rec->position <= after)
			continue;
		uint8_t *exact = malloc(rec->n);
		memcpy(exact, rec->p, rec->n);
		r = fn(ud, rec->position, (struct sb_bytes){ exact, rec->n });
		free(exact);
	}
	return r;
}

static int32_t checkpoint(struct sb_host *h, uint64_t position)
{
	struct fake *f = of(h);
	f->checkpoint_wants = position;
	f->checkpoint_at = f->n_submits;
	if (f->completed >= f->n_submits)
		f->checkpoint = position;
	return 0;
}

static int32_t watch(struct sb_host *h, sb_snapshot_fn fn, void *ud)
{
	of(h)->snapshot = fn;
	of(h)->snapshot_ud = ud;
	return 0;
}

const struct sb_journal fake_journal_service = { .size = sizeof(fake_journal_service),
	                                         .append = append,
	                                         .replay = replay,
	                                         .checkpoint = checkpoint,
	                                         .watch = watch };

static void remove_if(struct fake *f,
                      bool (*gone)(const struct fake *f, const struct fake_record *r))
{
	for (struct fake_record **at = &f->records; *at;) {
		struct fake_record *r = *at;
		if (!gone(f, r)) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		free(r);
	}
}

static bool not_durable(const struct fake *f, const struct fake_record *r)
{
	(void)f;
	return !r->durable;
}

static bool recycled(const struct fake *f, const struct fake_record *r)
{
	return r->position + f->slack <= f->checkpoint;
}

static bool any(const struct fake *f, const struct fake_record *r)
{
	(void)f, (void)r;
	return true;
}

void fake_journal_decided(struct fake *f, uint64_t position, int32_t status)
{
	for (struct fake_record *r = f->records; r; r = r->next)
		if (r->position == position)
			r->durable = status >= 0;
	if (status < 0)
		f->checkpoint_wants = f->checkpoint;
	if (f->completed >= f->checkpoint_at && f->checkpoint_wants > f->checkpoint)
		f->checkpoint = f->checkpoint_wants;
}

void fake_journal_settle(struct fake *f)
{
	while (f->completed < f->n_submits) {
		fake_complete(f, 1, 0);
		fake_turn(f);
	}
	fake_turn(f);
}

void fake_journal_kill(struct fake *f)
{
	f->srv->persist.closed = true; /* what happens on the way out is never seen */
	remove_if(f, not_durable);
	fake_stop(f);
	remove_if(f, not_durable);
	remove_if(f, recycled);
	f->checkpoint_wants = f->checkpoint;
	f->checkpoint_at = 0;
	f->position = 0;
	for (struct fake_record *r = f->records; r; r = r->next)
		f->position = r->position;
	fake_start(f);
}

void fake_journal_free(struct fake *f)
{
	remove_if(f, any);
}

uint32_t fake_journal_count(const struct fake *f, size_t *bytes)
{
	uint32_t n = 0;
	size_t sum = 0;
	for (const struct fake_record *r = f->records; r; r = r->next) {
		if (r->position <= f->checkpoint)
			continue;
		n++;
		sum += r->n;
	}
	if (bytes)
		*bytes = sum;
	return n;
}
