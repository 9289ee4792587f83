#include "series/catalog.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "host/docs.h"
#include "model/record.h"
#include "series/definition.h"
#include "series/names.h"
#include "series/numbers.h"
#include "series/places.h"
#include "series/saving.h"

#define LOG_MODULE "catalog"

#define RECORD_VERSION 1

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
	pthread_mutex_t lock; /* who makes something holds it */
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

int catalog_new(struct catalog **out, catalog_define_fn define, void *ud)
{
	struct catalog *cat = calloc(1, sizeof(*cat));
	if (!cat)
		return -ENOMEM;
	pthread_mutex_init(&cat->lock, NULL);
	cat->define = define;
	cat->ud = ud;
	cat->next_series = 1;
	cat->sets_end = 1;
	int r = numbers_init(&cat->sets);
	if (r >= 0)
		r = numbers_init(&cat->series);
	if (r >= 0)
		r = places_init(&cat->places);
	if (r < 0) {
		catalog_free(cat);
		return r;
	}
	*out = cat;
	return 0;
}

struct catalog *catalog_free(struct catalog *cat)
{
	if (!cat)
		return NULL;
	if (cat->places.streams.pages)
		places_fini(&cat->places);
	for (uint32_t i = 1; cat->series.pages && i < cat->next_series; i++)
		free(numbers_get(&cat->series, i));
	for (uint32_t i = 1; cat->sets.pages && i < cat->sets_end; i++) {
		struct series_set *set = numbers_get(&cat->sets, i);
		if (set)
			names_fini(&set->names);
		free(set);
	}
	numbers_fini(&cat->series);
	numbers_fini(&cat->sets);
	buffer_fini(&cat->record);
	pthread_mutex_destroy(&cat->lock);
	free(cat);
	return NULL;
}

/* ---- looking up */

struct sb_str series_unit(const struct series *s)
{
	return sb_str_of(s->unit.p, __atomic_load_n(&s->unit.n, __ATOMIC_ACQUIRE));
}

uint32_t series_set_count(const struct series_set *set)
{
	return set->count;
}

struct series *series_set_first(const struct series_set *set)
{
	return set->first;
}

sb_series series_handle(const struct series *s)
{
	return (sb_series)s->device_no << 32 | s->no;
}

struct series *catalog_series(const struct catalog *cat, sb_series handle)
{
	struct series *s = numbers_get(&cat->series, handle & UINT32_MAX);
	return s && s->device_no == handle >> 32 ? s : NULL; /* the device's number is our tag */
}

struct series *catalog_at(const struct catalog *cat, uint32_t stream, uint8_t column)
{
	return places_at(&cat->places, stream, column);
}

struct places_columns catalog_columns(const struct catalog *cat, uint32_t stream)
{
	return places_columns(&cat->places, stream);
}

uint32_t catalog_stream_device(const struct catalog *cat, uint32_t stream)
{
	return places_device(&cat->places, stream);
}

uint32_t catalog_streams(const struct catalog *cat)
{
	return cat->places.next;
}

/* ---- making, all under cat->lock */

static struct series_set *set_get(struct catalog *cat, uint32_t device_no)
{
	struct series_set *set = numbers_get(&cat->sets, device_no);
	if (set || device_no == 0)
		return set;
	set = calloc(1, sizeof(*set));
	if (!set)
		return NULL;
	set->cat = cat;
	set->device_no = device_no;
	if (numbers_put(&cat->sets, device_no, set) < 0) {
		free(set);
		return NULL;
	}
	if (device_no >= cat->sets_end)
		cat->sets_end = device_no + 1;
	return set;
}

static void set_dirty(struct series_set *set)
{
	if (set->dirty)
		return;
	set->dirty = true;
	set->next_dirty = set->cat->dirty;
	set->cat->dirty = set;
}

static int define(struct catalog *cat, const struct definition *d)
{
	buffer_reset(&cat->record);
	buffer_give_u8(&cat->record, RECORD_SERIES);
	buffer_give_u8(&cat->record, RECORD_VERSION);
	definition_give(&cat->record, d);
	if (cat->record.bad) {
		buffer_fini(&cat->record);
		return -ENOMEM;
	}
	return cat->define(cat->ud, (struct sb_bytes){ cat->record.p, cat->record.n });
}

static void unit_set(struct series *s, struct sb_str unit)
{
	struct entry *e = container_of(s, struct entry, s);
	memcpy(e->text + s->name.n, unit.p, unit.n);
	__atomic_store_n(&s->unit.n, unit.n, __ATOMIC_RELEASE);
}

