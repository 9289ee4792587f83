/* Which series lies in which column of which stream. Reading takes no lock and may run beside one
 * writer. A stream belongs to one device; its columns are given out in ascending order. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

#include "series/numbers.h"

struct series;

struct places {
	struct numbers streams;
	_Atomic uint32_t next; /* the stream that is given out next */
	uint32_t end;          /* behind the last that was made */
};

int places_init(struct places *t);
void places_fini(struct places *t);
struct series *places_at(const struct places *t, uint32_t stream, uint8_t column); /* or NULL */
/* All of a stream at once; what is there now can be read as long as the table lives. */
struct places_columns {
	uint32_t device_no, n; /* 0: unknown */
	struct series *const _Atomic *at;
};
struct places_columns places_columns(const struct places *t, uint32_t stream);
uint32_t places_device(const struct places *t, uint32_t stream); /* 0: unknown */
uint32_t places_count(const struct places *t, uint32_t stream);  /* columns given out */
/* Under the owner's lock. Room first, so that places_put() cannot fail; makes the stream if it is
 * missing. SB_E_CORRUPT: it is another device's, or another series lies there. */
int places_room(struct places *t, uint32_t stream, uint8_t column, const struct series *s);
void places_put(struct places *t, uint32_t stream, uint8_t column, struct series *s);
