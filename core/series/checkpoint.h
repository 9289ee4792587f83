/* Up to which journal record everything is in blocks and documents: a document of its own, written
 * when all of that is on disk. A store cannot tell, because a flush may end between two of its
 * blocks. */
#pragma once
#include <stdint.h>

struct docs;

int checkpoint_load(struct docs *docs, uint64_t *seq); /* 0: never flushed */
int checkpoint_save(struct docs *docs, uint64_t seq);