/* What can fail comes first; then it can be found. */
static int series_make(struct series_set *set, const struct definition *d, struct series **out)
{
	struct entry *e = calloc(1, sizeof(*e) + d->name.n + SERIES_UNIT_MAX);
	if (!e)
		return -ENOMEM;
	struct series *s = &e->s;
	s->no = d->no;
	s->device_no = d->device_no;
	memcpy(e->text, d->name.p, d->name.n);
	s->name = sb_str_of(e->text, d->name.n);
	s->unit = sb_str_of(e->text + d->name.n, 0);
	if (d->unit.n)
		unit_set(s, d->unit);
	int r = names_room(&set->names);
	if (r >= 0)
		r = numbers_put(&set->cat->series, s->no, s);
	if (r < 0) {
		free(e);
		return r;
	}
	if (s->no >= set->cat->next_series)
		set->cat->next_series = s->no + 1;
	names_put(&set->names, s);
	set->made++;
	*out = s;
	return 0;
}

static void series_list(struct series_set *set, struct series *s)
{
	struct entry *e = container_of(s, struct entry, s);
	if (e->is_listed)
		return;
	e->is_listed = true;
	if (set->last)
		set->last->next_of_device = s;
	else
		set->first = s;
	set->last = s;
	set->count++;
}

static void place_show(struct series *s, uint8_t type, uint32_t stream, uint8_t column)
{
	s->places[type].column = column;
	atomic_store_explicit(&s->places[type].stream, stream, memory_order_release);
}

struct series_set *catalog_set(struct catalog *cat, uint32_t device_no)
{
	pthread_mutex_lock(&cat->lock);
	struct series_set *set = set_get(cat, device_no);
	pthread_mutex_unlock(&cat->lock);
	return set;
}

static void unit_learn(struct series_set *set, struct series *s, struct sb_str unit)
{
	if (!text_is_name(unit, SERIES_UNIT_MAX))
		return;
	pthread_mutex_lock(&set->cat->lock);
	struct definition d;
	definition_of(&d, s);
	if (d.unit.n == 0) {
		bool is_listed = container_of(s, struct entry, s)->is_listed;
		d.unit = unit;
		if (!is_listed) {
			unit_set(s, unit);
		} else if (define(set->cat, &d) >= 0) {
			unit_set(s, unit);
			set_dirty(set);
		}
	}
	pthread_mutex_unlock(&set->cat->lock);
}

/* Nothing but a name so far: the message that brought it may still be refused. */
static int resolve_new(struct series_set *set, struct sb_str name, struct sb_str unit, uint32_t max,
                       struct series **out)
{
	*out = names_find(&set->names, name);
	if (*out)
		return 0;
	if (set->made >= max)
		return SB_E_QUOTA;
	struct definition d = {
		.no = set->cat->next_series, .device_no = set->device_no, .name = name, .unit = unit
	};
	if (d.no >= NUMBERS_MAX)
		return SB_E_QUOTA;
	return series_make(set, &d, out);
}

int catalog_resolve(struct series_set *set, struct sb_str name, struct sb_str unit, bool make,
                    uint32_t max, struct series **out)
{
	*out = names_find(&set->names, name);
	if (*out) {
		if (unit.n && series_unit(*out).n == 0)
			unit_learn(set, *out, unit);
		return 0;
	}
	if (!make)
		return SB_E_NOT_FOUND;
	if (!text_is_name(name, SERIES_NAME_MAX))
		return SB_E_NAME;
	if (unit.n && !text_is_name(unit, SERIES_UNIT_MAX))
		return SB_E_NAME;
	pthread_mutex_lock(&set->cat->lock);
	int r = resolve_new(set, name, unit, max, out);
	pthread_mutex_unlock(&set->cat->lock);
	return r;
}

/* The stream a new column goes to: of one of the message's series, with room left, or a new one. */
static uint32_t stream_pick(struct catalog *cat, struct series *const *series, const uint8_t *types,
                            uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t stream = series[i]->places[types[i]].stream;
		if (stream && places_count(&cat->places, stream) < ROW_COLUMNS_MAX)
			return stream;
	}
	return cat->places.next;
}

static int place_one(struct catalog *cat, struct series *s, uint8_t type, uint32_t stream)
{
	uint8_t column = (uint8_t)places_count(&cat->places, stream);
	struct series_set *set = set_get(cat, s->device_no);
	if (!set || stream >= NUMBERS_MAX)
		return set ? SB_E_QUOTA : -ENOMEM;
	struct definition d;
	definition_of(&d, s);
	d.places[type].stream = stream;
	d.places[type].column = column;
	int r = places_room(&cat->places, stream, column, s);
	if (r >= 0)
		r = define(cat, &d);
	if (r < 0)
		return r;
	places_put(&cat->places, stream, column, s);
	place_show(s, type, stream, column);
	series_list(set, s);
	set_dirty(set);
	return 0;
}

static int place_all(struct catalog *cat, struct series *const *series, const uint8_t *types,
                     uint32_t n)
{
	uint32_t stream = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct series *s = series[i];
		if (s->places[types[i]].stream)
			continue;
		if (!stream || places_count(&cat->places, stream) >= ROW_COLUMNS_MAX)
			stream = stream_pick(cat, series, types, n);
		int r = place_one(cat, s, types[i], stream);
		if (r < 0)
			return r;
	}
	return 0;
}

