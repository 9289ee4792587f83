/* signalbox/kinds.h: what plugins can be. A plugin's kind is the set of interfaces it provides: ids
 * in sb_descriptor.provides, tables from sb_ops.ext(). All slots get the instance's `self`.
 *
 * Thread tags as in services.h; [store] is any host thread that may block, several at once. */
#ifndef SIGNALBOX_KINDS_H
#define SIGNALBOX_KINDS_H
#include <signalbox/services.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- "sb.source/1": anything that commits batches or submits payloads with an ack */
struct sb_completion { /* frozen */
	sb_token token;
	int32_t status;    /* 0: on disk. Negative: it is not and will not be; do not acknowledge */
	uint32_t rejected; /* points of the message that were refused */
};

struct sb_source {
	uint32_t size, pad_;
	/* [inst] In the order of commit/submit: now send the acknowledgements. */
	void (*completed)(void *self, const struct sb_completion *, uint32_t n);
	/* [inst] After back-pressure: acquire() and submit() will work again. */
	void (*writable)(void *self);
};

/* ---- "sb.codec/1": payload bytes to points, so that transport and format combine freely */
struct sb_decode {
	uint32_t size;
	uint32_t msg; /* to be set in every point */
	sb_device device;
	struct sb_str subject, content_type;
	struct sb_bytes payload;
	uint16_t flags; /* to be or-ed into every point */
	uint16_t pad_[3];
	struct sb_batch *out; /* append behind out->count and out->blob_len */
	char why[160];        /* on failure: what is wrong and where, 0-terminated */
};

struct sb_codec {
	uint32_t size, pad_;
	/* [any] How sure: 0 not mine, 1 by the first bytes, 2 by content type or subject. */
	int32_t (*claims)(void *self, const struct sb_decode *);
	/* [any] Re-entrant. All points or none: on a fault the host forgets what was appended.
	 * -ENOBUFS: the batch is too small for this payload (the host tries again with a larger
	 * one). SB_E_MALFORMED, SB_E_TYPE, SB_E_RANGE: quarantined with `why`. A series that cannot
	 * be resolved is left out; the host has counted it. */
	int32_t (*decode)(void *self, struct sb_decode *);
};

/* ---- "sb.store/1": immutable blocks of compressed chunks. The host owns the chunk format, merges
 * and caches; a store keeps bytes. */
struct sb_chunk { /* frozen */
	uint32_t stream;
	uint32_t rows;
	int64_t t_min_ns, t_max_ns; /* of its rows */
	struct sb_bytes data;       /* self-describing, with its own checksum */
};

struct sb_block {
	uint32_t size;
	uint32_t level;             /* 0: one flush; higher: replaces, see sb_store.replace */
	struct sb_str class_;       /* retention class, [a-z0-9-]{1,32} */
	uint64_t seq_min, seq_max;  /* journal sequence numbers it covers; a newer seq_max wins */
	int64_t t_min_ns, t_max_ns; /* of all its chunks; within one month of UTC */
	/* [inst] The next chunk, by (stream, t_min_ns) ascending; 1 a chunk, 0 the end, negative a
	 * fault (the store drops the block and reports it). Valid until the next call. */
	int32_t (*next)(void *ud, struct sb_chunk *out);
	void *ud;
	/* 1: with this block everything up to seq_max is in blocks. A flush that fills several, one
	 * a class and month, sets it in the last one it writes. */
	uint32_t last, pad_;
};

typedef void (*sb_store_done_fn)(void *ud, int32_t r);
/* [store] One chunk of a scan; seq is its block's seq_max. Negative stops the scan and is what
 * scan() returns. */
typedef int32_t (*sb_chunk_fn)(void *ud, const struct sb_chunk *, uint64_t seq);

struct sb_scan {
	uint32_t size;
	uint32_t n_streams;
	const uint32_t *streams; /* ascending */
	int64_t from_ns, to_ns;  /* chunks overlapping [from, to) */
	struct sb_str class_;    /* empty: every class */
};

