#include "series/slices.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "series/bucket.h"
#include "series/chunk.h"
#include "series/floats.h"
#include "series/grid.h"
#include "series/pass.h"
#include "series/source.h"

struct slices {
	struct chunk chunk;
	struct column col;
	uint32_t begin, end; /* of its values, those that are wanted */
	int64_t ts[COLUMN_ROWS_MAX], rx[COLUMN_ROWS_MAX];
	uint16_t flags[COLUMN_ROWS_MAX];
};

struct slices *slices_free(struct slices *s)
{
	if (!s)
		return NULL;
	column_fini(&s->col);
	free(s);
	return NULL;
}

static int64_t ts_at(const struct slices *s, uint32_t i)
{
	return s->ts[s->col.rows[i]];
}

static struct series_point point_at(const struct slices *s, uint32_t i)
{
	uint16_t row = s->col.rows[i];
	struct series_point p = { .type = s->col.type, .quality = s->col.quality[i] };
	p.ts_ns = s->ts[row];
	p.rx_ns = s->rx[row];
	p.flags = s->flags[row];
	p.v.u = s->col.bits[i];
	return p;
}

/* The first value in [from, end) that is later than ts. */
static uint32_t behind(const struct slices *s, uint32_t from, int64_t ts)
{
	uint32_t end = s->end;
	while (from < end) {
		uint32_t middle = from + (end - from) / 2;
		if (ts_at(s, middle) <= ts)
			from = middle + 1;
		else
			end = middle;
	}
	return from;
}

static double number_at(const struct column *col, uint32_t i)
{
	if (col->type == SB_T_F64)
		return floats_value(col->bits[i]);
	return col->type == SB_T_U64 ? (double)col->bits[i] : (double)(int64_t)col->bits[i];
}

/* False: there is a NaN. */
static bool sum_up(const struct slices *s, uint32_t i, uint32_t end, struct bucket_summary *out)
{
	double min = number_at(&s->col, i);
	double max = min;
	double sum = 0;
	bool nan = false;
	for (uint32_t k = i; k < end; k++) {
		double v = number_at(&s->col, k);
		nan |= isnan(v);
		min = v < min ? v : min;
		max = v > max ? v : max;
		sum += v;
	}
	*out = (struct bucket_summary){ .count = end - i, .min = min, .max = max, .sum = sum };
	out->first = point_at(s, i);
	out->last = point_at(s, end - 1);
	return !nan;
}

static int points_tell(const struct slices *s, uint32_t i, uint32_t end, const struct pass_to *to,
                       uint64_t rank)
{
	int r = 0;
	for (; i < end && r == 0; i++) {
		struct series_point p = point_at(s, i);
		r = to->point(to->ud, &p, rank);
	}
	return r;
}

static int tell(const struct slices *s, const struct pass_to *to, uint64_t rank)
{
	struct bucket_summary sum;
	int r = 0;
	for (uint32_t i = s->begin, end; i < s->end && r == 0; i = end) {
		end = behind(s, i, grid_cell(to->grid, ts_at(s, i)).last_ns);
		if (sum_up(s, i, end, &sum))
			r = to->summary(to->ud, &sum);
		else
			r = points_tell(s, i, end, to, rank);
	}
	return r;
}

int slices_run(struct slices **at, const struct source_want *want, const struct pass_to *to,
               struct sb_bytes data, uint64_t rank, int *stopped)
{
	struct slices *s = *at ? *at : calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*at = s;
	int r = chunk_open(&s->chunk, data);
	int which = r < 0 ? -1 : chunk_find(&s->chunk, want->column);
	if (which < 0)
		return r;
	if (column_is_blob(s->chunk.column[which].type))
		return 1;
	r = chunk_times(&s->chunk, s->ts);
	if (r >= 0)
		r = chunk_arrivals(&s->chunk, s->ts, s->rx);
	if (r >= 0)
		r = chunk_flags(&s->chunk, s->flags);
	if (r >= 0)
		r = chunk_column(&s->chunk, which, &s->col);
	if (r < 0)
		return r;
	s->begin = 0;
	s->end = s->col.count;
	s->end = behind(s, 0, want->last_ns);
	if (want->from_ns > INT64_MIN)
		s->begin = behind(s, 0, want->from_ns - 1);
	*stopped = tell(s, to, rank);
	return 0;
}
