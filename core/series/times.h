/* A run of times in few bytes: steps of the widest grid that all of them lie on, whatever it is, so
 * that a stream that reports on the minute pays for minutes, not for nanoseconds. */
#pragma once
#include <stdint.h>

struct buffer;
struct cursor;

void times_give(struct buffer *out, const int64_t *v, uint32_t n);
/* The first one is told by who knows it. Both 0 or SB_E_CORRUPT. */
int times_take(struct cursor *c, int64_t first, int64_t *v, uint32_t n);
int times_take_units(struct cursor *c, int64_t *v, uint32_t n); /* chunks of format 1 */
