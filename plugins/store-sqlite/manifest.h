/* Which blocks there are. Readers take a snapshot and keep it as long as they like; it never
 * changes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <signalbox/kinds.h>

struct block;
struct manifest;
struct plug;

struct snapshot {
	_Atomic uint32_t refs;
	size_t n;
	struct block *blocks[]; /* by t_min_ns, then seq_max; each with a reference */
};

int32_t manifest_new(struct manifest **out);
struct manifest *manifest_free(struct manifest *m);
/* Reads the folders, removes what is unfinished, sets damaged and foreign files aside as *.bad.
 * SB_E_ABI: a block is of a newer version. *bad counts what was set aside. */
int32_t manifest_load(struct manifest *m, const struct plug *plug, uint32_t *bad);
/* Takes them on 0. */
int32_t manifest_add(struct manifest *m, struct block *const *blocks, size_t n);
/* Takes block on success; all it replaces goes in the same moment, and fn, which may be NULL, hears
 * of it. How many, or a fault. */
int32_t manifest_replace(struct manifest *m, struct block *block, sb_dropped_fn fn, void *ud);
/* The same without a block: what one like this would replace. */
int32_t manifest_remove_like(struct manifest *m, const struct block *block, sb_dropped_fn fn,
                             void *ud);
/* With a reference, or NULL. */
struct block *manifest_find(struct manifest *m, struct sb_str name);
/* Renames the file to *.bad and serves it no more; its connections are the caller's. */
int32_t manifest_set_aside(struct manifest *m, struct block *block, sb_dropped_fn fn, void *ud);
struct snapshot *manifest_snapshot(struct manifest *m);
struct snapshot *snapshot_unref(struct snapshot *s);
/* Drops what the order says, but never the block that says up to where everything is durable; fn,
 * which may be NULL, hears of each. Their number, or a fault. */
int32_t manifest_drop(struct manifest *m, const struct sb_drop *drop, sb_dropped_fn fn, void *ud);

struct manifest_sums {
	uint64_t blocks, bytes, chunks, damaged, seq_durable;
	int64_t t_min_ns, t_max_ns; /* both 0 without blocks */
};
void manifest_sums(struct manifest *m, struct manifest_sums *out);
