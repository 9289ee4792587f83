#include "series/bucket.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "series/column.h"

void bucket_init(struct bucket *b, int64_t width_ns, bucket_fn fn, void *ud)
{
	memset(b, 0, sizeof(*b));
	b->width_ns = width_ns;
	b->fn = fn;
	b->ud = ud;
}

void bucket_fini(struct bucket *b)
{
	buffer_fini(&b->first_blob);
	buffer_fini(&b->last_blob);
}

int64_t bucket_begin(int64_t ts_ns, int64_t width_ns)
{
	int64_t behind = ts_ns % width_ns;
	int64_t begin;
	if (behind < 0)
		behind += width_ns;
	return __builtin_sub_overflow(ts_ns, behind, &begin) ? INT64_MIN : begin;
}

int bucket_end(struct bucket *b)
{
	if (!b->open)
		return 0;
	b->open = false;
	if (!b->numbers)
		b->b.min = b->b.max = b->b.sum = (double)NAN;
	return b->fn(b->ud, &b->b);
}

static int bucket_go(struct bucket *b, int64_t ts)
{
	int64_t begin = bucket_begin(ts, b->width_ns);
	if (b->open && b->b.t_ns == begin)
		return 0;
	int r = bucket_end(b);
	if (r)
		return r;
	b->open = true;
	b->numbers = 0;
	b->b = (struct series_bucket){ .t_ns = begin,
		                       .min = (double)INFINITY,
		                       .max = (double)-INFINITY };
	b->b.first.ts_ns = INT64_MAX;
	b->b.last.ts_ns = INT64_MIN;
	return 0;
}

/* Keeps a point together with its text. */
static int edge_set(struct series_point *edge, struct buffer *blob, const struct series_point *p)
{
	*edge = *p;
	if (!column_is_blob(p->type))
		return 0;
	buffer_reset(blob);
	buffer_give(blob, p->v.blob.p, p->v.blob.n);
	if (blob->bad) {
		buffer_fini(blob);
		return -ENOMEM;
	}
	edge->v.blob = (struct sb_bytes){ blob->p, blob->n };
	return 0;
}

static int edges_set(struct bucket *b, const struct series_point *first,
                     const struct series_point *last)
{
	int r = 0;
	if (first->ts_ns <= b->b.first.ts_ns)
		r = edge_set(&b->b.first, &b->first_blob, first);
	if (r >= 0 && last->ts_ns >= b->b.last.ts_ns)
		r = edge_set(&b->b.last, &b->last_blob, last);
	return r;
}

static bool number_of(const struct series_point *p, double *out)
{
	switch (p->type) {
	case SB_T_BOOL:
	case SB_T_I64:
		*out = (double)p->v.i;
		return true;
	case SB_T_U64:
		*out = (double)p->v.u;
		return true;
	case SB_T_F64:
		*out = p->v.f;
		return true;
	default:
		return false;
	}
}

static void numbers_add(struct bucket *b, const struct bucket_summary *s)
{
	b->numbers += s->count;
	b->b.count += s->count;
	b->b.min = fmin(b->b.min, s->min);
	b->b.max = fmax(b->b.max, s->max);
	b->b.sum += s->sum;
}

int bucket_point(struct bucket *b, const struct series_point *p)
{
	double v = 0;
	int r = bucket_go(b, p->ts_ns);
	if (r)
		return r;
	if (!number_of(p, &v))
		b->b.count++;
	else if (!isnan(v))
		numbers_add(b,
		            &(struct bucket_summary){ .count = 1, .min = v, .max = v, .sum = v });
	return edges_set(b, p, p);
}

int bucket_add(struct bucket *b, const struct bucket_summary *s)
{
	int r = bucket_go(b, s->first.ts_ns);
	if (r)
		return r;
	numbers_add(b, s);
	return edges_set(b, &s->first, &s->last);
}
