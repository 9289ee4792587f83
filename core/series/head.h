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
	uint64_t max_bytes;
	bool full;                 /* rows stay in the journal */
	uint64_t seq_in, seq_seen; /* the last record that is in, and that came */
	/* RECORD_DELETE came: rows of the generation before `at` are concerned. May come again with
	 * another place, while its generation is not part of the head yet. May be NULL. */
	void (*deleted)(void *ud, uint64_t seq, struct sb_bytes record, uint32_t at);
	void *deleted_ud;
	_Atomic uint64_t rows, points, bad_records, left_out;
};

int head_init(struct head *head, uint64_t max_bytes);
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

/* ---- flush thread, while the head is full */
bool head_is_full(struct head *head, uint64_t *seq_in);
/* A record of the journal into a generation that is not part of the head yet. -ENOMEM: some of its
 * rows may be in, but it does not count as covered. */
int head_fill(struct head *head, struct generation *g, uint64_t seq, struct sb_bytes payload);
/* Takes a reference to g, which follows on what is in, as the sealed one. */
void head_adopt_sealed(struct head *head, struct generation *g);
/* The same as the active one, if nothing came that is not in g: then the head is not full any more.
 */
bool head_adopt_active(struct head *head, struct generation *g);
