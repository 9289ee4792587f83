#define LOG_MODULE "compaction"
#include "series/burial.h"

#include <errno.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/log.h"
#include "base/own.h"
#include "series/blocks.h"
#include "series/checkpoint.h"
#include "series/plan.h"
#include "series/series.h"
#include "series/strand.h"
#include "series/tombs.h"

struct digging {
	const struct burial *burial;
	const struct tomb *tomb;
	uint64_t rank;              /* of the block that holds values of it */
	int64_t t_min_ns, t_max_ns; /* where */
};

static bool holds(const struct strand *s, const struct tomb *t)
{
	for (uint32_t c = 0; c < s->n_columns; c++) {
		const struct column *col = &s->columns[c];
		if (!(t->columns >> col->index & 1))
			continue;
		for (uint32_t i = 0; i < col->count; i++) {
			int64_t ts = s->ts[col->rows[i]];
			if (ts >= t->from_ns && ts <= t->last_ns)
				return true;
		}
	}
	return false;
}

static int32_t chunk_seen(void *ud, const struct sb_chunk *c, uint64_t seq)
{
	struct digging *d = ud;
	struct strand *s = NULL;
	if (seq >= d->tomb->seq)
		return 0;
	int r = strand_new(&s, c->stream, c->data, seq);
	if (r == SB_E_CORRUPT) /* nobody reads it either */
		return 0;
	bool found = r >= 0 && holds(s, d->tomb);
	strand_free(s);
	if (found) {
		d->rank = seq;
		d->t_min_ns = c->t_min_ns;
		d->t_max_ns = c->t_max_ns;
		return -ECANCELED;
	}
	return r < 0 ? r : d->burial->pace(d->burial->ud, c->data.n);
}

/* 1: a block holds something, its rank is told. */
static int dig(struct digging *d)
{
	const struct tomb *t = d->tomb;
	struct sb_scan scan = {
		.size = sizeof(scan),
		.n_streams = 1,
		.streams = &t->stream,
		.from_ns = t->from_ns,
		.to_ns = t->last_ns == INT64_MAX ? t->last_ns : t->last_ns + 1,
	};
	d->rank = 0;
	int r = blocks_scan(d->burial->blocks, &scan, chunk_seen, d);
	return d->rank ? 1 : r;
}

static bool is_it(const struct plan_block *b, const struct digging *d)
{
	const struct tomb *t = d->tomb;
	return b->info.seq_max == d->rank && b->info.stream_min <= t->stream &&
	       b->info.stream_max >= t->stream && b->info.t_min_ns <= d->t_min_ns &&
	       b->info.t_max_ns >= d->t_max_ns;
}

/* Of several blocks of one number, each in its turn. False: it cannot be written anew now. */
static bool block_of(const struct digging *d, struct plan_run *out)
{
	const struct plan *plan = d->burial->plan;
	for (size_t i = 0; i < plan->n; i++)
		if (is_it(&plan->at[i], d) && plan_alone(plan, i, out))
			return true;
	return false;
}

/* A record has one entry a stream, not next to each other. */
static int record_turn(const struct burial *b, const struct tombs_view *v, uint64_t seq,
                       struct plan_run *out)
{
	struct digging d = { .burial = b };
	for (size_t i = 0; i < v->n; i++) {
		d.tomb = &v->at[i];
		int r = d.tomb->seq == seq ? dig(&d) : 0;
		if (r > 0)
			return block_of(&d, out) ? BURIAL_RUN : 0;
		if (r < 0)
			return r;
	}
	int r = tombs_forget(b->blocks->tombs, b->config->docs, seq);
	return r < 0 ? r : 1;
}

static uint64_t next_record(const struct tombs_view *v, uint64_t after)
{
	uint64_t next = 0;
	for (size_t i = 0; i < v->n; i++)
		if (v->at[i].seq > after && (!next || v->at[i].seq < next))
			next = v->at[i].seq;
	return next;
}

int burial_turn(const struct burial *b, struct plan_run *out)
{
	struct tombs_view *v = tombs_view(b->blocks->tombs);
	uint64_t durable = 0;
	int r = v ? checkpoint_load(b->config->docs, &durable) : 0;
	/* What was written before it is in blocks. */
	for (uint64_t seq = 0; v && r == 0 && (seq = next_record(v, seq)) && seq <= durable;)
		r = record_turn(b, v, seq, out);
	tombs_view_drop(v);
	return r;
}
