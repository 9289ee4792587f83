/* Latencies in bins of 1/64 of their magnitude: from a microsecond to an hour, within 2 %. */
#pragma once
#include <stdint.h>

#define HISTOGRAM_STEPS 64
#define HISTOGRAM_BINS  (40 * HISTOGRAM_STEPS)

struct histogram {
	uint64_t n;
	uint32_t bins[HISTOGRAM_BINS];
};

void histogram_add(struct histogram *h, int64_t ns);
/* The latency in milliseconds that this share (0..1) does not exceed; 0 of an empty one. */
double histogram_ms(const struct histogram *h, double share);
void histogram_clear(struct histogram *h);
