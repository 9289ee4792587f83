#include "series/window.h"

#include <errno.h>

#include "base/clock.h"
#include "base/own.h"
#include "series/grid.h"

#define WIDTH_FIRST (3600 * NS_PER_S)

/* Cells that a piece is wide; its ends are cut to the range. */
struct walk {
	const struct window *w;
	int64_t width; /* of a cell */
	uint64_t units;
	int64_t at; /* the side where the next piece begins */
};

static uint64_t span(int64_t from, int64_t to)
{
	return (uint64_t)to - (uint64_t)from;
}

/* What so many more cells are wide, or for ever. */
static uint64_t more(const struct walk *k)
{
	uint64_t width = (uint64_t)k->width;
	return k->units - 1 > UINT64_MAX / width ? UINT64_MAX : (k->units - 1) * width;
}

static struct grid_cell cell_of(const struct walk *k, int64_t ts)
{
	return k->w->grid ? grid_cell(k->w->grid, ts) : (struct grid_cell){ ts, ts };
}

/* The end of a piece that begins at `at` going forwards, both included. */
static int64_t piece_last(const struct walk *k)
{
	int64_t last = cell_of(k, k->at).last_ns;
	if (last >= k->w->last_ns || more(k) >= span(last, k->w->last_ns))
		return k->w->last_ns;
	return MIN(cell_of(k, (int64_t)((uint64_t)last + more(k))).last_ns, k->w->last_ns);
}

/* The begin of a piece that ends at `at` going backwards. */
static int64_t piece_first(const struct walk *k)
{
	int64_t begin = cell_of(k, k->at).begin_ns;
	if (begin <= k->w->from_ns || more(k) >= span(k->w->from_ns, begin))
		return k->w->from_ns;
	return MAX(cell_of(k, (int64_t)((uint64_t)begin - more(k))).begin_ns, k->w->from_ns);
}

static bool step(struct walk *k, int64_t first, int64_t last)
{
	const struct window *w = k->w;
	if (w->newest_first ? first == w->from_ns : last == w->last_ns)
		return false;
	k->at = w->newest_first ? first - 1 : last + 1;
	return true;
}

static struct walk walk_of(const struct window *w)
{
	int64_t width = w->grid ? grid_nominal(w->grid) : 1;
	uint64_t first = (uint64_t)(WIDTH_FIRST / width);
	struct walk k = { .w = w,
		          .width = width,
		          .units = MAX(first, 1ULL),
		          .at = w->newest_first ? w->last_ns : w->from_ns };
	if (w->most)
		k.units = MIN(k.units, w->most);
	return k;
}

int window_walk(const struct window *w)
{
	struct walk k = walk_of(w);
	bool goes_on = w->from_ns <= w->last_ns;
	while (goes_on) {
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
		if (w->most)
			k.units = MIN(k.units, w->most);
		goes_on = !stop && step(&k, first, last);
	}
	return 0;
}
