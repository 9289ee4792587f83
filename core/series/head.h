/* What is durable in the journal but not in blocks yet: the generation that takes rows, and the one
 * that is being flushed. The lock is held for one commit by the journal's thread, and by the others
 * only to take a reference. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct generation;

#define HEAD_GENERATIONS 2

struct head {
	pthread_mutex_t lock;
	struct generation *active, *sealed; /* sealed may be NULL */
	_Atomic uint64_t rows, points, bad_records;
};

int head_init(struct head *head);
void head_fini(struct head *head);

/* The one thread that writes: begin, any number of records in order, end. */
void head_begin(struct head *head);
void head_record(struct head *head, uint64_t seq, struct sb_bytes payload);
void head_end(struct head *head);

/* References to what is there now, the oldest first; returns how many. */
uint32_t head_take(struct head *head, struct generation *out[HEAD_GENERATIONS]);
/* From now on rows go into a new generation; a reference to the old one, which stays readable until
 * head_forget(). 0 and NULL: nothing came since. -EBUSY: one is sealed already. */
int head_seal(struct head *head, struct generation **out);
void head_forget(struct head *head);
