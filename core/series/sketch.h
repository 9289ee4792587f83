/* Quantiles of a bucket's numbers: exact to the value while there are at most SKETCH_EXACT
 * different steps of it, else to 1 % of the value (or one denormal), in bounded memory: counts by
 * logarithm (DDSketch), from the smallest denormal to the largest number, of both signs. A quantile
 * q of n numbers is the one at place ceil(q * n), counted from 1 in ascending order. */
#pragma once
#include <stdint.h>

#define SKETCH_EXACT 1024
#define SKETCH_ERROR 0.01

struct sketch_side { /* of one sign; zero: empty */
	int32_t first;
	uint32_t n;
	uint64_t *counts;
};

struct sketch { /* zero: empty */
	uint64_t n;
	double min, max;
	struct sketch_item {
		double v;
		uint64_t count;
	} * items; /* while exact */
	uint32_t n_items;
	uint64_t zeros, infinite[2]; /* infinite: -, + */
	struct sketch_side sides[2]; /* -, + */
};

void sketch_fini(struct sketch *s);
void sketch_reset(struct sketch *s);                        /* keeps its memory */
int sketch_add(struct sketch *s, double v, uint64_t count); /* not NaN; 0, -ENOMEM */
double sketch_quantile(struct sketch *s, double q);         /* 0..1; NaN of nothing */
