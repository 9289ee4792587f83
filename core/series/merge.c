#include "series/merge.h"

#include <errno.h>
#include <stdlib.h>

#include "series/series.h"
#include "series/source.h"

void merge_fini(struct merge *m)
{
	for (size_t i = 0; i < m->n; i++)
		source_free(m->heap[i]);
	free(m->heap);
	m->ended = source_free(m->ended);
	*m = (struct merge){ 0 };
}

static bool before(const struct source *a, const struct source *b)
{
	int64_t x = source_ts(a), y = source_ts(b);
	return x != y ? x < y : source_rank(a) > source_rank(b);
}

static void swap(struct merge *m, size_t i, size_t k)
{
	struct source *s = m->heap[i];
	m->heap[i] = m->heap[k];
	m->heap[k] = s;
}

static void sink(struct merge *m)
{
	for (size_t i = 0, child; (child = 2 * i + 1) < m->n; i = child) {
		if (child + 1 < m->n && before(m->heap[child + 1], m->heap[child]))
			child++;
		if (!before(m->heap[child], m->heap[i]))
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
		struct source **heap = realloc(m->heap, cap * sizeof(*heap));
		if (!heap) {
			source_free(s);
			return -ENOMEM;
		}
		m->heap = heap;
		m->cap = cap;
	}
	size_t i = m->n++;
	m->heap[i] = s;
	for (; i > 0 && before(m->heap[i], m->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(m, i, (i - 1) / 2);
	return 0;
}

bool merge_peek(const struct merge *m, int64_t *ts)
{
	if (m->n)
		*ts = source_ts(m->heap[0]);
	return m->n > 0;
}

/* The top source moves on; if that was its end, it is returned. */
static struct source *step(struct merge *m)
{
	struct source *top = m->heap[0];
	struct source *ended = NULL;
	if (!source_step(top)) {
		ended = top;
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
	source_get(m->heap[0], out);
	*rank = source_rank(m->heap[0]);
	m->ended = step(m);
	while (m->n && source_ts(m->heap[0]) == out->ts_ns)
		source_free(step(m));
	return true;
}
