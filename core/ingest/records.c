#include "ingest/records.h"

#include <errno.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/own.h"
#include "host/instance.h"
#include "ingest/producer.h"
#include "ingest/state.h"
#include "journal/journal.h"
#include "journal/owners.h"

static int owner_of(struct producer *p)
{
	if (p->owner)
		return 0;
	struct ingest *ingest = p->ingest;
	if (!ingest->config.owners)
		return -ENOSYS;
	struct owner *o;
	int r = owners_claim(ingest->config.owners, instance_name(p->instance), &o);
	if (r < 0)
		return r;
	pthread_mutex_lock(&ingest->lock); /* records_look() looks from another thread */
	p->owner = o;
	pthread_mutex_unlock(&ingest->lock);
	return 0;
}

static int32_t append(struct sb_host *handle, struct sb_bytes record, sb_token token,
                      uint64_t *position)
{
	struct producer *p = producer_of(instance_of(handle));
	uint8_t bytes[OWNERS_HEAD_MAX];
	struct buffer head = { .p = bytes, .cap = sizeof(bytes), .max = sizeof(bytes) };
	int r = p ? owner_of(p) : -ESHUTDOWN;
	if (r < 0)
		return r;
	if (record.n > SB_JOURNAL_RECORD_MAX)
		return SB_E_RANGE;
	owner_head(p->owner, &head);
	uint8_t *to = producer_open(p, head.n + record.n);
	if (!to) {
		producer_block(p, 0);
		return SB_AGAIN;
	}
	memcpy(to, head.p, head.n);
	if (record.n)
		memcpy(to + head.n, record.p, record.n);
	uint64_t number = owner_wrote(p->owner);
	producer_close(p, head.n + record.n);
	if (position)
		*position = number;
	return producer_expect(p, token, 0, false) ? SB_PENDING : 0;
}

static int32_t replay(struct sb_host *handle, uint64_t after, sb_record_fn fn, void *ud)
{
	struct producer *p = producer_of(instance_of(handle));
	int r = p ? owner_of(p) : -ESHUTDOWN;
	return r < 0 ? r : owner_replay(p->owner, after, fn, ud);
}

static int32_t checkpoint(struct sb_host *handle, uint64_t position)
{
	struct producer *p = producer_of(instance_of(handle));
	int r = p ? owner_of(p) : -ESHUTDOWN;
	if (r < 0)
		return r;
	uint64_t ticket = p->ring ? journal_ring_count(p->ring) : 0;
	if (ticket <= p->done) {
		owner_checkpoint(p->owner, position);
		return 0;
	}
	struct state_checkpoint *c = &p->checkpoints[p->checkpoints[0].ticket != 0];
	*c = (struct state_checkpoint){ position, ticket };
	return 0;
}

static int32_t watch(struct sb_host *handle, sb_snapshot_fn fn, void *ud)
{
	struct producer *p = producer_of(instance_of(handle));
	if (!p)
		return -ESHUTDOWN;
	p->snapshot = fn;
	p->snapshot_ud = ud;
	return 0;
}

void records_decided(struct producer *p, uint64_t before, int r)
{
	for (uint32_t i = 0; i < 2; i++) {
		struct state_checkpoint *c = &p->checkpoints[0];
		if (!c->ticket)
			return;
		/* What would take the place of the old records did not get to the disk. */
		bool lost = r < 0 && c->ticket > before;
		if (!lost && c->ticket > p->done)
			return;
		if (!lost)
			owner_checkpoint(p->owner, c->position);
		p->checkpoints[0] = p->checkpoints[1];
		p->checkpoints[1] = (struct state_checkpoint){ 0 };
	}
}

/* ---- asking for a snapshot */

static void ask(void *ud)
{
	struct producer *p = ud;
	struct frame f;
	atomic_store(&p->asked, false);
	uint64_t upto = p->stopped ? 0 : owner_behind(p->owner);
	if (!upto || !p->snapshot)
		return;
	frame_enter(&f, p->instance, "journal snapshot");
	p->snapshot(p->snapshot_ud, upto);
	frame_leave(&f);
}

void records_look(struct producer *p)
{
	if (p->stopped || !p->owner || !owner_behind(p->owner) || atomic_exchange(&p->asked, true))
		return;
	if (instance_post(p->instance, ask, p) != 0)
		atomic_store(&p->asked, false);
}

const struct sb_journal records_service = {
	.size = sizeof(records_service),
	.append = append,
	.replay = replay,
	.checkpoint = checkpoint,
	.watch = watch,
};
