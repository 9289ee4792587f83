/* What a journal holds as files elsewhere, while it is being written. */
#pragma once
#include <stdint.h>

struct journal;

struct journal_copy {
	const char *dir; /* into this folder, empty; synced at the end */
	/* Now and then; negative ends it. May be NULL. */
	int (*step)(void *ud, uint64_t done, uint64_t all); /* bytes */
	void *ud;
	/* out */
	uint64_t segments, records, bytes;
	uint64_t seq_first, seq_last; /* 0: no records */
};
/* Everything up to what is durable now, each record checked on the way. Who wants older records to
 * be there holds them (journal_hold_new) before. A thread that may block. SB_E_CORRUPT: a record
 * that was acknowledged is damaged. */
int journal_copy_run(struct journal *j, struct journal_copy *copy);
