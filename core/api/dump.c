#include "api/dump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "registry/registry.h"
#include "series/catalog.h"
#include "series/series.h"

#define PIECE_POINTS 32768u     /* gathered and sorted at once */
#define PIECE_BYTES  (8u << 20) /* of texts */
#define WIDTH_FIRST  (3600 * NS_PER_S)
#define SLICE_NS     (2 * NS_PER_S) /* a page takes so long, and one piece */

struct entry {
	struct series_point p; /* v.blob.p: not for texts, see at */
	size_t at;             /* of a text, in blobs */
	uint32_t which, order; /* series in the list; as they came */
};

struct walk { /* one page */
	struct dump *d;
	struct buffer *out;
	size_t out_max;
	struct series_view *view;
	struct device *dev;
	struct series *const *list;
	uint32_t n_list, which;
	struct entry *entries;
	uint32_t n;
	struct buffer blobs;
	int64_t width_ns;
	int64_t until_ns;
	uint32_t skip; /* points at d->at.ts_ns that an earlier page gave */
};

static bool is_full(const struct walk *w)
{
	return w->d->points >= w->d->points_max || w->out->n >= w->out_max || w->out->bad;
}

/* 1: the page is full before this point. */
static int point_write(struct walk *w, const struct series *s, const struct series_point *p)
{
	struct position *at = &w->d->at;

	if (w->skip && p->ts_ns == at->ts_ns) {
		w->skip--;
		return 0;
	}
	w->skip = 0;
	if (is_full(w))
		return 1;
	at->skip = p->ts_ns == at->ts_ns ? at->skip + 1 : 1;
	at->ts_ns = p->ts_ns;
	dump_form_point(&w->d->form, w->out, w->dev->id, s, p);
	w->d->points++;
	return 0;
}

static bool is_stopped(void *ud)
{
	struct walk *w = ud;

	return w->d->stop && w->d->stop(w->d->ud);
}

/* ---- one piece of time: all series, gathered, in order of time */

