#define LOG_MODULE "series"
#include "series/pass.h"

#include <errno.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/log.h"
#include "series/blocks.h"
#include "series/bucket.h"
#include "series/chunk.h"
#include "series/damage.h"
#include "series/fetched.h"
#include "series/generation.h"
#include "series/merge.h"
#include "series/slices.h"
#include "series/source.h"
#include "series/tombs.h"

struct pass {
	const struct pass_from *from;
	const struct source_want *want;
	const struct pass_to *to;
	struct merge merge;
	int stopped; /* what the sink answered */
	/* A chunk that may go as a summary, or as several: only its successor tells whether
	 * anything overlaps it. */
	bool waits, whole; /* whole: it lies in one bucket, its own statistics are enough */
	struct buffer bytes;
	int64_t t_min, t_max;
	uint64_t rank;
	struct damage_chunk seen; /* the chunk looked at last */
	struct bucket_summary summary;
	struct grid_cell cell; /* the one last asked for */
	struct slices *slices;
	const struct tombs_view *tombs; /* NULL: nothing of this stream is deleted */
};

static int told(struct pass *p, int r)
{
	if (r)
		p->stopped = r;
	return r ? -ECANCELED : 0;
}

/* The one that is being looked at. */
static void chunk_bad(struct pass *p)
{
	atomic_fetch_add_explicit(p->from->corrupt, 1, memory_order_relaxed);
	damage_note(p->from->blocks->damage, p->from->blocks, &p->seen);
}

static int chunk_merge(struct pass *p, struct sb_bytes data, uint64_t rank)
{
	struct source *s = NULL;
	int r = source_of_chunk(&s, p->want, data, rank, p->tombs);
	if (r == SB_E_CORRUPT) {
		chunk_bad(p);
		return 0;
	}
	return r < 0 ? r : merge_add(&p->merge, s);
}

/* Gives everything before a moment; all: to the end. */
static int drain(struct pass *p, int64_t before, bool all)
{
	struct series_point point;
	int64_t ts;
	uint64_t rank;
	while (merge_peek(&p->merge, &ts) && (all || ts < before)) {
		(void)merge_next(&p->merge, &point, &rank);
		int r = told(p, p->to->point(p->to->ud, &point, rank));
		if (r < 0)
			return r;
	}
	return 0;
}

static int chunk_slice(struct pass *p, struct sb_bytes data)
{
	int answer = 0;
	int r = slices_run(&p->slices, p->want, p->to, data, p->rank, &answer);
	if (r == SB_E_CORRUPT) {
		chunk_bad(p);
		return 0;
	}
	if (r > 0)
		return chunk_merge(p, data, p->rank);
	return r < 0 ? r : told(p, answer);
}

/* The waiting chunk goes: as statistics if nothing else lies between its ends, else point by point.
 */
static int settle(struct pass *p, int64_t next, bool last)
{
	int64_t ts;
	if (!p->waits)
		return 0;
	p->waits = false;
	p->seen = (struct damage_chunk){ p->rank, p->want->stream, p->t_min, p->t_max };
	bool alone = last || next > p->t_max;
	if (merge_peek(&p->merge, &ts) && ts <= p->t_max)
		alone = false;
	if (alone && p->whole)
		return told(p, p->to->summary(p->to->ud, &p->summary));
	struct sb_bytes data = { p->bytes.p, p->bytes.n };
	return alone ? chunk_slice(p, data) : chunk_merge(p, data, p->rank);
}

static struct series_point edge_of(const struct chunk *ch, uint8_t type, bool first,
                                   const struct column_stats *st)
{
	struct series_point p = { .type = type };
	p.ts_ns = first ? ch->t_min : ch->t_max;
	p.rx_ns = first ? ch->rx_first : ch->rx_last;
	p.flags = first ? ch->flags_first : ch->flags_last;
	p.quality = first ? st->first_quality : st->last_quality;
	p.v.u = first ? st->first_bits : st->last_bits;
	return p;
}

static bool in_one_bucket(struct pass *p, const struct sb_chunk *c)
{
	if (c->t_min_ns < p->cell.begin_ns || c->t_min_ns > p->cell.last_ns)
		p->cell = grid_cell(p->to->grid, c->t_min_ns);
	return c->t_max_ns <= p->cell.last_ns;
}

