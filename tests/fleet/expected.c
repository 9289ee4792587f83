#include "expected.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/own.h"
#include "oracle.h"

/* One more element at the end of a growing array; NULL without memory. */
static void *grown(void **array, size_t *n, size_t *cap, size_t size)
{
	if (*n == *cap) {
		size_t cap_new = *cap ? *cap * 2 : 8;
		void *p = realloc(*array, cap_new * size);
		if (!p)
			return NULL;
		*array = p;
		*cap = cap_new;
	}
	void *element = (char *)*array + *n * size;
	memset(element, 0, size);
	++*n;
	return element;
}

struct expected_series *expected_find(const struct expected_device *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->series[i].name, name) == 0)
			return &d->series[i];
	return NULL;
}

static struct expected_series *series_of(struct expected_device *d, const char *name)
{
	struct expected_series *s = expected_find(d, name);
	struct expected_series *all;

	if (s)
		return s;
	all = realloc(d->series, (d->n + 1) * sizeof(*all));
	if (!all)
		return NULL;
	d->series = all;
	all[d->n] = (struct expected_series){ .name = strdup(name) };
	return all[d->n].name ? &all[d->n++] : NULL;
}

static struct expected_device *device_of(struct expected *e, const char *id)
{
	struct sb_str key = sb_str_of(id, strlen(id));
	struct expected_device *d = map_find(e->by_id, key);
	struct expected_device **place;

	if (d)
		return d;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	*d = (struct expected_device){ .id = strdup(id),
		                       .first_ms = INT64_MAX,
		                       .last_ms = INT64_MIN };
	place = grown((void **)&e->devices, &e->n, &e->cap, sizeof(*place));
	if (!place || !d->id || map_put(e->by_id, key, d) < 0) {
		free(d->id);
		free(d);
		return NULL;
	}
	*place = d;
	return d;
}

/* Nested objects are series with dotted names, as the platform makes them. */
static int members_add(struct expected_device *d, const struct oracle_line *line, const char *above,
                       json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		char name[160];
		(void)snprintf(name, sizeof(name), "%s%s%s", above, *above ? "." : "", key);
		json_t *bare = json_object_get(value, "value");
		if (bare)
			value = bare; /* {"value": 21.5, "unit": "Cel"} */
		if (json_is_object(value)) {
			int r = members_add(d, line, name, value);
			if (r < 0)
				return r;
			continue;
		}
		struct expected_series *s = series_of(d, name);
		struct expected_value *v =
			s ? grown((void **)&s->values, &s->n, &s->cap, sizeof(*v)) : NULL;
		if (!v)
			return -ENOMEM;
		*v = (struct expected_value){ line->ts_ms, line->acknowledged, json_incref(value) };
	}
	return 0;
}

static int line_add(struct expected *e, const struct oracle_line *line)
{
	char text[2100];
	struct expected_device *d = device_of(e, line->device);
	json_t *object;
	int r;

	(void)snprintf(text, sizeof(text), "{%s}", line->members);
	object = json_loads(text, 0, NULL);
	if (!d || !object) {
		json_decref(object);
		return d ? -EINVAL : -ENOMEM;
	}
	d->first_ms = MIN(d->first_ms, line->ts_ms);
	d->last_ms = MAX(d->last_ms, line->ts_ms);
	d->messages++;
	d->acknowledged += line->acknowledged;
	e->messages++;
	e->acknowledged += line->acknowledged;
	r = members_add(d, line, "", object);
	json_decref(object);
	return r;
}

static int by_time(const void *a, const void *b)
{
	const struct expected_value *left = a;
	const struct expected_value *right = b;
	return left->ts_ms < right->ts_ms ? -1 : left->ts_ms > right->ts_ms;
}

int expected_read(struct expected *e, struct oracle *o)
{
	struct oracle_line line;
	int r = map_new(&e->by_id);

	while (r == 0 && (r = oracle_take(o, &line)) == 0)
		r = line_add(e, &line);
	if (r < 0)
		return r;
	for (size_t i = 0; i < e->n; i++)
		for (size_t k = 0; k < e->devices[i]->n; k++)
			qsort(e->devices[i]->series[k].values, e->devices[i]->series[k].n,
			      sizeof(struct expected_value), by_time);
	return 0;
}

void expected_fini(struct expected *e)
{
	for (size_t i = 0; i < e->n; i++) {
		struct expected_device *d = e->devices[i];
		for (size_t k = 0; k < d->n; k++) {
			for (size_t v = 0; v < d->series[k].n; v++)
				json_decref(d->series[k].values[v].value);
			free(d->series[k].values);
			free(d->series[k].name);
		}
		free(d->series);
		free(d->id);
		free(d);
	}
	free(e->devices);
	map_free(e->by_id);
	*e = (struct expected){ 0 };
}
