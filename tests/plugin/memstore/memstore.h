/* A store in memory: the contract of sb.store/1 and sb.docstore/1 and nothing else, so that what
 * the platform and its tests expect of a store is what the contract says. What is stored stays for
 * as long as the process lives, by folder, as on a disk. */
#pragma once
#include <stdbool.h>
#include <string.h>

#include <signalbox/plugin.h>

extern const struct sb_ops memstore_blocks, memstore_docs;

static inline bool memstore_same(struct sb_str a, struct sb_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
