/* What is deleted: ranges of time of columns of streams, up to a journal record. Values written
 * after it, of whatever time, are not concerned. Kept in documents until no block holds anything of
 * it any more. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <signalbox/types.h>

struct buffer;
struct docs;
struct generation;

#define TOMBS_MAX     65536 /* of a stream each */
#define TOMBS_RECORD  1024  /* streams of one record */
#define TOMBS_AWAITED 32

struct tomb {
	uint32_t stream;
	uint32_t at;              /* in the generation that got the record: rows before it */
	uint64_t columns;         /* a mask */
	uint64_t seq;             /* the record */
	int64_t from_ns, last_ns; /* both included */
};

struct tombs_view { /* never changes */
	_Atomic uint32_t refs;
	size_t n;
	struct tomb at[]; /* by stream */
};

struct tombs_record {
	uint64_t seq;
	uint8_t *p;
	size_t n;
	bool saved;
};

struct tombs {
	pthread_mutex_t lock;
	pthread_cond_t seen;
	struct tombs_view *now; /* NULL: nothing is deleted */
	struct tombs_record *records;
	size_t n, cap;
	struct {
		uint64_t id, seq;
	} last[TOMBS_AWAITED];
	uint32_t at;
	_Atomic uint64_t ids; /* given to records */
};

typedef void (*tombs_fn)(void *ud, const struct tomb *t);

int tombs_init(struct tombs *t);
void tombs_fini(struct tombs *t);
/* A record for the journal: id is the caller's, to know it again. */
void tombs_give(struct buffer *out, uint64_t id, int64_t from_ns, int64_t last_ns,
                const struct tomb *targets, uint32_t n);
/* Whoever sees RECORD_DELETE, in order of the journal; a record known before only gets another
 * place. fn, which may be NULL, hears of each stream. 0, SB_E_CORRUPT, SB_E_QUOTA, -ENOMEM. */
int tombs_add(struct tombs *t, uint64_t seq, struct sb_bytes record, uint32_t at, tombs_fn fn,
              void *ud);
/* The streams of a record. */
int tombs_read(struct sb_bytes record, tombs_fn fn, void *ud);
/* Waits until the record with this id was added; its number, or 0 after so long. */
uint64_t tombs_wait(struct tombs *t, uint64_t id, int64_t ns);
size_t tombs_count(struct tombs *t);

int tombs_load(struct tombs *t, struct docs *docs); /* main, at start */
int tombs_save(struct tombs *t, struct docs *docs); /* those that are not on disk as documents */
int tombs_forget(struct tombs *t, struct docs *docs, uint64_t seq);

/* References; NULL: nothing is deleted. Taken after those to the head, before the store is asked.
 */
struct tombs_view *tombs_view(struct tombs *t);
struct tombs_view *tombs_view_drop(struct tombs_view *v);
/* Columns that are deleted of a row in a block whose rank (seq_max) this is. */
uint64_t tombs_of_block(const struct tombs_view *v, uint32_t stream, int64_t ts_ns, uint64_t rank);
/* Of a row in a generation, where it is; when its rows have been read already. */
uint64_t tombs_of_row(const struct tombs_view *v, uint32_t stream, int64_t ts_ns,
                      const struct generation *g, uint32_t at);
/* Whether anything of the column may be deleted in [t_min, t_max] of a block. */
bool tombs_touch(const struct tombs_view *v, uint32_t stream, uint8_t column, int64_t t_min_ns,
                 int64_t t_max_ns, uint64_t rank);
/* The same of any block and generation. */
bool tombs_has(const struct tombs_view *v, uint32_t stream);
