#include "api/prom/lists.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/prom/answer.h"
#include "api/prom/params.h"
#include "api/prom/store.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/own.h"
#include "base/text.h"
#include "base/wire.h"
#include "promql/index.h"
#include "promql/labels.h"
#include "promql/promql.h"

struct list {
	struct store *store;
	struct arena arena;
	struct error *error;
	uint32_t max; /* series */
	struct index found;
};

static int no_memory(struct list *list)
{
	return error_set(list->error, PROMQL_EXECUTION,
	                 "the answer needs too much memory; select fewer series");
}

static int add(void *ud, const struct labels *labels, void *series)
{
	struct list *list = ud;

	(void)series;
	if (list->found.n == list->max)
		return error_set(list->error, PROMQL_EXECUTION,
		                 "more than %u series match; select fewer with match[]", list->max);
	return index_of(&list->found, labels) < 0 ? no_memory(list) : 0;
}

static int select_one(struct list *list, const struct node *selector, const int64_t ms[2])
{
	int r = store_select(list->store, &list->arena, selector, ms, add, list);

	if (r == 0)
		return 0;
	if (r == -ECANCELED)
		return error_set(list->error, PROMQL_TIMEOUT, "the query takes too long");
	return no_memory(list);
}

/* Every series that one of the match[] selects; without any, if that may be, all. */
static int select_all(struct list *list, const struct params *params, bool must_match)
{
	const struct node all = { .kind = NODE_SELECTOR };
	int64_t ms[2] = { INT64_MIN / 2, INT64_MAX / 2 };
	uint32_t n = 0;
	int r = 0;

	if (params_get(params, "start").n && params_time(params_get(params, "start"), &ms[0]) < 0)
		return error_set(list->error, PROMQL_BAD_DATA,
		                 "invalid parameter \"start\": seconds or RFC 3339");
	for (uint32_t i = 0; i < params->n && r == 0; i++) {
		if (!text_is(params->at[i].name, "match[]"))
			continue;
		const struct node *selector = parse_selector(&list->arena, params->at[i].value,
		                                             list->error);

		r = selector ? select_one(list, selector, ms) : -1;
		n++;
	}
	if (r == 0 && n == 0 && must_match)
		return error_set(list->error, PROMQL_BAD_DATA, "no match[] parameter provided");
	return r == 0 && n == 0 ? select_one(list, &all, ms) : r;
}

static int begin(struct list *list, struct store *store, const struct params *params,
                 bool must_match, struct error *error)
{
	*list = (struct list){ .store = store,
		               .error = error,
		               .max = store->limits->max_series,
		               .arena = { .max = store->limits->max_bytes } };
	return select_all(list, params, must_match);
}

static void end(struct list *list)
{
	index_fini(&list->found);
	arena_fini(&list->arena);
}

static int by_text(const void *a, const void *b)
{
	const struct sb_str *x = a;
	const struct sb_str *y = b;
	int r = memcmp(x->p, y->p, MIN(x->n, y->n));

	return r ? r : (x->n > y->n) - (x->n < y->n);
}

static int by_labels(const void *a, const void *b)
{
	return labels_compare(*(const struct labels *const *)a, *(const struct labels *const *)b);
}

int lists_series(struct store *store, const struct params *params, struct buffer *out,
                 struct error *error)
{
	struct wire w = wire_on(out, WIRE_JSON);
	struct list list;
	int r = begin(&list, store, params, true, error);

	if (r == 0 && list.found.n)
		qsort(list.found.sets, list.found.n, sizeof(list.found.sets[0]), by_labels);
	answer_begin(&w);
	wire_array(&w);
	for (uint32_t i = 0; i < list.found.n && r == 0; i++)
		answer_labels(&w, list.found.sets[i]);
	wire_array_end(&w);
	answer_end(&w);
	end(&list);
	return r;
}

/* ---- texts, each once */

struct texts {
	struct map *seen;
	struct sb_str *all;
	size_t n, cap;
};

