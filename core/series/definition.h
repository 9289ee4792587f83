/* All there is to know about a series in bytes: what RECORD_SERIES and the documents of the space
 * "series" are made of. A later definition of the same series says more, never something else, but
 * for its kind, which people may change. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

#include "series/catalog.h"

#define SERIES_NAME_MAX 128
#define SERIES_UNIT_MAX 32

struct buffer;
struct cursor;

struct definition {
	uint32_t no, device_no;
	struct sb_str name, unit; /* borrowed */
	uint8_t kind;             /* SB_KIND_* */
	struct {
		uint32_t stream; /* 0: nowhere yet */
		uint8_t column;
	} places[SERIES_TYPES];
};

void definition_of(struct definition *d, const struct series *s);
void definition_give(struct buffer *out, const struct definition *d);
int definition_take(struct cursor *c, struct definition *out); /* 0, or SB_E_CORRUPT */
