#include "series/gathered.h"

#include <errno.h>
#include <stdlib.h>

#include "series/column.h"

void gathered_fini(struct gathered *g)
{
	free(g->points);
	buffer_fini(&g->texts);
	*g = (struct gathered){ 0 };
}

void gathered_reset(struct gathered *g, bool unlimited)
{
	g->n = 0;
	g->unlimited = unlimited;
	buffer_reset(&g->texts);
}

static int room(struct gathered *g)
{
	if (g->n < g->cap)
		return 0;
	size_t cap = g->cap ? 2 * g->cap : 256;
	struct gathered_point *points = realloc(g->points, cap * sizeof(*points));
	if (!points)
		return -ENOMEM;
	g->points = points;
	g->cap = cap;
	return 0;
}

int gathered_add(struct gathered *g, const struct series_point *p, uint64_t rank)
{
	size_t text = column_is_blob(p->type) ? p->v.blob.n : 0;
	if (!g->unlimited && (g->n >= GATHERED_POINTS || g->texts.n + text > GATHERED_BYTES))
		return -EOVERFLOW;
	int r = room(g);
	if (r < 0)
		return r;
	g->points[g->n++] = (struct gathered_point){ *p, rank, g->texts.n };
	if (!text)
		return 0;
	buffer_give(&g->texts, p->v.blob.p, text);
	if (!g->texts.bad)
		return 0;
	buffer_fini(&g->texts);
	return -ENOMEM;
}

static int compare(const void *a, const void *b)
{
	const struct gathered_point *x = a;
	const struct gathered_point *y = b;
	if (x->p.ts_ns != y->p.ts_ns)
		return x->p.ts_ns < y->p.ts_ns ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->p.rx_ns != y->p.rx_ns)
		return x->p.rx_ns < y->p.rx_ns ? -1 : 1;
	return 0;
}

void gathered_sort(struct gathered *g)
{
	size_t n = 0;
	if (g->n)
		qsort(g->points, g->n, sizeof(*g->points), compare);
	for (size_t i = 0; i < g->n; i++) {
		if (n && g->points[n - 1].p.ts_ns == g->points[i].p.ts_ns)
			n--;
		g->points[n++] = g->points[i];
	}
	g->n = n;
}

struct series_point gathered_at(const struct gathered *g, size_t at)
{
	struct series_point p = g->points[at].p;
	if (column_is_blob(p.type))
		p.v.blob.p = g->texts.p + g->points[at].text_at;
	return p;
}
