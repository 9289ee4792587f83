/* What catalog*.c share. */
#pragma once
#include <pthread.h>

#include "base/buffer.h"
#include "series/catalog.h"
#include "series/names.h"
#include "series/numbers.h"
#include "series/places.h"

struct definition;

#define RECORD_VERSION 2 /* 1: without kinds */

struct series_set {
	struct catalog *cat;
	uint32_t device_no;
	_Atomic uint32_t count; /* that are listed */
	struct series *_Atomic first;
	struct series *last; /* the rest under cat->lock */
	uint32_t made;       /* listed or not */
	struct series_set *next_dirty;
	bool dirty;
	struct names names;
};

struct catalog {
	pthread_mutex_t lock;      /* who makes something holds it */
	pthread_mutex_t save_lock; /* who writes documents, so that none replaces a newer one */
	catalog_define_fn define;
	void *ud;
	struct numbers sets, series;
	struct places places;
	uint32_t next_series, sets_end;
	struct series_set *dirty;
	struct buffer record;
};

struct entry { /* a series and the bytes of its texts: name, then room for a unit */
	struct series s;
	bool is_listed; /* it has a place: a value of it was stored */
	char text[];
};

/* All under lock. */
struct series_set *catalog_set_get(struct catalog *cat, uint32_t device_no); /* or NULL */
void catalog_set_dirty(struct series_set *set);
int catalog_make(struct series_set *set, const struct definition *d, struct series **out);
void catalog_list(struct series_set *set, struct series *s); /* it has a place */
void catalog_show(struct series *s, uint8_t type, uint32_t stream, uint8_t column);
void catalog_unit(struct series *s, struct sb_str unit);
