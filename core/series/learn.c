#include "series/learn.h"

#include <errno.h>
#include <stdlib.h>

#include <signalbox/error.h>
#include <signalbox/kinds.h>

#include "base/buffer.h"
#include "base/own.h"
#include "series/blocks.h"
#include "series/catalog.h"
#include "series/tier.h"
#include "series/tierstate.h"

struct learning {
	struct tierstate *state;
	const _Atomic bool *stop;
	int64_t closed_ns;
	uint64_t digested;
	struct buffer names; /* of blocks that tell, each with its length in front */
};

static int32_t chunk_seen(void *ud, const struct sb_chunk *c, uint64_t seq)
{
	struct learning *l = ud;
	bool fresh = seq > l->digested;
	if (*l->stop)
		return -ECANCELED;
	if (c->stream >= NUMBERS_MAX || (!fresh && c->t_max_ns < l->closed_ns))
		return 0;
	return tierstate_mark(l->state, c->stream,
	                      fresh ? c->t_min_ns : MAX(c->t_min_ns, l->closed_ns), c->t_max_ns);
}

static int32_t block_seen(void *ud, const struct sb_block_info *info)
{
	struct learning *l = ud;
	if (info->stream_min < NUMBERS_MAX &&
	    (info->seq_max > l->digested || info->t_max_ns >= l->closed_ns))
		buffer_give_str(&l->names, info->name);
	return l->names.bad ? -ENOMEM : 0;
}

static int by_block(struct learning *l, const struct blocks *blocks)
{
	int r = blocks_each(blocks, block_seen, l);
	struct cursor c = cursor_of(l->names.p, l->names.n);
	while (r >= 0 && cursor_left(&c)) {
		r = blocks_read(blocks, cursor_take_str(&c), 0, chunk_seen, l);
		if (r == SB_E_NOT_FOUND)
			r = -EAGAIN;
		else if (r == SB_E_CORRUPT || r == -EIO) /* the scrubber tells of it */
			r = 0;
	}
	return r;
}

static int by_scan(struct learning *l, const struct blocks *blocks, const struct catalog *catalog,
                   bool all)
{
	uint32_t end = catalog_streams(catalog);
	_own_(freep) uint32_t *streams = malloc(end * sizeof(*streams) + 1);
	if (!streams)
		return -ENOMEM;
	struct sb_scan scan = { .size = sizeof(scan),
		                .streams = streams,
		                .from_ns = all ? INT64_MIN : l->closed_ns,
		                .to_ns = INT64_MAX };
	for (uint32_t i = 1; i < end; i++)
		streams[scan.n_streams++] = i;
	return scan.n_streams ? blocks_scan(blocks, &scan, chunk_seen, l) : 0;
}

int learn_days(struct tierstate *state, const struct blocks *blocks, const struct catalog *catalog,
               const _Atomic bool *stop)
{
	struct learning l = { .state = state,
		              .stop = stop,
		              .closed_ns = tier_day_begin(state->closed_before),
		              .digested = state->seq_digested };
	int r = by_block(&l, blocks);
	if (r == -EOPNOTSUPP)
		r = by_scan(&l, blocks, catalog, state->seq_digested < state->seq_flushed);
	buffer_fini(&l.names);
	if (r < 0)
		return r;
	pthread_mutex_lock(&state->lock);
	state->ready = state->changed = true;
	pthread_mutex_unlock(&state->lock);
	return 0;
}
