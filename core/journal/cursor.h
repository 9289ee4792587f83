/* A reader's place; see journal.h. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

#include "journal/segment.h"
#include "journal/shelf.h"

struct journal;
struct journal_commit;

struct journal_cursor {
	struct journal *j;
	struct journal_cursor *next;   /* under the journal's lock */
	_Atomic uint64_t seq;          /* read up to here */
	struct journal_commit *commit; /* being read from memory, or NULL */
	size_t at;
	int fd; /* segment being read from disk, -1: none */
	struct shelf_segment segment;
	struct segment_reader reader;
};
