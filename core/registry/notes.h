/* Why messages of a device were refused, and the head of those nobody could read: a document a
 * device, of 4 KiB at most, written with the counters. */
#pragma once
#include <stdint.h>

struct registry;

/* Of those that have news, so many devices at most; 0: all. Writer thread, blocks. */
int notes_save(struct registry *reg, uint32_t most);
int notes_load(struct registry *reg); /* main, at start, after the devices */
