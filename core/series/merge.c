#include "series/merge.h"

#include <errno.h>
#include <stdlib.h>

#include "series/series.h"
#include "series/source.h"

void merge_fini(struct merge *m)
{
	for (size_t i = 0; i < m->n; i++)
		source_free(m->heap[i].source);
	free(m->heap);
	m->ended = source_free(m->ended);
	*m = (struct merge){ 0 };
}

static bool before(const struct merge_item *a, const struct merge_item *b)
{
	return a->ts_ns != b->ts_ns ? a->ts_ns < b->ts_ns : a->rank > b->rank;
}

static void swap(struct merge *m, size_t i, size_t k)
{
	struct merge_item item = m->heap[i];
	m->heap[i] = m->heap[k];
	m->heap[k] = item;
}

static void sink(struct merge *m)
{
	size_t child;
	for (size_t i = 0; (child = 2 * i + 1) < m->n; i = child) {
		if (child + 1 < m->n && before(&m->heap[child + 1], &m->heap[child]))
			child++;
		if (!before(&m->heap[child], &m->heap[i]))
			return;
		swap(m, i, child);
	}
}

int merge_add(struct merge *m, struct source *s)
{
	if (!s)
		return 0;
	if (m->n == m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 16;
		struct merge_item *heap = realloc(m->heap, cap * sizeof(*heap));
		if (!heap) {
			source_free(s);
			return -ENOMEM;
		}
		m->heap = heap;
		m->cap = cap;
	}
	size_t i = m->n++;
	m->heap[i] = (struct merge_item){ source_ts(s), source_rank(s), s };
	for (; i > 0 && before(&m->heap[i], &m->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(m, i, (i - 1) / 2);
	return 0;
}

bool merge_peek(const struct merge *m, int64_t *ts)
{
	if (m->n)
		*ts = m->heap[0].ts_ns;
	return m->n > 0;
}

/* The top source moves on; if that was its end, it is returned. */
static struct source *step(struct merge *m)
{
	struct source *ended = NULL;
	if (source_step(m->heap[0].source)) {
		m->heap[0].ts_ns = source_ts(m->heap[0].source);
	} else {
		ended = m->heap[0].source;
		m->heap[0] = m->heap[--m->n];
	}
	sink(m);
	return ended;
}

bool merge_next(struct merge *m, struct series_point *out, uint64_t *rank)
{
	m->ended = source_free(m->ended);
	if (!m->n)
		return false;
	source_get(m->heap[0].source, out);
	*rank = m->heap[0].rank;
	m->ended = step(m);
	while (m->n && m->heap[0].ts_ns == out->ts_ns)
		source_free(step(m));
	return true;
}