int catalog_place(struct catalog *cat, struct series *const *series, const uint8_t *types,
                  uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (types[i] == SB_T_NULL || types[i] >= SERIES_TYPES ||
		    series[i]->device_no != series[0]->device_no)
			return SB_E_TYPE;
	pthread_mutex_lock(&cat->lock);
	int r = place_all(cat, series, types, n);
	pthread_mutex_unlock(&cat->lock);
	return r;
}

/* ---- from disk and back */

static int places_apply(struct catalog *cat, struct series *s, const struct definition *d,
                        bool *news)
{
	for (uint8_t t = 0; t < SERIES_TYPES; t++) {
		if (!d->places[t].stream || s->places[t].stream)
			continue;
		int r = places_room(&cat->places, d->places[t].stream, d->places[t].column, s);
		if (r < 0)
			return r;
		places_put(&cat->places, d->places[t].stream, d->places[t].column, s);
		place_show(s, t, d->places[t].stream, d->places[t].column);
		series_list(numbers_get(&cat->sets, s->device_no), s);
		*news = true;
	}
	return 0;
}

static int definition_apply(struct catalog *cat, const struct definition *d, bool saved)
{
	struct series_set *set = set_get(cat, d->device_no);
	if (!set)
		return d->device_no >= NUMBERS_MAX ? SB_E_CORRUPT : -ENOMEM;
	struct series *s = numbers_get(&cat->series, d->no);
	if (d->no >= NUMBERS_MAX || names_find(&set->names, d->name) != s)
		return SB_E_CORRUPT;
	bool news = !s;
	if (!s) {
		int r = series_make(set, d, &s);
		if (r < 0)
			return r;
	}
	if (d->unit.n && s->unit.n == 0) {
		unit_set(s, d->unit);
		news = true;
	}
	int r = places_apply(cat, s, d, &news);
	if (news && !saved)
		set_dirty(set);
	return r;
}

static int doc_load(void *ud, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	struct catalog *cat = ud;
	(void)rev;
	if (key.n == 0 || key.p[0] < '0' || key.p[0] > '9')
		return 0; /* not a device's */
	struct cursor c = cursor_of(doc.p, doc.n);
	uint8_t version = cursor_take_u8(&c);
	uint64_t n = cursor_take_varint(&c);
	if (c.bad || version != SAVING_VERSION)
		return log_error(SB_E_CORRUPT, "document series/%.*s is not readable", (int)key.n,
		                 key.p);
	for (uint64_t i = 0; i < n; i++) {
		struct definition d;
		int r = definition_take(&c, &d);
		if (r >= 0)
			r = definition_apply(cat, &d, true);
		if (r < 0)
			return log_error(r, "document series/%.*s does not fit", (int)key.n, key.p);
	}
	return 0;
}

int catalog_load(struct catalog *cat, struct docs *docs)
{
	return docs_scan_wait(docs, SB_STR("series"), doc_load, cat);
}

int catalog_apply(struct catalog *cat, struct sb_bytes record)
{
	struct cursor c = cursor_of(record.p, record.n);
	struct definition d;
	if (cursor_take_u8(&c) != RECORD_SERIES || cursor_take_u8(&c) != RECORD_VERSION)
		return log_error(SB_E_CORRUPT, "a record is not a definition of a series");
	int r = definition_take(&c, &d);
	if (r < 0)
		return log_error(r, "a definition of a series is not readable");
	pthread_mutex_lock(&cat->lock);
	r = definition_apply(cat, &d, false);
	pthread_mutex_unlock(&cat->lock);
	return r < 0 ? log_error(r, "the definition of series %u does not fit", d.no) : 0;
}

/* Takes sets off the list of changed ones; 1 if there were any. */
static int saving_fill(struct saving *sv, struct catalog *cat)
{
	int r = 0;
	sv->n = 0;
	pthread_mutex_lock(&cat->lock);
	while (cat->dirty && sv->n < SAVING_AT_ONCE) {
		r = saving_add(sv, cat->dirty, cat->dirty->device_no);
		if (r < 0)
			break;
		struct series_set *set = cat->dirty;
		cat->dirty = set->next_dirty;
		set->dirty = false;
	}
	pthread_mutex_unlock(&cat->lock);
	return r < 0 ? r : sv->n > 0;
}

int catalog_save(struct catalog *cat, struct docs *docs)
{
	_own_(freep) struct saving *sv = calloc(1, sizeof(*sv));
	int r = 0;
	if (!sv)
		return -ENOMEM;
	while (r >= 0 && (r = saving_fill(sv, cat)) > 0)
		r = saving_put(sv, docs);
	if (r < 0) {
		pthread_mutex_lock(&cat->lock);
		for (uint32_t i = 0; i < sv->n; i++)
			set_dirty(sv->sets[i]);
		pthread_mutex_unlock(&cat->lock);
		(void)log_error(r, "cannot save the catalogue of series");
	}
	saving_fini(sv);
	return r;
}
