#include "ingest/table.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

int table_init(struct table *t, size_t entry_bytes)
{
	t->entry_bytes = entry_bytes;
	t->chunks = calloc(TABLE_CHUNKS, sizeof(*t->chunks));
	return t->chunks ? 0 : -ENOMEM;
}

void table_fini(struct table *t)
{
	for (uint32_t i = 0; t->chunks && i < TABLE_CHUNKS; i++)
		free(t->chunks[i]);
	free(t->chunks);
	t->chunks = NULL;
}

static __attribute__((noinline)) char *make_chunk(struct table *t, uint32_t at)
{
	void *nothing = NULL;
	void *chunk = calloc(TABLE_CHUNK, t->entry_bytes);
	if (chunk && !atomic_compare_exchange_strong(&t->chunks[at], &nothing, chunk)) {
		free(chunk);
		chunk = nothing;
	}
	return chunk;
}

void *table_at(struct table *t, uint32_t no)
{
	uint32_t at = no / TABLE_CHUNK;
	if (at >= TABLE_CHUNKS)
		return NULL;
	char *chunk = atomic_load_explicit(&t->chunks[at], memory_order_acquire);
	if (!chunk)
		chunk = make_chunk(t, at);
	return chunk ? chunk + (size_t)(no % TABLE_CHUNK) * t->entry_bytes : NULL;
}
