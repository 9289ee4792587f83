/* The registry's documents, as core folders see them: any thread asks, the docstore instance's
 * thread answers. Writes of one moment share one commit. Also implements the service "sb.docs/1".
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct docs;
struct host;
struct sb_doc_put;

int docs_new(struct docs **out, struct host *host); /* provides "sb.docs/1"; before host_load() */
/* After host_free(): the host's threads hold its table. */
struct docs *docs_free(struct docs *docs);
/* After the docstore instance started; SB_E_NOT_FOUND if there is none. Until then, and after it
 * stopped, everything below answers -ESHUTDOWN. */
int docs_attach(struct docs *docs);

/* Before docs_attach(). full() is asked, on the docstore's thread, when a commit found the disk
 * full; true: it made room, the commit is tried again. */
void docs_when_full(struct docs *docs, bool (*full)(void *ud), void *ud);

/* [docstore thread] r 0 and the new revision, SB_E_CONFLICT, or a fault. */
typedef void (*docs_done_fn)(void *ud, int r, uint64_t rev);
/* Any thread; copies its arguments. done may be NULL; it is not called when this fails.
 * SB_E_OVERLOAD when too much waits. */
int docs_put(struct docs *docs, struct sb_str space, struct sb_str key, struct sb_bytes doc,
             uint64_t if_rev, docs_done_fn done, void *ud);

/* Main or query threads, never the docstore's: blocks until answered. All or nothing. */
int docs_put_wait(struct docs *docs, const struct sb_doc_put *puts, uint32_t n);
/* fn runs on the docstore's thread while the caller waits; negative ends the scan and is its
 * answer. */
typedef int (*docs_row_fn)(void *ud, struct sb_str key, struct sb_bytes doc, uint64_t rev);
int docs_scan_wait(struct docs *docs, struct sb_str space, docs_row_fn fn, void *ud);
/* ---- copies; docs_copy.c. Threads that may wait; -EOPNOTSUPP: the store cannot. */
struct docs_copy {
	const char *dir; /* into this folder, empty */
	/* Now and then, on the caller's thread, what was done of what; negative ends it. */
	int (*step)(void *ud, uint64_t done, uint64_t all);
	void *ud;
	uint64_t documents, bytes; /* out: as of the moment the copy is of */
};
/* Puts go on meanwhile. */
int docs_copy(struct docs *docs, struct docs_copy *copy);
/* Reads everything: SB_E_CORRUPT, or 0 and how many documents there are. */
int docs_check(struct docs *docs, uint64_t *documents);

/* Blocks until every put before this call is on disk. */
int docs_flush(struct docs *docs);
