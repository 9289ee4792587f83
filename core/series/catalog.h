/* What series exist and where their values lie. A series is one metric of one device; a stream is a
 * set of columns that arrive together; each (series, type) has one column of one stream, for ever.
 * Look-up of a known series takes no lock; making one does. Until it gets its first place it is a
 * name in memory: neither listed nor stored, so that a message that is refused leaves nothing
 * behind. With the place it is defined in the journal, then listed. Numbers of series that were
 * stored are never used twice. Any thread, unless said. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

#include "model/row.h"

struct catalog;
struct docs;
struct places_columns;
struct series_set; /* all series of one device */

#define SERIES_TYPES 7 /* SB_T_* */

struct series_place {            /* where values of one type lie */
	_Atomic uint32_t stream; /* 0: nowhere yet; once set, column holds too */
	uint8_t column;
};

struct series {      /* what every point needs stands close together; its name follows */
	uint32_t no; /* > 0 */
	uint32_t device_no;
	struct series *_Atomic next_of_device; /* in order of making */
	struct sb_str name;
	struct series_place places[SERIES_TYPES]; /* by type; set once */
	struct sb_str unit;   /* may come later, once: read it with series_unit() */
	_Atomic uint8_t kind; /* SB_KIND_* as it was said; see kind.h */
};

typedef int (*catalog_define_fn)(void *ud, struct sb_bytes record); /* RECORD_SERIES */
int catalog_new(struct catalog **out, catalog_define_fn define, void *ud);
struct catalog *catalog_free(struct catalog *cat);

struct series_set *catalog_set(struct catalog *cat,
                               uint32_t device_no);      /* made if missing; NULL: no memory */
uint32_t series_set_count(const struct series_set *set); /* listed ones */
struct series *series_set_first(const struct series_set *set); /* then next_of_device */
/* Find, or make if make and fewer than max: 0, SB_E_NOT_FOUND, SB_E_QUOTA, SB_E_NAME, -ENOMEM. A
 * unit is learned once. Values of another one never stand beside those of the first: they go to a
 * series of their own, "name@unit" (series_set.c), which counts as any other. */
int series_set_resolve(struct series_set *set, struct sb_str name, struct sb_str unit, bool make,
                       uint32_t max, struct series **out);
/* By this very name, whatever its unit. */
int catalog_resolve(struct series_set *set, struct sb_str name, struct sb_str unit, bool make,
                    uint32_t max, struct series **out);
struct sb_str series_unit(const struct series *s); /* empty: unknown */
sb_series series_handle(const struct series *s);
struct series *catalog_series(const struct catalog *cat, sb_series handle); /* NULL: unknown */
struct series *catalog_at(const struct catalog *cat, uint32_t stream, uint8_t column);
struct places_columns catalog_columns(const struct catalog *cat, uint32_t stream); /* places.h */
uint32_t catalog_stream_device(const struct catalog *cat, uint32_t stream);        /* 0: unknown */
uint32_t catalog_streams(const struct catalog *cat); /* all numbers of streams are smaller */
/* Gives every (series, type) of a message that has no place yet one: beside the first that has,
 * else in a new stream; streams have 64 columns at most. */
int catalog_place(struct catalog *cat, struct series *const *series, const uint8_t *types,
                  uint32_t n);

/* What a series is; told: by people, who may change it (SB_KIND_UNKNOWN: as if nobody had said),
 * else by plugins, and only if nobody said anything before. SB_E_RANGE, -ENOMEM, journal faults. */
int catalog_kind(struct catalog *cat, struct series *s, uint8_t kind, bool told);

/* Main, at start: documents of space "series", then RECORD_SERIES of the journal. Both idempotent.
 */
int catalog_load(struct catalog *cat, struct docs *docs);
int catalog_apply(struct catalog *cat, struct sb_bytes record);
/* Writes changed sets to docs and waits until they are on disk. Any thread that may block. */
int catalog_save(struct catalog *cat, struct docs *docs);
