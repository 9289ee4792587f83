#define LOG_MODULE "tiers"
#include "series/tiermerge.h"

#include <errno.h>
#include <string.h>

#include <signalbox/error.h>
#include <signalbox/kinds.h>

#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "host/frame.h"
#include "series/blocks.h"
#include "series/catalog.h"
#include "series/month.h"
#include "series/tierread.h"
#include "series/tierwrite.h"

#define GROUPS 64 /* looked at in one go */

struct group { /* blocks of a tier and month */
	enum tier tier;
	int32_t month;
	uint32_t n, level, stream_min, stream_max;
	uint64_t seq_min, seq_max;
};

struct merging {
	const struct tiermerge *tm;
	struct group groups[GROUPS];
	uint32_t n_groups;
	/* of the group that is written */
	const struct group *g;
	uint32_t stream;
	int64_t at_ns, end_ns;
	struct tierread_rows rows;
	struct tier_row columns[ROW_COLUMNS_MAX][TIERCHUNK_ROWS];
	struct buffer bytes;
};

/* ---- which */

static int32_t block_seen(void *ud, const struct sb_block_info *info)
{
	struct merging *m = ud;
	enum tier tier = 0;
	uint32_t i = 0;
	while (tier < TIERS && !text_is(info->class_, tier_class(tier)))
		tier++;
	int32_t month = month_of(info->t_min_ns);
	while (i < m->n_groups && (m->groups[i].tier != tier || m->groups[i].month != month))
		i++;
	if (tier == TIERS || info->damaged || i == GROUPS)
		return 0;
	struct group *g = &m->groups[i];
	if (i == m->n_groups) {
		m->n_groups++;
		*g = (struct group){ .tier = tier, .month = month };
		g->seq_min = UINT64_MAX;
		g->stream_min = UINT32_MAX;
	}
	g->n++;
	g->level = MAX(g->level, info->level);
	g->seq_min = MIN(g->seq_min, info->seq_min);
	g->seq_max = MAX(g->seq_max, info->seq_max);
	g->stream_min = MIN(g->stream_min, info->stream_min);
	g->stream_max = MAX(g->stream_max, info->stream_max);
	return 0;
}

/* ---- its chunks */

static uint8_t type_of(const struct merging *m, uint8_t column)
{
	const struct series *s = catalog_at(m->tm->catalog, m->stream, column);
	for (uint8_t t = SB_T_BOOL; s && t <= SB_T_F64; t++)
		if (s->places[t].stream == m->stream && s->places[t].column == column)
			return t;
	return SB_T_NULL;
}

/* Periods from here on that are told by any block, and how many there are in a row. */
static uint32_t covered(struct merging *m, int64_t width)
{
	uint32_t n = 0;
	uint32_t skip = 0;
	while (skip < m->rows.n && !m->rows.owner[skip])
		skip++;
	while (skip + n < m->rows.n && m->rows.owner[skip + n])
		n++;
	m->at_ns += skip * width;
	return n;
}

static int read_column(struct merging *m, uint8_t column, uint32_t n)
{
	struct tierread tr = { m->tm->blocks, m->tm->corrupt };
	return tierread_column(&tr, m->g->tier, m->stream, column, m->at_ns, n, &m->rows);
}

/* 1: a chunk of the stream is in m->bytes; 0: nothing is left of it. */
static int chunk_make(struct merging *m, struct sb_chunk *out)
{
	int64_t width = tier_width(m->g->tier);
	struct tierwrite_column columns[ROW_COLUMNS_MAX];
	uint32_t n = 0;
	while (m->at_ns < m->end_ns && !n) {
		int64_t left = (m->end_ns - m->at_ns) / width;
		int r = read_column(m, 0, (uint32_t)MIN(left, (int64_t)TIERCHUNK_ROWS));
		if (r < 0)
			return r;
		n = covered(m, width);
	}
	if (!n)
		return 0;
	uint32_t used = 0;
	for (uint8_t c = 0; c < ROW_COLUMNS_MAX; c++) {
		uint8_t type = type_of(m, c);
		int r = type == SB_T_NULL ? 0 : read_column(m, c, n);
		uint32_t rows = 0;
		for (uint32_t i = 0; type != SB_T_NULL && i < n && r >= 0; i++)
			if (m->rows.owner[i] && m->rows.row[i].s.count)
				m->columns[used][rows++] = m->rows.row[i];
		if (r < 0)
			return r;
		if (rows) {
			columns[used] = (struct tierwrite_column){ c, type, m->columns[used],
				                                   rows };
			used++;
		}
	}
	struct tierchunk_facts facts = { m->g->tier, m->at_ns, n };
	int r = tierwrite_chunk(&m->bytes, &facts, columns, used);
	*out = (struct sb_chunk){ .stream = tier_stream(m->g->tier, m->stream),
		                  .rows = n,
		                  .t_min_ns = m->at_ns,
		                  .t_max_ns = m->at_ns + n * width - 1,
		                  .data = { m->bytes.p, m->bytes.n } };
	m->at_ns += n * width;
	return r < 0 ? r : 1;
}

static int32_t chunk_next(void *ud, struct sb_chunk *out)
{
	struct merging *m = ud;
	int r = 0;
	while (r == 0 && m->stream <= m->g->stream_max % NUMBERS_MAX) {
		frame_beat();
		r = *m->tm->stop ? -ECANCELED : chunk_make(m, out);
		if (r == 0) {
			m->stream++;
			m->at_ns = month_begin(m->g->month);
		}
	}
	return r;
}

static void replaced(void *ud, const struct sb_dropped *d)
{
	(void)ud;
	log_debug("%.*s is replaced", (int)d->name.n, d->name.p);
}

static int group_write(struct merging *m, const struct group *g)
{
	const char *class_ = tier_class(g->tier);
	m->g = g;
	m->stream = g->stream_min % NUMBERS_MAX;
	m->at_ns = month_begin(g->month);
	m->end_ns = month_last(g->month) + 1;
	struct sb_block block = {
		.size = sizeof(block),
		.level = g->level + 1,
		.class_ = sb_str_of(class_, strlen(class_)),
		.seq_min = g->seq_min,
		.seq_max = g->seq_max,
		.t_min_ns = m->at_ns,
		.t_max_ns = m->end_ns - 1,
		.next = chunk_next,
		.ud = m,
	};
	return blocks_replace(m->tm->blocks, &block, replaced, m);
}

int tiermerge_run(const struct tiermerge *tm)
{
	_own_(freep) struct merging *m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->tm = tm;
	uint64_t corrupt = *tm->corrupt;
	int r = blocks_can_replace(tm->blocks) ? blocks_each(tm->blocks, block_seen, m)
	                                       : -EOPNOTSUPP;
	for (uint32_t i = 0; i < m->n_groups && r == 0; i++) {
		if (m->groups[i].n < TIERMERGE_BLOCKS)
			continue;
		r = group_write(m, &m->groups[i]);
		r = r < 0 ? r : 1;
	}
	if (r > 0 && *tm->corrupt != corrupt)
		(void)log_warn(0, "a tier lost what was damaged in it");
	tierread_fini(&m->rows);
	buffer_fini(&m->bytes);
	return r;
}
