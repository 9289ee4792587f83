/* A run of texts or blobs: few different ones are kept once and referred to, many are compressed
 * together where that helps. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

struct buffer;
struct cursor;

void blobs_give(struct buffer *out, const struct sb_bytes *blobs, uint32_t n);
/* 0, SB_E_CORRUPT or -ENOMEM. What comes out is borrowed from the cursor's bytes, or from *text if
 * they were compressed: the caller frees it, in every case. */
int blobs_take(struct cursor *c, struct sb_bytes *out, uint32_t n, uint8_t **text);
