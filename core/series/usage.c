#include "series/usage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "series/blocks.h"
#include "series/catalog.h"
#include "series/numbers.h"
#include "series/series.h"

/* ---- by class */

struct adding {
	struct series_usage *usage;
	int64_t since_ns;
};

/* What of the block's bytes belongs to times from then on, if they are spread evenly. */
static uint64_t recent_part(const struct sb_block_info *b, int64_t since_ns)
{
	double span = (double)b->t_max_ns - (double)b->t_min_ns;
	double part = (double)b->t_max_ns - (double)MAX(since_ns, b->t_min_ns);

	if (b->t_max_ns < since_ns)
		return 0;
	return span > 0 ? (uint64_t)((double)b->bytes * part / span) : b->bytes;
}

static int32_t add_block(void *ud, const struct sb_block_info *b)
{
	struct adding *a = ud;
	struct series_usage *u = a->usage;
	struct series_usage_class *c = u->classes;

	while (c < u->classes + u->n &&
	       (strlen(c->name) != b->class_.n || memcmp(c->name, b->class_.p, b->class_.n) != 0))
		c++;
	if (c == u->classes + u->n) {
		if (u->n == ARRAY_LEN(u->classes) || b->class_.n >= sizeof(c->name))
			return SB_E_QUOTA;
		*c = (struct series_usage_class){ .t_min_ns = INT64_MAX, .t_max_ns = INT64_MIN };
		memcpy(c->name, b->class_.p, b->class_.n);
		u->n++;
	}
	c->blocks++;
	c->bytes += b->bytes;
	c->rows += b->rows;
	c->t_min_ns = MIN(c->t_min_ns, b->t_min_ns);
	c->t_max_ns = MAX(c->t_max_ns, b->t_max_ns);
	u->bytes += b->bytes;
	u->bytes_recent += recent_part(b, a->since_ns);
	return 0;
}

int usage_classes(const struct blocks *blocks, int64_t since_ns, struct series_usage *out)
{
	struct adding adding = { out, since_ns };

	*out = (struct series_usage){ 0 };
	return blocks_each(blocks, add_block, &adding);
}

/* ---- by device */

struct names {
	char **names;
	size_t n, cap;
};

static int32_t add_name(void *ud, const struct sb_block_info *b)
{
	struct names *all = ud;

	if (all->n == all->cap) {
		size_t cap = all->cap ? all->cap * 2 : 64;
		/* NOLINTNEXTLINE(bugprone-sizeof-expression): the pointers are what is kept */
		char **more = reallocarray(all->names, cap, sizeof(*more));
		if (!more)
			return -ENOMEM;
		all->names = more;
		all->cap = cap;
	}
	all->names[all->n] = strndup(b->name.p, b->name.n);
	return all->names[all->n] ? (all->n++, 0) : -ENOMEM;
}

struct counting {
	const struct catalog *catalog;
	const struct series_usage_reader *reader;
};

static int32_t count_chunk(void *ud, const struct sb_chunk *chunk, uint64_t seq)
{
	const struct counting *c = ud;

	(void)seq;
	return c->reader->chunk(c->reader->ud,
	                        catalog_stream_device(c->catalog, chunk->stream % NUMBERS_MAX),
	                        chunk->data.n);
}

int usage_devices(const struct blocks *blocks, const struct catalog *catalog,
                  const struct series_usage_reader *reader)
{
	struct counting counting = { catalog, reader };
	struct names all = { 0 };
	int r = blocks_each(blocks, add_name, &all);

	for (size_t i = 0; i < all.n && r >= 0; i++) {
		r = blocks_read(blocks, sb_str_of(all.names[i], strlen(all.names[i])), 0,
		                count_chunk, &counting);
		/* Dropped or compacted meanwhile, or damaged: what can be read counts. */
		if (r == -ENOENT || r == SB_E_NOT_FOUND || r == SB_E_CORRUPT)
			r = 0;
	}
	for (size_t i = 0; i < all.n; i++)
		free(all.names[i]);
	free(all.names);
	return r < 0 ? r : 0;
}
