/* A chunk that nothing overlaps, as statistics of the part of it that lies in each bucket: its
 * values are decoded, but none of them takes the way of a point. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

struct pass_to;
struct slices;
struct source_want;

struct slices *slices_free(struct slices *s);
/* *s is made when it is NULL, for the chunks that follow. What the sink answered goes to *stopped.
 * 0; 1: it has to go point by point, nothing was told; SB_E_CORRUPT, nothing was told; -ENOMEM. */
int slices_run(struct slices **s, const struct source_want *want, const struct pass_to *to,
               struct sb_bytes data, uint64_t rank, int *stopped);
