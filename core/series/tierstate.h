/* What is known of the tiers: which days wait for them, up to where everything is in them, and up
 * to where raw values may be gone. Of this, a document survives; which days wait is found again in
 * the blocks. Any thread, unless said. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

#include "series/dirty.h"

struct docs;

#define TIERSTATE_CLASSES 24
#define TIERSTATE_RANGES  (2 * DIRTY_RANGES)

struct tierstate_floor { /* of a class: values before it may be gone */
	char class_[33];
	int64_t before_ns;
};

struct tierstate {
	pthread_mutex_t lock;
	struct dirty noted;         /* the flush thread's: of what it is writing */
	struct dirty waiting, busy; /* busy: being worked at */
	bool ready;                 /* what waits is known */
	bool changed;               /* since it was looked at */
	uint64_t seq_flushed;       /* blocks up to it are there, and their days noted */
	/* the document */
	uint64_t seq_digested; /* whatever blocks up to it hold before closed_before is in tiers */
	int32_t closed_before; /* day */
	uint64_t seq_block;    /* blocks of tiers have numbers up to this one */
	struct tierstate_floor floors[TIERSTATE_CLASSES];
	uint32_t n_floors;
};

void tierstate_init(struct tierstate *s);
void tierstate_fini(struct tierstate *s);
int tierstate_load(struct tierstate *s, struct docs *docs);
int tierstate_save(struct tierstate *s, struct docs *docs); /* blocks */

/* Flush thread, or whoever writes for it: a chunk of raw values goes into a block. */
int tierstate_note(struct tierstate *s, uint32_t stream, int64_t t_min_ns, int64_t t_max_ns);
/* Flush thread: blocks up to seq are there; before their rows leave the head. */
void tierstate_flushed(struct tierstate *s, uint64_t seq);
/* Something else changed what is in [t_min, t_max]; INT64_MIN and INT64_MAX do as ends. */
int tierstate_mark(struct tierstate *s, uint32_t stream, int64_t t_min_ns, int64_t t_max_ns);
/* Days of a stream that raw values must tell, ascending, unless raw values are gone; from *closed
 * on so must all. How many. */
uint32_t tierstate_days(struct tierstate *s, uint32_t stream,
                        struct dirty_range out[TIERSTATE_RANGES], int32_t *closed);
/* Raw values from here on are in no tier yet. INT64_MIN: nobody knows. */
int64_t tierstate_safe(struct tierstate *s);
/* INT64_MIN: all are there. class_ empty: the highest of all. */
int64_t tierstate_floor(struct tierstate *s, struct sb_str class_);
/* True: it rose, and must be saved before anything is dropped. */
bool tierstate_raise(struct tierstate *s, struct sb_str class_, int64_t before_ns);
