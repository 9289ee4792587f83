#define LOG_MODULE "compaction"
#include "series/rewrite.h"

#include <errno.h>

#include <signalbox/error.h>

#include "base/log.h"
#include "base/own.h"
#include "series/blocks.h"
#include "series/month.h"

#define DONE_BYTES (256U << 10) /* so much of one stream is in memory, and what overlaps */

static const struct plan_block *block_of(const struct plan_run *run, uint64_t seq)
{
	for (size_t i = 0; i < run->n; i++)
		if (run->first[i].info.seq_max == seq)
			return &run->first[i];
	return NULL;
}

static int32_t chunk_seen(void *ud, const struct sb_chunk *c, uint64_t seq)
{
	struct rewrite *rw = ud;
	const struct plan_block *b = block_of(rw->run, seq);
	if (!b)
		return 0;
	int r = weave_to(&rw->weave, c->t_min_ns);
	if (r >= 0 && rw->weave.done.n >= DONE_BYTES) {
		rw->from_ns = c->t_min_ns;
		rw->more = true;
		return -ECANCELED;
	}
	if (r >= 0)
		r = weave_add(&rw->weave, c->data, seq, rw->from_ns);
	if (r == SB_E_CORRUPT)
		rw->bad = b;
	return r < 0 ? r : rw->pace(rw->ud, c->data.n);
}

/* As much of the present stream as there is room for. */
static int stream_read(struct rewrite *rw)
{
	int64_t last = month_last(rw->run->first->month);
	uint32_t stream = (uint32_t)rw->stream;
	struct sb_scan scan = {
		.size = sizeof(scan),
		.n_streams = 1,
		.streams = &stream,
		.from_ns = rw->from_ns,
		.to_ns = last == INT64_MAX ? last : last + 1,
		.class_ = rw->run->first->info.class_,
	};
	rw->more = false;
	int r = blocks_scan(rw->blocks, &scan, chunk_seen, rw);
	if (rw->more)
		return weave_break(&rw->weave);
	return r < 0 ? r : weave_rest(&rw->weave);
}

static int end(const struct rewrite *rw)
{
	if (rw->weave.rows_in == rw->run->rows)
		return 0;
	return log_error(SB_E_CORRUPT,
	                 "%llu rows were to be compacted, %llu can be read: the blocks stay",
	                 (unsigned long long)rw->run->rows, (unsigned long long)rw->weave.rows_in);
}

static int32_t chunk_next(void *ud, struct sb_chunk *out)
{
	struct rewrite *rw = ud;
	while (rw->handed == rw->weave.n) {
		if (!rw->more) {
			if (rw->stream == rw->run->stream_max)
				return end(rw);
			weave_begin(&rw->weave, (uint32_t)++rw->stream);
			rw->from_ns = month_begin(rw->run->first->month);
		}
		rw->handed = 0;
		weave_taken(&rw->weave);
		int r = stream_read(rw);
		if (r >= 0)
			r = rw->pace(rw->ud, 0);
		if (r < 0)
			return r;
	}
	*out = weave_chunk(&rw->weave, rw->handed++);
	rw->bytes_out += out->data.n;
	int r = rw->pace(rw->ud, out->data.n);
	return r < 0 ? r : 1;
}

int rewrite_run(struct rewrite *rw)
{
	const struct plan_run *run = rw->run;
	const struct sb_block block = {
		.size = sizeof(block),
		.level = run->level,
		.class_ = run->first->info.class_,
		.seq_min = run->seq_min,
		.seq_max = run->seq_max,
		.t_min_ns = run->t_min_ns,
		.t_max_ns = run->t_max_ns,
		.next = chunk_next,
		.ud = rw,
		.last = run->last,
	};
	rw->stream = run->stream_min - 1;
	rw->weave.hidden = rw->hidden;
	rw->weave.hidden_ud = rw->ud;
	int r = blocks_replace(rw->blocks, &block, NULL, NULL);
	rw->rows_in = rw->weave.rows_in;
	rw->rows_out = rw->weave.rows_out;
	weave_fini(&rw->weave);
	return r;
}
