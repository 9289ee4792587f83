/* The journal: the one place where a message becomes durable. Producers fill rings; one thread
 * gathers all rings into a group, writes it padded to 4 KiB into a preallocated segment, fdatasyncs
 * once, and reports. Format and failure rules: journal/DESIGN.md.
 *
 * Threads: producers each on their own; journal_define() any; the rest main, unless said. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <signalbox/types.h>

struct disk;
struct journal;
struct journal_ring;
struct journal_commit;

enum journal_health {
	JOURNAL_OK,
	JOURNAL_DEGRADED, /* nothing is acknowledged any more: disk failed or is full */
};

struct journal_config {
	const char *dir;        /* exists, ours */
	uint64_t segment_bytes; /* 16..64 MiB */
	/* How long a commit waits for company: not at all at low rates, this long from some 2,000
	 * messages a second on, and up to three times as long when the processor is the limit. */
	int64_t linger_max_ns;
	bool linger_always; /* flash: at any rate exactly that long, because every commit wears */
	uint32_t spare_segments; /* kept ready, 2 */
	/* All on the journal thread, none may block. */
	/* A group is on disk. The commit is borrowed; keep it with journal_commit_ref(). */
	void (*committed)(void *ud, struct journal_commit *commit);
	void (*health_changed)(void *ud, enum journal_health health, int r);
	void *ud;
	const struct disk *disk; /* NULL: the real one; tests put theirs (journal/disk.h) */
};

int journal_new(struct journal **out, const struct journal_config *config);
struct journal *journal_free(
	struct journal *j); /* stops first; everything published is committed */

/* Before journal_start(): every record after the sequence number `after`, in order. Stops at the
 * first bad record: that is the end. A negative answer of fn ends it and is returned. */
typedef int (*journal_record_fn)(void *ud, uint64_t seq, struct sb_bytes payload);
int journal_replay(struct journal *j, uint64_t after, journal_record_fn fn, void *ud);
int journal_start(struct journal *j);
/* Commits everything published, then ends the thread; the journal can still be read. Idempotent. */
void journal_stop(struct journal *j);

/* ---- producers: a record's payload begins with its enum record_type byte */
typedef void (*journal_progress_fn)(void *ud); /* journal thread: journal_ring_done() moved */
int journal_ring_new(struct journal *j, size_t bytes, journal_progress_fn progress, void *ud,
                     struct journal_ring **out); /* any thread */
/* The owner published its last record; the ring is freed when that is committed. progress is not
 * called any more once this returns; do not call it from progress. */
void journal_ring_retire(struct journal_ring *ring);
#define JOURNAL_RECORD_MAX (1024 * 1024)
size_t journal_record_max(const struct journal *j); /* that, or a fifth of a small segment */
void *journal_ring_reserve(struct journal_ring *ring,
                           size_t n); /* NULL: full, or n over the limit */
void journal_ring_commit(struct journal_ring *ring, size_t n);
void journal_ring_publish(struct journal_ring *ring); /* show and wake; once per loop turn */
size_t journal_ring_space(struct journal_ring *ring);
/* Records committed to this ring so far, and how many of them are decided. The producer's ticket is
 * the count after its commit. *r tells the fate of those between the previous answer and this one:
 * 0 durable, negative failed (the journal is or was degraded). Call again until the answer no
 * longer moves: one answer never spans both fates. */
uint64_t journal_ring_count(const struct journal_ring *ring);
uint64_t journal_ring_done(struct journal_ring *ring, int *r);

/* Any thread: a definition (series, device) that is on disk before any record published after this
 * call that depends on it, whichever ring that takes. Survives a degraded journal: it is written
 * first when the disk is back. SB_E_OVERLOAD beyond 64 MiB of them. */
int journal_define(struct journal *j, struct sb_bytes payload);

/* ---- consumers */
uint64_t journal_commit_seq_first(const struct journal_commit *commit);
uint64_t journal_commit_seq_last(const struct journal_commit *commit);
/* Records of a commit in order; *at starts as 0; false at the end. */
bool journal_commit_next(const struct journal_commit *commit, size_t *at, uint64_t *seq,
                         struct sb_bytes *payload);
struct journal_commit *journal_commit_ref(struct journal_commit *commit);
struct journal_commit *journal_commit_unref(struct journal_commit *commit);

/* A place in the journal that survives falling behind: reads from memory while it keeps up, from
 * the segments when it does not. One thread each. Segments it still needs are not recycled. */
struct journal_cursor;
/* Before or after journal_start(), once replayed. SB_E_RANGE: records behind `after` are recycled.
 */
int journal_cursor_new(struct journal *j, uint64_t after, struct journal_cursor **out);
struct journal_cursor *journal_cursor_free(struct journal_cursor *c);
/* The next record; 0, or SB_AGAIN when there is none yet. payload lives until the next call. */
int journal_cursor_next(struct journal_cursor *c, uint64_t *seq, struct sb_bytes *payload);

/* A consumer that reads nothing now but will need records later. Records with a higher number than
 * `after` are kept; UINT64_MAX: it needs none. Any thread. */
struct journal_hold;
int journal_hold_new(struct journal *j, uint64_t after, struct journal_hold **out);
void journal_hold_move(struct journal_hold *hold, uint64_t after);
struct journal_hold *journal_hold_free(struct journal_hold *hold); /* before the journal */

/* Everything up to seq is in blocks and registry.db: segments before it may be recycled, unless a
 * cursor or a hold needs them. Any thread. */
void journal_checkpoint(struct journal *j, uint64_t seq);
/* The disk is nearly full: no new segments while this holds, only those nobody needs any more are
 * used again. Any thread. */
void journal_hold(struct journal *j, bool hold);
uint64_t journal_seq(const struct journal *j); /* last durable record; any thread */

struct journal_stats {
	uint64_t commits, records, bytes_payload, bytes_written, sync_failures, segments,
		segments_spare;
	int64_t sync_ns_last, sync_ns_max;
	enum journal_health health;
};
void journal_stats(const struct journal *j, struct journal_stats *out); /* any thread */
