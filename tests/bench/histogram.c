#include "histogram.h"

#include <string.h>

/* Up to 64 linear, then 64 steps for each doubling. */
static uint32_t bin_of(uint64_t us)
{
	if (us < HISTOGRAM_STEPS)
		return (uint32_t)us;
	uint32_t log = 63 - (uint32_t)__builtin_clzll(us);
	uint32_t step = (uint32_t)(us >> (log - 6)) & (HISTOGRAM_STEPS - 1);
	uint32_t bin = (log - 5) * HISTOGRAM_STEPS + step;
	return bin < HISTOGRAM_BINS ? bin : HISTOGRAM_BINS - 1;
}

static double bin_end_us(uint32_t bin)
{
	if (bin < HISTOGRAM_STEPS)
		return bin + 1.0;
	uint32_t log = bin / HISTOGRAM_STEPS + 5;
	uint64_t step = bin % HISTOGRAM_STEPS + HISTOGRAM_STEPS + 1;
	return (double)(step << (log - 6));
}

void histogram_add(struct histogram *h, int64_t ns)
{
	h->bins[bin_of(ns > 0 ? (uint64_t)ns / 1000 : 0)]++;
	h->n++;
}

double histogram_ms(const struct histogram *h, double share)
{
	uint64_t want = (uint64_t)((double)h->n * share);
	uint64_t sum = 0;

	for (uint32_t i = 0; h->n && i < HISTOGRAM_BINS; i++) {
		sum += h->bins[i];
		if (sum && sum >= want)
			return bin_end_us(i) / 1000;
	}
	return 0;
}

void histogram_clear(struct histogram *h)
{
	memset(h, 0, sizeof(*h));
}