static int point_keep(void *ud, const struct series_point *p)
{
	struct walk *w = ud;
	struct entry *e = &w->entries[w->n];

	if (w->n == PIECE_POINTS)
		return -EOVERFLOW;
	*e = (struct entry){ .p = *p, .which = w->which, .order = w->n };
	if (p->type >= SB_T_STR) {
		e->at = w->blobs.n;
		if (w->blobs.n + p->v.blob.n > PIECE_BYTES)
			return -EOVERFLOW;
		buffer_give(&w->blobs, p->v.blob.p, p->v.blob.n);
		if (w->blobs.bad)
			return -ENOMEM;
	}
	w->n++;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a;
	const struct entry *y = b;

	if (x->p.ts_ns != y->p.ts_ns)
		return x->p.ts_ns < y->p.ts_ns ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static struct series_query query_of(struct walk *w, int64_t from_ns, int64_t last_ns)
{
	return (struct series_query){
		.series = w->list[w->which],
		.from_ns = from_ns,
		.to_ns = last_ns == INT64_MAX ? INT64_MAX : last_ns + 1,
		.stop = is_stopped,
		.ud = w,
	};
}

static int piece_gather(struct walk *w, int64_t from_ns, int64_t last_ns)
{
	int r = 0;

	w->n = 0;
	buffer_reset(&w->blobs);
	if (w->n_list > 1)
		series_view_fetch(w->view, w->list, w->n_list, from_ns, last_ns + 1, is_stopped, w);
	for (w->which = 0; w->which < w->n_list && r == 0; w->which++) {
		struct series_query q = query_of(w, from_ns, last_ns);

		q.point = point_keep;
		r = series_view_query(w->view, &q);
	}
	return r;
}

static int piece_write(struct walk *w)
{
	int r = 0;

	qsort(w->entries, w->n, sizeof(*w->entries), compare);
	for (uint32_t i = 0; i < w->n && r == 0; i++) {
		struct entry *e = &w->entries[i];

		if (e->p.type >= SB_T_STR)
			e->p.v.blob.p = w->blobs.p + e->at;
		r = point_write(w, w->list[e->which], &e->p);
	}
	return r;
}

/* One moment has more than fits in memory: its points are in order as they come. */
static int point_pass(void *ud, const struct series_point *p)
{
	struct walk *w = ud;

	return point_write(w, w->list[w->which], p) ? -ENOBUFS : 0;
}

static int moment_write(struct walk *w, int64_t at_ns)
{
	int r = 0;

	for (w->which = 0; w->which < w->n_list && r == 0; w->which++) {
		struct series_query q = query_of(w, at_ns, at_ns);

		q.point = point_pass;
		r = series_view_query(w->view, &q);
	}
	return r == -ENOBUFS ? 1 : r;
}

static int piece_give(struct walk *w, int64_t from_ns, int64_t last_ns)
{
	int r = piece_gather(w, from_ns, last_ns);

	if (r == 0)
		return piece_write(w);
	return r == -EOVERFLOW && from_ns == last_ns ? moment_write(w, from_ns) : r;
}

/* ---- one device */

static int64_t piece_last(const struct walk *w, int64_t from_ns, int64_t last_ns)
{
	uint64_t left = (uint64_t)last_ns - (uint64_t)from_ns;

	return left < (uint64_t)w->width_ns ? last_ns : from_ns + w->width_ns - 1;
}

/* 1: the page is full, d->at says where. */
static int device_give(struct walk *w)
{
	struct position *at = &w->d->at;
	int64_t first, last;

	if (at->from_ns >= at->to_ns)
		return 0;
	series_view_bounds(w->view, &first, &last);
	int64_t from = MAX(at->from_ns, first);

	last = MIN(at->to_ns - 1, last);
	if (at->inside)
		from = MAX(from, at->ts_ns);
	w->skip = at->inside ? at->skip : 0;
	at->inside = true;
	while (from <= last) {
		int64_t end = piece_last(w, from, last);
		int r = piece_give(w, from, end);

		if (r == -EOVERFLOW) {
			w->width_ns = MAX(w->width_ns / 4, 1);
			continue;
		}
		if (r != 0)
			return r;
		if (end == last)
			break;
		if (w->n < PIECE_POINTS / 4 && w->width_ns < INT64_MAX / 4)
			w->width_ns *= 2;
		from = end + 1;
		if (from > at->ts_ns || at->skip == 0) {
			at->ts_ns = from;
			at->skip = w->skip = 0;
		}
		if (is_full(w) || clock_mono() >= w->until_ns)
			return 1;
	}
	return 0;
}

static int devices_give(struct walk *w)
{
	struct position *at = &w->d->at;
	int r;

	select_seek(w->d->select, at->device_no, 0);
	while ((r = select_next_device(w->d->select, &w->dev, &w->list, &w->n_list)) > 0) {
		if (w->dev->no != at->device_no || !at->inside) {
			at->inside = false;
			at->device_no = w->dev->no;
			at->ts_ns = INT64_MIN;
			at->skip = 0;
		}
		w->d->device = w->dev->id;
		r = device_give(w);
		if (r != 0)
			return r;
		at->device_no = w->dev->no + 1;
		at->inside = false;
		if (is_full(w) || clock_mono() >= w->until_ns)
			return 1;
	}
	return r;
}

int dump_page(struct dump *d, struct buffer *out)
{
	struct walk w = {
		.d = d,
		.out = out,
		.out_max = out->n + d->bytes_max,
		.width_ns = WIDTH_FIRST,
		.until_ns = clock_mono() + SLICE_NS,
	};

	d->points = 0;
	d->device = NULL;
	w.entries = malloc(PIECE_POINTS * sizeof(*w.entries));
	int r = w.entries ? series_view_open(d->series, &w.view) : -ENOMEM;

	if (r == 0)
		r = devices_give(&w);
	series_view_close(w.view);
	free(w.entries);
	buffer_fini(&w.blobs);
	if (r >= 0 && out->bad)
		return -ENOMEM;
	return r;
}
