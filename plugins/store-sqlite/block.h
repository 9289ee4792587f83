/* One block file in the manifest. Shared by everybody who reads it: the last one to let go of a
 * block that retention dropped removes the file. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/kinds.h>

#include "facts.h"

struct block {
	struct facts facts;
	uint64_t bytes;
	_Atomic uint32_t refs;
	_Atomic bool dropped; /* remove the file with the last reference */
	_Atomic bool aside;   /* the file has another name now, nothing to remove */
	_Atomic bool damaged; /* a scan found broken pages in it */
	char path[];
};

int32_t block_new(struct block **out, const char *path);
/* Opens the file and believes it only if everything fits: SB_E_CORRUPT, SB_E_ABI. */
int32_t block_load(struct block **out, const char *path);
/* Renames the file, durably: *.bad, or *.bad1 and so on if there is one already. */
int32_t block_set_aside(const char *path);
struct block *block_ref(struct block *block);
struct block *block_unref(struct block *block);
/* A read-only connection to its file, which never changes. */
int32_t block_open(const char *path, sqlite3 **out);
/* The file is what its folder and name say; else a foreign or exchanged one. */
bool block_is_named(const struct block *block);
/* Of one folder, a higher level, and covering all that the older one covers. */
bool block_replaces(const struct block *block, const struct block *older);
void block_tell(const struct block *block, struct sb_block_info *out);
/* Could it have chunks of this stream and range? */
bool block_overlaps(const struct block *block, int64_t from_ns, int64_t to_ns);
