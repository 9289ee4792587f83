/* Rows that did not fit into the head any more come back from the journal, a generation at a time.
 */
#pragma once
#include <stdint.h>

struct generation;
struct head;
struct journal;

/* Flush thread, with nothing sealed and nothing active. 1: *out is the next generation, sealed in
 * the head, to be flushed. 0: the head is not full, or not any more. */
int refill_next(struct head *head, struct journal *journal, uint64_t max_bytes,
                struct generation **out);
