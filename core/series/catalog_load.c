#define LOG_MODULE "catalog"
#include <errno.h>
#include <stdlib.h>

#include <signalbox/error.h>
#include <signalbox/kinds.h>

#include "base/log.h"
#include "base/own.h"
#include "host/docs.h"
#include "model/record.h"
#include "series/catalog.h"
#include "series/catalog_inner.h"
#include "series/definition.h"
#include "series/saving.h"

/* ---- from disk */

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
		catalog_show(s, t, d->places[t].stream, d->places[t].column);
		catalog_list(numbers_get(&cat->sets, s->device_no), s);
		*news = true;
	}
	return 0;
}

static int definition_apply(struct catalog *cat, const struct definition *d, bool saved)
{
	struct series_set *set = catalog_set_get(cat, d->device_no);
	if (!set)
		return d->device_no >= NUMBERS_MAX ? SB_E_CORRUPT : -ENOMEM;
	struct series *s = numbers_get(&cat->series, d->no);
	if (d->no >= NUMBERS_MAX || names_find(&set->names, d->name) != s)
		return SB_E_CORRUPT;
	bool news = !s;
	if (!s) {
		int r = catalog_make(set, d, &s);
		if (r < 0)
			return r;
	}
	if (d->unit.n && s->unit.n == 0) {
		catalog_unit(s, d->unit);
		news = true;
	}
	/* The last that was said holds, so the one that comes last. */
	if (s->kind != d->kind) {
		s->kind = d->kind;
		news = true;
	}
	int r = places_apply(cat, s, d, &news);
	if (news && !saved)
		catalog_set_dirty(set);
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
	if (c.bad || version == 0 || version > SAVING_VERSION)
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
	uint8_t type = cursor_take_u8(&c);
	uint8_t version = cursor_take_u8(&c);
	if (type != RECORD_SERIES || version == 0 || version > RECORD_VERSION)
		return log_error(SB_E_CORRUPT, "a record is not a definition of a series");
	int r = definition_take(&c, &d);
	if (r < 0)
		return log_error(r, "a definition of a series is not readable");
	pthread_mutex_lock(&cat->lock);
	r = definition_apply(cat, &d, false);
	pthread_mutex_unlock(&cat->lock);
	return r < 0 ? log_error(r, "the definition of series %u does not fit", d.no) : 0;
}

/* ---- and back */

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
	pthread_mutex_lock(&cat->save_lock);
	while (r >= 0 && (r = saving_fill(sv, cat)) > 0)
		r = saving_put(sv, docs);
	if (r < 0) {
		pthread_mutex_lock(&cat->lock);
		for (uint32_t i = 0; i < sv->n; i++)
			catalog_set_dirty(sv->sets[i]);
		pthread_mutex_unlock(&cat->lock);
		(void)log_error(r, "cannot save the catalogue of series");
	}
	pthread_mutex_unlock(&cat->save_lock);
	saving_fini(sv);
	return r;
}
