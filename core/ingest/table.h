/* Zeroed entries by number, made on first use and never moved: what ingest remembers of a stream or
 * a device. Look-up takes no lock. Any thread. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define TABLE_CHUNK  1024u
#define TABLE_CHUNKS 16384u /* 16 million entries */

struct table {
	size_t entry_bytes;
	void *_Atomic *chunks; /* [TABLE_CHUNKS] */
};

int table_init(struct table *t, size_t entry_bytes);
void table_fini(struct table *t);
void *table_at(struct table *t, uint32_t no); /* NULL: no memory, or a number out of range */
