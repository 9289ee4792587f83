#include "series/dirty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"

struct dirty_stream { /* one stretch, as almost always, lies here, several elsewhere */
	struct dirty_range one;
	struct dirty_range *many; /* [DIRTY_RANGES + 1] */
	uint32_t n;
};

void dirty_fini(struct dirty *d)
{
	for (uint32_t i = 0; i < d->n; i++)
		free(d->streams[i].many);
	free(d->streams);
	*d = (struct dirty){ 0 };
}

static int room(struct dirty *d, uint32_t stream)
{
	if (stream < d->n)
		return 0;
	uint32_t n = (stream / 1024 + 1) * 1024;
	n = MAX(n, d->n + d->n / 4);
	struct dirty_stream *streams = realloc(d->streams, n * sizeof(*streams));
	if (!streams)
		return -ENOMEM;
	memset(streams + d->n, 0, (n - d->n) * sizeof(*streams));
	d->streams = streams;
	d->n = n;
	return 0;
}

static struct dirty_range *ranges_of(struct dirty_stream *s)
{
	return s->many ? s->many : &s->one;
}

static bool touches(const struct dirty_range *a, int32_t first, int32_t last)
{
	return (int64_t)a->first <= (int64_t)last + 1 && (int64_t)first <= (int64_t)a->last + 1;
}

/* Two stretches with the least between them become one. */
static void make_fewer(struct dirty_stream *s)
{
	struct dirty_range *r = s->many;
	uint32_t best = 0;
	for (uint32_t i = 1; i + 1 < s->n; i++)
		if ((int64_t)r[i + 1].first - r[i].last < (int64_t)r[best + 1].first - r[best].last)
			best = i;
	r[best].last = r[best + 1].last;
	memmove(r + best + 1, r + best + 2, (s->n - best - 2) * sizeof(*r));
	s->n--;
}

static int insert(struct dirty_stream *s, int32_t first, int32_t last)
{
	if (s->n && !s->many) {
		s->many = calloc(DIRTY_RANGES + 1, sizeof(*s->many));
		if (!s->many)
			return -ENOMEM;
		s->many[0] = s->one;
	}
	struct dirty_range *r = ranges_of(s);
	uint32_t at = 0;
	while (at < s->n && r[at].first < first)
		at++;
	memmove(r + at + 1, r + at, (s->n - at) * sizeof(*r));
	r[at] = (struct dirty_range){ first, last };
	if (++s->n > DIRTY_RANGES)
		make_fewer(s);
	return 0;
}

int dirty_add(struct dirty *d, uint32_t stream, int32_t first, int32_t last)
{
	int r = room(d, stream);
	if (r < 0)
		return r;
	struct dirty_stream *s = &d->streams[stream];
	struct dirty_range *p = ranges_of(s);
	uint32_t n = 0;
	d->waiting += s->n == 0;
	for (uint32_t i = 0; i < s->n; i++) {
		if (touches(&p[i], first, last)) {
			first = MIN(first, p[i].first);
			last = MAX(last, p[i].last);
		} else {
			p[n++] = p[i];
		}
	}
	s->n = n;
	r = insert(s, first, last);
	if (r < 0) { /* what is there grows instead */
		s->one.first = MIN(s->one.first, first);
		s->one.last = MAX(s->one.last, last);
	}
	return 0;
}

uint32_t dirty_of(const struct dirty *d, uint32_t stream, struct dirty_range out[DIRTY_RANGES])
{
	if (stream >= d->n || !d->streams[stream].n)
		return 0;
	memcpy(out, ranges_of(&d->streams[stream]), d->streams[stream].n * sizeof(*out));
	return d->streams[stream].n;
}

uint32_t dirty_take(struct dirty *d, uint32_t from, int32_t before, struct dirty_range *out)
{
	for (uint32_t i = from; i < d->n; i++) {
		struct dirty_stream *s = &d->streams[i];
		struct dirty_range *r = ranges_of(s);
		if (!s->n || r->first >= before)
			continue;
		*out = (struct dirty_range){ r->first, MIN(r->last, before - 1) };
		if (r->last >= before) {
			r->first = before;
			return i;
		}
		memmove(r, r + 1, --s->n * sizeof(*r));
		d->waiting -= s->n == 0;
		if (!s->n) {
			free(s->many);
			s->many = NULL;
		}
		return i;
	}
	return 0;
}

int32_t dirty_least(const struct dirty *d)
{
	int32_t least = INT32_MAX;
	for (uint32_t i = 0; i < d->n; i++)
		if (d->streams[i].n)
			least = MIN(least, ranges_of(&d->streams[i])->first);
	return least;
}

bool dirty_move(struct dirty *d, struct dirty *from)
{
	bool all = true;
	for (uint32_t i = 0; i < from->n; i++) {
		struct dirty_stream *s = &from->streams[i];
		for (uint32_t k = 0; k < s->n; k++)
			all &= dirty_add(d, i, ranges_of(s)[k].first, ranges_of(s)[k].last) == 0;
	}
	dirty_fini(from);
	return all;
}