/* 1: the chunk's statistics are all that is needed, unless something overlaps it. */
static int summarize(struct pass *p, const struct sb_chunk *c)
{
	struct chunk ch;
	struct column_stats st;
	if (!p->to->summary || c->t_min_ns < p->want->from_ns || c->t_max_ns > p->want->last_ns ||
	    !in_one_bucket(p, c))
		return 0;
	int r = chunk_open(&ch, c->data);
	if (r < 0)
		return r;
	int which = chunk_find(&ch, p->want->column);
	if (which < 0 || ch.t_min != c->t_min_ns || ch.t_max != c->t_max_ns)
		return which < 0 ? 0 : SB_E_CORRUPT;
	r = chunk_stats(&ch, which, &st);
	if (r < 0 || !st.known || st.first_row != 0 || st.last_row != ch.rows - 1)
		return r;
	p->summary = (struct bucket_summary){
		.count = st.count, .min = st.min, .max = st.max, .sum = st.sum
	};
	p->summary.first = edge_of(&ch, ch.column[which].type, true, &st);
	p->summary.last = edge_of(&ch, ch.column[which].type, false, &st);
	return bucket_enough(p->to->want, &p->summary);
}

/* What is wanted beyond the plain statistics needs every point. */
static bool may_slice(const struct pass *p)
{
	return p->to->summary && !p->to->want;
}

static int wait_for_next(struct pass *p, const struct sb_chunk *c, uint64_t seq, bool whole)
{
	buffer_reset(&p->bytes);
	buffer_give(&p->bytes, c->data.p, c->data.n);
	if (p->bytes.bad)
		return -ENOMEM;
	p->waits = true;
	p->whole = whole;
	p->t_min = c->t_min_ns;
	p->t_max = c->t_max_ns;
	p->rank = seq;
	return 0;
}

static int32_t chunk_seen(void *ud, const struct sb_chunk *c, uint64_t seq)
{
	struct pass *p = ud;
	if (p->from->stop && p->from->stop(p->from->stop_ud))
		return told(p, -ECANCELED);
	int r = settle(p, c->t_min_ns, false);
	if (r >= 0)
		r = drain(p, c->t_min_ns, false);
	if (r < 0)
		return r;
	p->seen = (struct damage_chunk){ seq, c->stream, c->t_min_ns, c->t_max_ns };
	if (tombs_touch(p->tombs, c->stream, p->want->column, c->t_min_ns, c->t_max_ns, seq))
		return chunk_merge(p, c->data, seq);
	r = summarize(p, c);
	if (r == SB_E_CORRUPT) {
		chunk_bad(p);
		return 0;
	}
	if (r > 0 || (r == 0 && may_slice(p)))
		return wait_for_next(p, c, seq, r > 0);
	return r < 0 ? r : chunk_merge(p, c->data, seq);
}

static int head_merge(struct pass *p)
{
	for (uint32_t i = 0; i < p->from->n; i++) {
		const struct generation *g = p->from->generations[i];
		struct source *s = NULL;
		/* Read before its rows: a block that holds more of them than we see has a higher
		 * rank. */
		uint64_t rank = g->seq_last;
		int r = source_of_generation(&s, p->want, g, rank, p->tombs);
		if (r >= 0)
			r = merge_add(&p->merge, s);
		if (r < 0)
			return r;
	}
	return 0;
}

static int blocks_merge(struct pass *p)
{
	bool endless = p->want->last_ns == INT64_MAX;
	struct sb_scan scan = {
		.size = sizeof(scan),
		.n_streams = 1,
		.streams = &p->want->stream,
		.from_ns = p->want->from_ns,
		.to_ns = endless ? INT64_MAX : p->want->last_ns + 1,
	};
	int r;
	if (!p->from->fetched || !fetched_scan(p->from->fetched, p->want, chunk_seen, p, &r))
		r = blocks_scan(p->from->blocks, &scan, chunk_seen, p);
	if (r == SB_E_CORRUPT) {
		chunk_bad(p);
		r = 0;
	}
	return r;
}

int pass_run(const struct pass_from *from, const struct source_want *want, const struct pass_to *to)
{
	struct pass p = { .from = from, .want = want, .to = to, .cell = { 0, -1 } };
	struct tombs_view *own = from->tombs ? NULL : tombs_view(from->blocks->tombs);
	p.tombs = from->tombs ? from->tombs : own;
	if (!tombs_has(p.tombs, want->stream))
		p.tombs = NULL;
	int r = head_merge(&p);
	if (r >= 0)
		r = blocks_merge(&p);
	if (r >= 0)
		r = settle(&p, 0, true);
	if (r >= 0)
		r = drain(&p, 0, true);
	merge_fini(&p.merge);
	slices_free(p.slices);
	tombs_view_drop(own);
	buffer_fini(&p.bytes);
	return r == -ECANCELED ? p.stopped : r < 0 ? r : 0;
}
