#include "series/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/own.h"
#include "model/row.h"
#include "series/catalog.h"

struct columns {
	struct columns *older; /* somebody may still be looking into it */
	uint32_t cap;
	struct series *_Atomic at[];
};

struct stream {
	uint32_t device_no;
	uint32_t count;
	struct columns *_Atomic columns;
};

int places_init(struct places *t)
{
	t->next = 1;
	return numbers_init(&t->streams);
}

static void stream_free(struct stream *st)
{
	struct columns *c = st->columns;
	while (c) {
		struct columns *older = c->older;
		free(c);
		c = older;
	}
	free(st);
}

void places_fini(struct places *t)
{
	for (uint32_t i = 1; t->streams.pages && i < t->end; i++) {
		struct stream *st = numbers_get(&t->streams, i);
		if (st)
			stream_free(st);
	}
	numbers_fini(&t->streams);
}

struct places_columns places_columns(const struct places *t, uint32_t stream)
{
	const struct stream *st = numbers_get(&t->streams, stream);
	if (!st)
		return (struct places_columns){ 0 };
	const struct columns *c = atomic_load_explicit(&st->columns, memory_order_acquire);
	return (struct places_columns){ st->device_no, c ? c->cap : 0, c ? c->at : NULL };
}

struct series *places_at(const struct places *t, uint32_t stream, uint8_t column)
{
	struct places_columns c = places_columns(t, stream);
	return column < c.n ? atomic_load_explicit(&c.at[column], memory_order_acquire) : NULL;
}

uint32_t places_device(const struct places *t, uint32_t stream)
{
	const struct stream *st = numbers_get(&t->streams, stream);
	return st ? st->device_no : 0;
}

uint32_t places_count(const struct places *t, uint32_t stream)
{
	const struct stream *st = numbers_get(&t->streams, stream);
	return st ? st->count : 0;
}

static int columns_room(struct stream *st, uint8_t column)
{
	struct columns *old = st->columns;
	uint32_t cap = old ? old->cap : 0;
	if (column < cap)
		return 0;
	cap = MAX(2 * cap, column + 1u);
	cap = MIN(MAX(cap, 4u), (uint32_t)ROW_COLUMNS_MAX);
	struct columns *c = calloc(1, sizeof(*c) + cap * sizeof(c->at[0]));
	if (!c)
		return -ENOMEM;
	c->cap = cap;
	c->older = old;
	for (uint32_t i = 0; old && i < old->cap; i++)
		c->at[i] = old->at[i];
	atomic_store_explicit(&st->columns, c, memory_order_release);
	return 0;
}

static int stream_make(struct places *t, uint32_t no, uint32_t device_no, struct stream **out)
{
	struct stream *st = calloc(1, sizeof(*st));
	if (!st)
		return -ENOMEM;
	st->device_no = device_no;
	int r = numbers_put(&t->streams, no, st);
	if (r < 0) {
		free(st);
		return r;
	}
	t->end = MAX(t->end, no + 1);
	*out = st;
	return 0;
}

int places_room(struct places *t, uint32_t stream, uint8_t column, const struct series *s)
{
	if (stream == 0 || column >= ROW_COLUMNS_MAX)
		return SB_E_CORRUPT;
	struct stream *st = numbers_get(&t->streams, stream);
	int r = st ? 0 : stream_make(t, stream, s->device_no, &st);
	if (r < 0)
		return r;
	if (st->count == 0) /* left over from one who gave up */
		st->device_no = s->device_no;
	if (st->device_no != s->device_no)
		return SB_E_CORRUPT;
	r = columns_room(st, column);
	if (r < 0)
		return r;
	const struct series *there = st->columns->at[column];
	return there && there != s ? SB_E_CORRUPT : 0;
}

void places_put(struct places *t, uint32_t stream, uint8_t column, struct series *s)
{
	struct stream *st = numbers_get(&t->streams, stream);
	atomic_store_explicit(&st->columns->at[column], s, memory_order_release);
	if (column >= st->count)
		st->count = column + 1u;
	if (stream >= t->next)
		t->next = stream + 1;
}
