#include "promql/labels.h"

#include <string.h>

#include "base/map.h"
#include "base/own.h"
#include "promql/arena.h"

static int compare(struct sb_str a, struct sb_str b)
{
	size_t n = MIN(a.n, b.n);
	int r = n ? memcmp(a.p, b.p, n) : 0;
	return r ? r : (a.n > b.n) - (a.n < b.n);
}

struct sb_str labels_get(const struct labels *set, struct sb_str name)
{
	for (uint32_t i = 0; i < set->n; i++)
		if (compare(set->l[i].name, name) == 0)
			return set->l[i].value;
	return SB_STR("");
}

int labels_compare(const struct labels *a, const struct labels *b)
{
	for (uint32_t i = 0; i < a->n && i < b->n; i++) {
		int r = compare(a->l[i].name, b->l[i].name);
		if (r == 0)
			r = compare(a->l[i].value, b->l[i].value);
		if (r)
			return r;
	}
	return (a->n > b->n) - (a->n < b->n);
}

uint64_t labels_hash(const struct labels *set)
{
	uint64_t hash = set->n;
	for (uint32_t i = 0; i < set->n; i++) {
		hash = (hash ^ map_hash(set->l[i].name)) * 0x9E3779B97F4A7C15ULL;
		hash = (hash ^ map_hash(set->l[i].value)) * 0x9E3779B97F4A7C15ULL;
	}
	return hash ^ hash >> 29;
}

void labels_begin(struct labels_draft *d, const struct labels *from)
{
	d->n = 0;
	d->full = false;
	for (uint32_t i = 0; from && i < from->n; i++)
		d->l[d->n++] = from->l[i];
}

void labels_set(struct labels_draft *d, struct sb_str name, struct sb_str value)
{
	uint32_t at = 0;
	while (at < d->n && compare(d->l[at].name, name) < 0)
		at++;
	bool there = at < d->n && compare(d->l[at].name, name) == 0;
	if (there && value.n) {
		d->l[at].value = value;
	} else if (there) {
		memmove(&d->l[at], &d->l[at + 1], (d->n - at - 1) * sizeof(d->l[0]));
		d->n--;
	} else if (value.n && d->n == LABELS_MAX) {
		d->full = true;
	} else if (value.n) {
		memmove(&d->l[at + 1], &d->l[at], (d->n - at) * sizeof(d->l[0]));
		d->l[at] = (struct label){ name, value };
		d->n++;
	}
}

const struct labels *labels_make(const struct labels_draft *d, struct arena *a)
{
	struct labels *set = arena_take(a, sizeof(*set) + d->n * sizeof(set->l[0]));
	if (!set)
		return NULL;
	set->n = d->n;
	memcpy(set->l, d->l, d->n * sizeof(set->l[0]));
	return set;
}