static int texts_add(struct texts *t, struct sb_str text)
{
	static char there;

	if (map_find(t->seen, text))
		return 0;
	if (t->n == t->cap) {
		size_t cap = MAX(2 * t->cap, (size_t)64);
		struct sb_str *p = realloc(t->all, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		t->all = p;
		t->cap = cap;
	}
	t->all[t->n++] = text;
	return map_put(t->seen, text, &there);
}

static void texts_give(struct texts *t, struct wire *w)
{
	if (t->n)
		qsort(t->all, t->n, sizeof(t->all[0]), by_text);
	answer_begin(w);
	wire_array(w);
	for (size_t i = 0; i < t->n; i++)
		wire_str(w, t->all[i]);
	wire_array_end(w);
	answer_end(w);
}

static void texts_fini(struct texts *t)
{
	map_free(t->seen);
	free(t->all);
}

/* The values of a label, or, without one, the names of labels. */
static int texts_of(struct list *list, struct texts *t, struct sb_str label)
{
	int r = map_new(&t->seen);

	for (uint32_t i = 0; i < list->found.n && r == 0; i++) {
		const struct labels *set = list->found.sets[i];

		for (uint32_t k = 0; k < set->n && r == 0; k++)
			if (!label.n || text_equal(set->l[k].name, label))
				r = texts_add(t, label.n ? set->l[k].value : set->l[k].name);
	}
	return r < 0 ? no_memory(list) : 0;
}

static int texts_answer(struct store *store, const struct params *params, struct sb_str label,
                        struct buffer *out, struct error *error)
{
	struct wire w = wire_on(out, WIRE_JSON);
	struct texts texts = { 0 };
	struct list list;
	int r = begin(&list, store, params, false, error);

	if (r == 0)
		r = texts_of(&list, &texts, label);
	if (r == 0)
		texts_give(&texts, &w);
	texts_fini(&texts);
	end(&list);
	return r;
}

int lists_labels(struct store *store, const struct params *params, struct buffer *out,
                 struct error *error)
{
	return texts_answer(store, params, SB_STR(""), out, error);
}

int lists_values(struct store *store, const struct params *params, struct sb_str label,
                 struct buffer *out, struct error *error)
{
	if (!parse_is_label(label))
		return error_set(error, PROMQL_BAD_DATA, "invalid label name");
	return texts_answer(store, params, label, out, error);
}

/* ---- metadata: what a metric is, as far as that is known */

static void metadata_give(struct wire *w, const struct labels *labels)
{
	wire_key_n(w, labels_get(labels, SB_STR("__name__")));
	wire_array(w);
	wire_map(w);
	wire_key(w, "type");
	wire_text(w, "unknown");
	wire_key(w, "help");
	wire_text(w, "");
	wire_key(w, "unit");
	wire_str(w, labels_get(labels, SB_STR("unit")));
	wire_map_end(w);
	wire_array_end(w);
}

int lists_metadata(struct store *store, const struct params *params, struct buffer *out,
                   struct error *error)
{
	struct sb_str only = params_get(params, "metric");
	struct wire w = wire_on(out, WIRE_JSON);
	struct texts names = { 0 };
	struct list list;
	int r = begin(&list, store, params, false, error);

	if (r == 0 && map_new(&names.seen) < 0)
		r = no_memory(&list);
	answer_begin(&w);
	wire_map(&w);
	for (uint32_t i = 0; i < list.found.n && r == 0; i++) {
		struct sb_str name = labels_get(list.found.sets[i], SB_STR("__name__"));
		size_t before = names.n;

		if (only.n && !text_equal(only, name))
			continue;
		if (texts_add(&names, name) < 0)
			r = no_memory(&list);
		else if (names.n > before)
			metadata_give(&w, list.found.sets[i]);
	}
	wire_map_end(&w);
	answer_end(&w);
	texts_fini(&names);
	end(&list);
	return r;
}
