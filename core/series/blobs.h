/* A run of texts or blobs: few different ones are kept once and referred to. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

struct buffer;
struct cursor;

void blobs_give(struct buffer *out, const struct sb_bytes *blobs, uint32_t n);
/* 0, or SB_E_CORRUPT. What comes out is borrowed from the cursor's bytes. */
int blobs_take(struct cursor *c, struct sb_bytes *out, uint32_t n);