struct sb_store_stats {
	uint32_t size, pad_;
	uint64_t blocks, bytes, chunks;
	uint64_t seq_durable; /* every journal record up to this one is in blocks: greatest seq_max
	                       * of a block written with `last` */
	int64_t t_min_ns, t_max_ns;
};

/* What a block that was forgotten held. */
struct sb_dropped {
	uint32_t size, level;
	struct sb_str class_, name; /* name: where people find or miss it, a file perhaps */
	int64_t t_min_ns, t_max_ns;
	uint64_t rows, bytes;
};
typedef void (*sb_dropped_fn)(void *ud, const struct sb_dropped *);

struct sb_drop {
	uint32_t size;
	uint32_t most;        /* blocks; 0: any number */
	struct sb_str class_; /* empty: every class */
	int64_t before_ns;    /* only blocks that end before */
	uint64_t bytes;       /* enough when so many are given back; UINT64_MAX: all of them */
};

/* What there is to know of a block without reading it. */
struct sb_block_info {
	uint32_t size, level;
	struct sb_str class_,
		name; /* name: as in sb_dropped; it stays a block's as long as it is */
	int64_t t_min_ns, t_max_ns;
	uint64_t seq_min, seq_max;
	uint64_t bytes, rows, chunks;
	uint32_t stream_min, stream_max; /* all its streams are among them */
	uint32_t last;                   /* as it was written */
	uint32_t damaged;                /* 1: reading it has failed since the store started */
};
/* Negative stops, and is what blocks() returns. */
typedef int32_t (*sb_block_fn)(void *ud, const struct sb_block_info *);
/* One block of a copy. */
enum { SB_COPY_LINKED = 1, SB_COPY_KEPT, SB_COPY_COPIED };
struct sb_copied {
	uint32_t size;
	uint32_t how;       /* a link to ours; to that of an earlier copy; bytes */
	struct sb_str name; /* below the folder copied to, its parts separated by '/' */
	uint64_t bytes, chunks, rows;
};
typedef int32_t (*sb_copied_fn)(void *ud, const struct sb_copied *); /* negative: end with that */

struct sb_copy {
	uint32_t size, pad_;
	struct sb_str to;   /* an empty folder, absolute */
	struct sb_str base; /* where an earlier copy lies: what it has may be linked; empty: none */
	sb_copied_fn fn;
	void *ud;
};

struct sb_store {
	uint32_t size, pad_;
	/* [inst] Write one block: all of it is durable and visible when done(0) is called, or
	 * nothing. Runs to the end inside the call; done is called from inside. */
	int32_t (*write_block)(void *self, const struct sb_block *, sb_store_done_fn, void *ud);
	/* [store] All chunks of these streams in this range, by stream, then time. Sees a
	 * consistent set of blocks. */
	int32_t (*scan)(void *self, const struct sb_scan *, sb_chunk_fn, void *ud);
	/* [store] */
	int32_t (*stats)(void *self, struct sb_store_stats *out);
	/* [inst] Retention: forget whole blocks of the class that end before ts_ns. */
	int32_t (*drop_before)(void *self, struct sb_str class_, int64_t ts_ns);
	/* [inst] Retention and low water: forget whole blocks, those that end first, and tell of
	 * each. A block stays as long as one written before it stays that overlaps it: what it
	 * corrects must not come back. Whoever reads a block reads on; its room is given back with
	 * the last of them. Their number, or a fault. */
	int32_t (*drop)(void *self, const struct sb_drop *, sb_dropped_fn, void *ud);
	/* What follows may be missing (size, NULL): then nothing is compacted or scrubbed. */
	/* [store] Tells of every block, in no order: a consistent set. */
	int32_t (*blocks)(void *self, sb_block_fn, void *ud);
	/* [store] All chunks of one block from this stream on, by stream, then time. The block
	 * stays readable meanwhile, whatever becomes of it. SB_E_NOT_FOUND: there is no such block;
	 * SB_E_CORRUPT, -EIO: it cannot be read any further. */
	int32_t (*read_block)(void *self, struct sb_str name, uint32_t from_stream, sb_chunk_fn,
	                      void *ud);
	/* [inst] A damaged block is not served any more, but kept for people; told of as if it were
	 * dropped. SB_E_NOT_FOUND. */
	int32_t (*set_aside)(void *self, struct sb_str name, sb_dropped_fn, void *ud);
	/* [store] As write_block, with a level above 0, but on the caller's thread (next() too) and
	 * beside a write_block that runs: it may take minutes. The new block replaces all blocks of
	 * its class and month that are of a lower level and whose [seq_min, seq_max] lies inside
	 * its own: it appears and they disappear in one moment, for whoever begins to read, and
	 * after a crash too (a store that finds both at start forgets the lower ones). Whoever
	 * reads them reads on; their room is given back with the last of them. A block without
	 * chunks is not written: what it would have replaced is dropped. fn hears of what was
	 * replaced. How many that were, or a fault: then nothing has changed. */
	int32_t (*replace)(void *self, const struct sb_block *, sb_dropped_fn, void *ud);
	/* [store] Puts the blocks of one moment into a folder, so that an instance on that folder
	 * has these and no others; linked where the file system allows it, else copied; durable
	 * when it returns. The moment is before fn hears of the first; what is dropped or rewritten
	 * meanwhile stays until it was copied. Their number, or a fault. */
	int32_t (*copy)(void *self, const struct sb_copy *);
};

