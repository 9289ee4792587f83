#include "series/fetched.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "series/blocks.h"
#include "series/catalog.h"
#include "series/source.h"

#define BYTES_MAX (4u << 20)
#define FULL      (-EOVERFLOW)

void fetched_fini(struct fetched *f)
{
	free(f->streams);
	free(f->chunks);
	buffer_fini(&f->bytes);
	*f = (struct fetched){ 0 };
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static int stream_add(struct fetched *f, uint32_t stream)
{
	if (f->n_streams && f->streams[f->n_streams - 1] == stream)
		return 0;
	if (f->n_streams == f->cap_streams) {
		uint32_t cap = MAX(2 * f->cap_streams, 64u);
		uint32_t *more = realloc(f->streams, cap * sizeof(*more));
		if (!more)
			return -ENOMEM;
		f->streams = more;
		f->cap_streams = cap;
	}
	f->streams[f->n_streams++] = stream;
	return 0;
}

static int streams_of(struct fetched *f, struct series *const *series, uint32_t n)
{
	int r = 0;
	f->n_streams = 0;
	for (uint32_t i = 0; i < n; i++) {
		for (int t = 0; t < SERIES_TYPES && r >= 0; t++) {
			uint32_t stream = series[i]->places[t].stream;
			if (stream)
				r = stream_add(f, stream);
		}
	}
	if (r < 0 || !f->n_streams)
		return r;
	qsort(f->streams, f->n_streams, sizeof(*f->streams), compare);
	uint32_t kept = 1;
	for (uint32_t i = 1; i < f->n_streams; i++)
		if (f->streams[i] != f->streams[kept - 1])
			f->streams[kept++] = f->streams[i];
	f->n_streams = kept;
	return 0;
}

static int32_t chunk_keep(void *ud, const struct sb_chunk *c, uint64_t seq)
{
	struct fetched *f = ud;
	if (f->stop && f->stop(f->stop_ud))
		return -ECANCELED;
	f->end = c->stream;
	if (f->bytes.n + c->data.n > BYTES_MAX)
		return FULL;
	if (f->n == f->cap) {
		size_t cap = MAX(2 * f->cap, (size_t)256);
		struct fetched_chunk *more = realloc(f->chunks, cap * sizeof(*more));
		if (!more)
			return -ENOMEM;
		f->chunks = more;
		f->cap = cap;
	}
	f->chunks[f->n] = (struct fetched_chunk){ *c, seq, f->bytes.n };
	buffer_give(&f->bytes, c->data.p, c->data.n);
	if (f->bytes.bad)
		return -ENOMEM;
	f->n++;
	return 0;
}

void fetched_fill(struct fetched *f, const struct blocks *blocks, struct series *const *series,
                  uint32_t n, int64_t from_ns, int64_t last_ns)
{
	f->n = 0;
	f->end = 0;
	f->from_ns = from_ns;
	f->last_ns = last_ns;
	buffer_reset(&f->bytes);
	f->bytes.bad = false;
	if (streams_of(f, series, n) < 0 || !f->n_streams)
		return;
	struct sb_scan scan = {
		.size = sizeof(scan),
		.n_streams = f->n_streams,
		.streams = f->streams,
		.from_ns = from_ns,
		.to_ns = last_ns == INT64_MAX ? INT64_MAX : last_ns + 1,
	};
	if (blocks_scan(blocks, &scan, chunk_keep, f) == 0)
		f->end = UINT32_MAX;
}

/* The first chunk of this stream. */
static size_t first_of(const struct fetched *f, uint32_t stream)
{
	size_t low = 0;
	size_t high = f->n;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (f->chunks[mid].c.stream < stream)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool fetched_scan(const struct fetched *f, const struct source_want *want, sb_chunk_fn fn, void *ud,
                  int *r)
{
	if (want->stream >= f->end || want->from_ns < f->from_ns || want->last_ns > f->last_ns ||
	    !bsearch(&want->stream, f->streams, f->n_streams, sizeof(*f->streams), compare))
		return false;
	*r = 0;
	for (size_t i = first_of(f, want->stream); i < f->n && *r >= 0; i++) {
		struct sb_chunk c = f->chunks[i].c;
		if (c.stream != want->stream)
			break;
		c.data.p = f->bytes.p + f->chunks[i].at;
		if (c.t_min_ns <= want->last_ns && c.t_max_ns >= want->from_ns)
			*r = fn(ud, &c, f->chunks[i].seq);
	}
	return true;
}
