#include "series/catalog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>
#include <signalbox/services.h>

#include "base/own.h"
#include "base/text.h"
#include "model/record.h"
#include "series/catalog_inner.h"
#include "series/definition.h"

int catalog_new(struct catalog **out, catalog_define_fn define, void *ud)
{
	struct catalog *cat = calloc(1, sizeof(*cat));
	if (!cat)
		return -ENOMEM;
	pthread_mutex_init(&cat->lock, NULL);
	pthread_mutex_init(&cat->save_lock, NULL);
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
	pthread_mutex_destroy(&cat->save_lock);
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

struct series_set *catalog_set_get(struct catalog *cat, uint32_t device_no)
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

void catalog_set_dirty(struct series_set *set)
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

void catalog_unit(struct series *s, struct sb_str unit)
{
	struct entry *e = container_of(s, struct entry, s);
	memcpy(e->text + s->name.n, unit.p, unit.n);
	__atomic_store_n(&s->unit.n, unit.n, __ATOMIC_RELEASE);
}

/* What can fail comes first; then it can be found. */
int catalog_make(struct series_set *set, const struct definition *d, struct series **out)
{
	struct entry *e = calloc(1, sizeof(*e) + d->name.n + SERIES_UNIT_MAX);
	if (!e)
		return -ENOMEM;
	struct series *s = &e->s;
	s->no = d->no;
	s->device_no = d->device_no;
	s->kind = d->kind;
	memcpy(e->text, d->name.p, d->name.n);
	s->name = sb_str_of(e->text, d->name.n);
	s->unit = sb_str_of(e->text + d->name.n, 0);
	if (d->unit.n)
		catalog_unit(s, d->unit);
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

void catalog_list(struct series_set *set, struct series *s)
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

void catalog_show(struct series *s, uint8_t type, uint32_t stream, uint8_t column)
{
	s->places[type].column = column;
	atomic_store_explicit(&s->places[type].stream, stream, memory_order_release);
}

struct series_set *catalog_set(struct catalog *cat, uint32_t device_no)
{
	pthread_mutex_lock(&cat->lock);
	struct series_set *set = catalog_set_get(cat, device_no);
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
			catalog_unit(s, unit);
		} else if (define(set->cat, &d) >= 0) {
			catalog_unit(s, unit);
			catalog_set_dirty(set);
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
	return catalog_make(set, &d, out);
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
	struct series_set *set = catalog_set_get(cat, s->device_no);
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
	catalog_show(s, type, stream, column);
	catalog_list(set, s);
	catalog_set_dirty(set);
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

/* ---- kinds */

static int kind_set(struct series_set *set, struct series *s, uint8_t kind, bool told)
{
	struct definition d;
	if (s->kind == kind || (s->kind && !told))
		return 0;
	definition_of(&d, s);
	d.kind = kind;
	bool is_listed = container_of(s, struct entry, s)->is_listed;
	int r = is_listed ? define(set->cat, &d) : 0;
	if (r < 0)
		return r;
	s->kind = kind;
	if (is_listed)
		catalog_set_dirty(set);
	return 0;
}

int catalog_kind(struct catalog *cat, struct series *s, uint8_t kind, bool told)
{
	if (kind > SB_KIND_EVENT)
		return told ? SB_E_RANGE : 0;
	if (s->kind == kind || (s->kind && !told))
		return 0;
	pthread_mutex_lock(&cat->lock);
	struct series_set *set = catalog_set_get(cat, s->device_no);
	int r = set ? kind_set(set, s, kind, told) : -ENOMEM;
	pthread_mutex_unlock(&cat->lock);
	return r;
}
