#include "series/window.h"

#include <errno.h>

#include "base/clock.h"
#include "base/own.h"
#include "series/bucket.h"

#define WIDTH_FIRST (3600 * NS_PER_S)

/* Units of align_ns that a piece is wide; its ends are cut to the range. */
struct walk {
	const struct window *w;
	uint64_t units;
	int64_t at; /* the side where the next piece begins */
};

static uint64_t span(int64_t from, int64_t to)
{
	return (uint64_t)to - (uint64_t)from;
}

/* The end of a piece that begins at `at` going forwards, both included. */
static int64_t piece_last(const struct walk *k)
{
	uint64_t align = (uint64_t)k->w->align_ns;
	uint64_t into = span(bucket_begin(k->at, k->w->align_ns), k->at);
	uint64_t more = k->units > UINT64_MAX / align ? UINT64_MAX : k->units * align;
	more = more > into ? more - into - 1 : 0;
	return more >= span(k->at, k->w->last_ns) ? k->w->last_ns
	                                          : (int64_t)((uint64_t)k->at + more);
}

/* The begin of a piece that ends at `at` going backwards. */
static int64_t piece_first(const struct walk *k)
{
	uint64_t align = (uint64_t)k->w->align_ns;
	int64_t begin = bucket_begin(k->at, k->w->align_ns);
	uint64_t less = k->units - 1 > UINT64_MAX / align ? UINT64_MAX : (k->units - 1) * align;
	if (begin < k->w->from_ns || less >= span(k->w->from_ns, begin))
		return k->w->from_ns;
	return (int64_t)((uint64_t)begin - less);
}

static bool step(struct walk *k, int64_t first, int64_t last)
{
	const struct window *w = k->w;
	if (w->newest_first ? first == w->from_ns : last == w->last_ns)
		return false;
	k->at = w->newest_first ? first - 1 : last + 1;
	return true;
}

int window_walk(const struct window *w)
{
	uint64_t first_units = (uint64_t)(WIDTH_FIRST / w->align_ns);
	struct walk k = { .w = w,
		          .units = MAX(first_units, 1ULL),
		          .at = w->newest_first ? w->last_ns : w->from_ns };
	bool more = w->from_ns <= w->last_ns;
	while (more) {
		int64_t first = w->newest_first ? piece_first(&k) : k.at;
		int64_t last = w->newest_first ? k.at : piece_last(&k);
		bool stop = false;
		int64_t n = w->take(w->ud, first, last, k.units == 1, &stop);
		if (n == -EOVERFLOW) {
			k.units = MAX(k.units / 4, 1ULL);
			continue;
		}
		if (n < 0)
			return (int)n;
		if (n < w->few && k.units < UINT64_MAX / 8)
			k.units *= 4;
		more = !stop && step(&k, first, last);
	}
	return 0;
}