/* ---- "sb.docstore/1": documents with compare-and-set: registry, users, rollouts, rules, audit */
/* The answer of one operation, from the instance's thread. */
typedef void (*sb_docstore_fn)(void *ud, int32_t r, struct sb_bytes doc, uint64_t rev);
/* [inst] One document of a scan; negative stops it. */
typedef int32_t (*sb_doc_row_fn)(void *ud, struct sb_str key, struct sb_bytes doc, uint64_t rev);

struct sb_doc_put {               /* frozen */
	struct sb_str space, key; /* space: [a-z0-9.-/]{1,64}; key: 1-512 bytes */
	struct sb_bytes doc;      /* empty: remove */
	uint64_t if_rev;          /* UINT64_MAX: any; 0: must not exist; else: must be this one */
};

struct sb_doc_copy {
	uint32_t size, pad_;
	struct sb_str to;               /* a folder, absolute, the same in every step */
	uint64_t documents, bytes;      /* out, with 0 */
	uint64_t pages_done, pages_all; /* out, with 1: how far it is */
};

struct sb_docstore {
	uint32_t size, pad_;
	/* [inst] SB_E_NOT_FOUND when there is none. */
	int32_t (*get)(void *self, struct sb_str space, struct sb_str key, sb_docstore_fn,
	               void *ud);
	/* [inst] All or nothing, durable when it returns. revs[n] gets the new revisions (0 for a
	 * removal). SB_E_CONFLICT: *bad is the first put whose if_rev did not hold. */
	int32_t (*put)(void *self, const struct sb_doc_put *, uint32_t n, uint64_t *revs,
	               uint32_t *bad);
	/* [inst] In key order (bytes), from `from` on, `limit` at most (0: all). */
	int32_t (*scan)(void *self, struct sb_str space, struct sb_str from, uint32_t limit,
	                sb_doc_row_fn, void *ud);
	/* [inst] A step of some milliseconds of copying all documents of one moment into a folder,
	 * so that an instance on that folder has them: 1 there is more to do, call again; 0 it is
	 * done, durable, and that moment is now. Puts may come between two steps. An empty `to`
	 * forgets what was begun. */
	int32_t (*copy)(void *self, struct sb_doc_copy *);
	/* [inst] Reads all there is: SB_E_CORRUPT, or 0 and the number of documents. */
	int32_t (*check)(void *self, uint64_t *documents);
};

#ifdef __cplusplus
}
#endif
#endif
