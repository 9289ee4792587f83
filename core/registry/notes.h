/* Why messages of a device were refused, and the head of those nobody could read: a document a
 * device, of 4 KiB at most, written with the counters. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

struct buffer;
struct device;
struct registry;

/* Of those that have news, so many devices at most; 0: all. Writer thread, blocks. */
int notes_save(struct registry *reg, uint32_t most);
int notes_load(struct registry *reg); /* main, at start, after the devices */
/* One document. L. SB_E_CORRUPT: dev has what could be read. */
void notes_give(struct buffer *out, const struct device *dev);
int notes_take(struct sb_bytes doc, struct device *dev);
