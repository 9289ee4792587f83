/* A run of 64-bit integers in few bytes: as they are, as differences, or as differences of these;
 * constant, packed to the width a group needs, Golomb-Rice coded, or as runs: whatever is smallest.
 * Arithmetic wraps, so that any 64 bits come back. */
#pragma once
#include <stdint.h>

struct buffer;
struct cursor;

#define INTS_MAX 512 /* numbers in one run */

void ints_give(struct buffer *out, const int64_t *v, uint32_t n);
int ints_take(struct cursor *c, int64_t *out, uint32_t n); /* 0, or SB_E_CORRUPT */
