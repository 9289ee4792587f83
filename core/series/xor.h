/* Words whose bits are nearly those of the word before: only the part that differs is kept. */
#pragma once
#include <stdint.h>

struct buffer;
struct cursor;

void xor_give(struct buffer *out, const uint64_t *words, uint32_t n);
int xor_take(struct cursor *c, uint64_t *words, uint32_t n); /* 0, or SB_E_CORRUPT */
