/* A run of doubles in few bytes, bit for bit. Most sensors send decimals (21.5), some of them as
 * floats of 32 bits: these go as scaled integers, the odd one out as an exception. What is not
 * decimal goes as the difference of its bits to those before it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "series/ints.h"

struct buffer;
struct cursor;

enum {
	FLOATS_F32 = 32, /* map: exponent + this: decimals of 32-bit floats */
	FLOATS_RAW = 254,
	FLOATS_XOR = 255,
};

struct floats {      /* how a run will be given */
	uint8_t map; /* decimal exponent 0..9, + FLOATS_F32; or FLOATS_RAW */
	uint32_t exceptions;
	int64_t scaled[INTS_MAX]; /* those of exceptions repeat the one before */
	bool exception[INTS_MAX];
};

static inline double floats_value(uint64_t bits)
{
	double v;
	memcpy(&v, &bits, sizeof(v));
	return v;
}

static inline uint64_t floats_bits(double v)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

void floats_plan(struct floats *f, const uint64_t *bits, uint32_t n);
void floats_give(struct buffer *out, const struct floats *f, const uint64_t *bits, uint32_t n);
int floats_take(struct cursor *c, uint64_t *bits, uint32_t n); /* 0, or SB_E_CORRUPT */
/* The double that a scaled integer under this map stands for. */
uint64_t floats_join(int64_t scaled, uint8_t map);
bool floats_map_good(uint8_t map); /* is it one with a decimal exponent? */
