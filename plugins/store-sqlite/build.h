/* Writes one block file: aside, synced, renamed. After a crash it is there in full or not at all;
 * what is left of an unfinished one ends in .tmp. */
#pragma once
#include <stdint.h>

#include <signalbox/kinds.h>

struct block;

/* 1: it has no chunks, and is of a level above 0; nothing is written, *out stands for it.
 * SB_E_RANGE: the block spans more than 49 days, or its chunks are not in order or outside of its
 * own range; what next() answers if that is a fault; -ENOSPC and other faults of the disk. */
int32_t build_block(const char *dir, const struct sb_block *spec, struct block **out);
