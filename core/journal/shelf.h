/* The segment files of a journal: those with records, in order, and spares that are ready for use.
 * A thread of its own makes spares, by renaming segments nobody needs any more or by writing zeros,
 * so that the journal thread never does. Any thread, unless said. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk;

/* What was in use before a checkpoint will be before the next one: so much is kept, not made again.
 */
#define SHELF_SPARES_MAX   16
#define SHELF_SPARES_BYTES (128u << 20)

struct shelf_segment {
	uint32_t generation;
	uint64_t first_seq;
	uint64_t last_seq; /* first_seq - 1: no records; UINT64_MAX: still written */
	uint64_t size;
};

struct shelf {
	const struct disk *disk;
	int dir_fd;
	uint64_t segment_bytes;
	uint32_t spares_wanted;
	/* Records up to this one are needed by nobody; called under `lock`, by the shelf's thread.
	 */
	uint64_t (*floor)(void *ud);
	/* A spare is ready, or making one failed; the shelf's thread. */
	void (*changed)(void *ud);
	void *ud;

	pthread_mutex_t lock; /* what follows */
	pthread_cond_t wake;
	struct shelf_segment *segments; /* ascending, the one being written last */
	size_t n, cap;
	uint32_t *spares; /* ascending generations, [SHELF_SPARES_MAX + spares_wanted + 1] */
	uint32_t n_spares;
	size_t most;     /* segments with records since the last were given back */
	bool is_back;    /* some just were */
	uint32_t newest; /* highest number given to a file */
	int failure;     /* why no spare could be made, 0 */
	bool stop, started, look;
	bool hold; /* no new files, only old ones again */
	pthread_t thread;
};

/* Reads the directory: which segments hold records, which are spare. Removes what is neither.
 * -EPROTONOSUPPORT: written by a newer version. */
int shelf_init(struct shelf *shelf);
void shelf_fini(struct shelf *shelf);
int shelf_start(struct shelf *shelf);
void shelf_stop(struct shelf *shelf);

/* Takes the next spare out: 0; SB_AGAIN: none yet, changed() follows; or why there is none. */
int shelf_take(struct shelf *shelf, uint32_t *generation);
/* The spare was given its header and is written from now on. */
int shelf_begin(struct shelf *shelf, uint32_t generation, uint64_t first_seq);
/* The segment that was being written ends with this record. */
void shelf_end(struct shelf *shelf, uint64_t last_seq);
void shelf_discard(struct shelf *shelf, uint32_t generation); /* a spare that failed: unlinked */
void shelf_hold(struct shelf *shelf, bool hold);
void shelf_look(struct shelf *shelf); /* the floor rose, or a spare was taken */
/* The segment with this record, or the first one behind it. False: none. */
bool shelf_find(struct shelf *shelf, uint64_t seq, struct shelf_segment *out);
void shelf_count(struct shelf *shelf, uint64_t *segments, uint64_t *spares);
