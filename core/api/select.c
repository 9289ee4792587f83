#include "api/select.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "registry/registry.h"
#include "series/catalog.h"

void select_init(struct select *sel, struct registry *registry)
{
	*sel = (struct select){ .registry = registry, .now_ns = clock_utc() };
}

void select_fini(struct select *sel)
{
	free(sel->devices);
	free(sel->list);
	sel->devices = NULL;
	sel->list = NULL;
}

/* ---- what is chosen */

int select_query(struct select *sel, struct sb_str words)
{
	sel->by_query = true;
	sel->retired = words.n && memmem(words.p, words.n, "state:", 6);
	return query_parse(&sel->query, words);
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int select_device(struct select *sel, struct sb_str id)
{
	struct device *dev;
	int r = registry_find(sel->registry, id, &dev);

	if (r < 0)
		return SB_E_UNKNOWN_DEVICE;
	if (sel->n_devices == sel->cap_devices) {
		uint32_t cap = MAX(2 * sel->cap_devices, 8u);
		uint32_t *more = realloc(sel->devices, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		sel->devices = more;
		sel->cap_devices = cap;
	}
	sel->devices[sel->n_devices++] = dev->no;
	if (sel->n_devices > 1 && sel->devices[sel->n_devices - 2] >= dev->no)
		qsort(sel->devices, sel->n_devices, sizeof(*sel->devices), compare_numbers);
	return 0;
}

int select_name(struct select *sel, struct sb_str glob)
{
	if (sel->n_names == SELECT_NAMES_MAX)
		return SB_E_RANGE;
	sel->names[sel->n_names++] = glob;
	return 0;
}

bool select_is_glob(struct sb_str name)
{
	return name.n && (memchr(name.p, '*', name.n) || memchr(name.p, '?', name.n));
}

/* After a mismatch the last * takes one byte more; earlier ones never need to. */
static bool glob_matches(struct sb_str glob, struct sb_str text)
{
	size_t g = 0, t = 0, star = SIZE_MAX, mark = 0;

	while (t < text.n) {
		if (g < glob.n && glob.p[g] == '*') {
			star = g++;
			mark = t;
		} else if (g < glob.n && (glob.p[g] == '?' || glob.p[g] == text.p[t])) {
			g++;
			t++;
		} else if (star != SIZE_MAX) {
			g = star + 1;
			t = ++mark;
		} else {
			return false;
		}
	}
	while (g < glob.n && glob.p[g] == '*')
		g++;
	return g == glob.n;
}

static bool is_named(const struct select *sel, struct sb_str name)
{
	for (uint32_t i = 0; i < sel->n_names; i++)
		if (text_equal(sel->names[i], name) || glob_matches(sel->names[i], name))
			return true;
	return sel->n_names == 0;
}

/* ---- one after the other */

void select_seek(struct select *sel, uint32_t device_no, uint32_t series_no)
{
	sel->from_device = device_no;
	sel->from_series = series_no;
	sel->dev = NULL;
	sel->n = sel->at = 0;
}

static bool is_chosen(struct select *sel, struct device *dev)
{
	if (dev->admin == DEVICE_RETIRED && !sel->retired)
		return false;
	if (sel->query.n == 0)
		return true;
	registry_lock(sel->registry);
	bool matches = query_matches(&sel->query, dev, sel->now_ns);

	registry_unlock(sel->registry);
	return matches;
}

/* The first device with a number of at least `no`. */
static struct device *device_from(struct select *sel, uint32_t no)
{
	struct device *dev;
	uint32_t after = no ? no - 1 : 0;

	if (sel->by_query) {
		while ((dev = registry_next(sel->registry, &after)))
			if (is_chosen(sel, dev))
				return dev;
		return NULL;
	}
	for (uint32_t i = 0; i < sel->n_devices; i++)
		if (sel->devices[i] >= no)
			return registry_at(sel->registry, sel->devices[i]);
	return NULL;
}

static int compare_series(const void *a, const void *b)
{
	uint32_t x = (*(struct series *const *)a)->no;
	uint32_t y = (*(struct series *const *)b)->no;

	return (x > y) - (x < y);
}

static int list_add(struct select *sel, struct series *s)
{
	if (sel->n == sel->cap) {
		uint32_t cap = MAX(2 * sel->cap, 64u);
		struct series **more = realloc(sel->list, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		sel->list = more;
		sel->cap = cap;
	}
	sel->list[sel->n++] = s;
	return 0;
}

static int list_make(struct select *sel, struct device *dev)
{
	struct series *s = dev->series ? series_set_first(dev->series) : NULL;
	uint32_t least = dev->no == sel->from_device ? sel->from_series : 0;
	bool sorted = true;
	int r = 0;

	sel->dev = dev;
	sel->n = sel->at = 0;
	for (; s && r == 0; s = s->next_of_device) {
		if (s->no < least || !is_named(sel, s->name) ||
		    (sel->match && !sel->match(sel->ud, dev, s)))
			continue;
		sorted = sorted && (!sel->n || sel->list[sel->n - 1]->no < s->no);
		r = list_add(sel, s);
	}
	if (!sorted)
		qsort(sel->list, sel->n, sizeof(struct series *), compare_series);
	return r;
}

int select_next_device(struct select *sel, struct device **dev, struct series *const **list,
                       uint32_t *n)
{
	struct device *next = device_from(sel, sel->dev ? sel->dev->no + 1 : sel->from_device);

	while (next) {
		int r = list_make(sel, next);

		if (r < 0)
			return r;
		if (sel->n) {
			*dev = next;
			*list = sel->list;
			*n = sel->n;
			return 1;
		}
		next = device_from(sel, next->no + 1);
	}
	sel->n = sel->at = 0;
	return 0;
}

int select_next(struct select *sel, struct device **dev, struct series **s)
{
	struct series *const *list;
	uint32_t n;

	if (sel->at == sel->n) {
		int r = select_next_device(sel, dev, &list, &n);

		if (r <= 0)
			return r;
	}
	*dev = sel->dev;
	*s = sel->list[sel->at++];
	return 1;
}
