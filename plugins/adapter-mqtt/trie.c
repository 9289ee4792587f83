#include "trie.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "retained.h"
#include "session.h"
#include "topic.h"

int trie_init(struct trie *t, uint64_t seed)
{
	memset(t, 0, sizeof(*t));
	return tree_init(&t->tree, seed);
}

void trie_fini(struct trie *t)
{
	tree_fini(&t->tree);
}

static struct sub_list *list_find(struct sub_set *set, struct sb_str group)
{
	if (!group.n)
		return &set->plain;
	for (struct share *sh = set->shares; sh; sh = sh->next)
		if (sh->len == group.n && memcmp(sh->name, group.p, group.n) == 0)
			return &sh->list;
	return NULL;
}

static uint32_t key_of(struct sb_str group, struct sb_str filter)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < group.n; i++)
		h = (h ^ (uint8_t)group.p[i]) * 16777619u;
	h = (h ^ '/') * 16777619u;
	for (size_t i = 0; i < filter.n; i++)
		h = (h ^ (uint8_t)filter.p[i]) * 16777619u;
	return h ? h : 1;
}

static struct sub_list *list_make(struct sub_set *set, struct sb_str group, struct sb_str filter)
{
	struct sub_list *list = list_find(set, group);
	if (list)
		return list;
	struct share *sh = calloc(1, sizeof(*sh) + group.n);
	if (!sh)
		return NULL;
	memcpy(sh->name, group.p, group.n);
	sh->len = (uint16_t)group.n;
	sh->key = key_of(group, filter);
	sh->list.set = set;
	sh->next = set->shares;
	set->shares = sh;
	return &sh->list;
}

/* Frees what holds nothing any more: the share, the set, the nodes. */
static void collect(struct trie *t, struct sub_set *set)
{
	struct share **at = &set->shares;

	while (*at) {
		struct share *sh = *at;
		if (sh->list.n) {
			at = &sh->next;
			continue;
		}
		*at = sh->next;
		free(sh->list.subs);
		free(sh);
	}
	if (set->plain.n || set->shares)
		return;
	struct tree_node *node = set->node;
	node->value = NULL;
	free(set->plain.subs);
	free(set);
	tree_prune(&t->tree, node);
	t->devices = tree_step(&t->tree, t->tree.root, SB_STR("devices"));
}

static struct sub_set *set_make(struct trie *t, struct sb_str filter)
{
	struct tree_node *node = tree_add(&t->tree, filter);

	if (!node)
		return NULL;
	if (node->value)
		return node->value;
	struct sub_set *set = calloc(1, sizeof(*set));
	if (!set) {
		tree_prune(&t->tree, node);
		return NULL;
	}
	set->node = node;
	set->plain.set = set;
	node->value = set;
	t->devices = tree_step(&t->tree, t->tree.root, SB_STR("devices"));
	return set;
}

static struct sub *find_in(const struct sub_list *list, const struct session *s)
{
	if (list->n <= s->n_subs) {
		for (uint32_t i = 0; i < list->n; i++)
			if (list->subs[i]->session == s)
				return list->subs[i];
		return NULL;
	}
	for (struct sub *sub = s->subs; sub; sub = sub->next)
		if (sub->list == list)
			return sub;
	return NULL;
}

static bool list_push(struct sub_list *list, struct sub *sub)
{
	if (list->n == list->cap) {
		uint32_t cap = list->cap ? list->cap * 2 : 1;
		struct sub **subs = realloc(list->subs, cap * sizeof(struct sub *));
		if (!subs)
			return false;
		list->subs = subs;
		list->cap = cap;
	}
	sub->at = list->n;
	list->subs[list->n++] = sub;
	return true;
}

int trie_add(struct trie *t, struct session *s, struct sb_str group, struct sb_str filter,
             struct sub **out)
{
	struct sub_set *set = set_make(t, filter);
	if (!set)
		return -ENOMEM;
	struct sub_list *list = list_make(set, group, filter);
	struct sub *sub = list ? find_in(list, s) : NULL;
	if (sub) {
		*out = sub;
		return 0;
	}
	sub = list ? calloc(1, sizeof(*sub)) : NULL;
	if (!sub || !list_push(list, sub)) {
		free(sub);
		collect(t, set);
		return -ENOMEM;
	}
	sub->session = s;
	sub->list = list;
	sub->shared = group.n != 0;
	sub->next = s->subs;
	if (sub->next)
		sub->next->prev = sub;
	s->subs = sub;
	s->n_subs++;
	sub->cost = trie_cost(group, filter);
	s->sub_bytes += sub->cost;
	t->n++;
	*out = sub;
	return 1;
}

uint32_t trie_cost(struct sb_str group, struct sb_str filter)
{
	uint32_t levels = 1;

	for (size_t i = 0; i < filter.n; i++)
		levels += filter.p[i] == '/';
	return (uint32_t)(sizeof(struct sub) + sizeof(struct sub_set) + sizeof(struct share) +
	                  levels * (sizeof(struct tree_node) + sizeof(void *)) + filter.n +
	                  group.n);
}

struct sub *trie_find(const struct trie *t, const struct session *s, struct sb_str group,
                      struct sb_str filter)
{
	struct tree_node *node = tree_find(&t->tree, filter);
	if (!node || !node->value)
		return NULL;
	struct sub_list *list = list_find(node->value, group);
	return list ? find_in(list, s) : NULL;
}

int trie_filter(const struct sub *sub, char **buf, uint32_t *cap, struct sb_str *out)
{
	const struct tree_node *node = sub->list->set->node;
	uint32_t n = 0;

	for (const struct tree_node *at = node; at->parent; at = at->parent)
		n += at->len + 1u;
	if (n > *cap) {
		char *grown = realloc(*buf, n);
		if (!grown)
			return -ENOMEM;
		*buf = grown;
		*cap = n;
	}
	*out = sb_str_of(*buf, n - 1);
	for (const struct tree_node *at = node; at->parent; at = at->parent) {
		(*buf)[--n] = '/';
		n -= at->len;
		memcpy(*buf + n, at->name, at->len);
	}
	return 0;
}

void trie_remove(struct trie *t, struct sub *sub)
{
	struct sub_list *list = sub->list;
	struct session *s = sub->session;

	list->subs[sub->at] = list->subs[--list->n];
	list->subs[sub->at]->at = sub->at;
	if (sub->prev)
		sub->prev->next = sub->next;
	else
		s->subs = sub->next;
	if (sub->next)
		sub->next->prev = sub->prev;
	if (sub->retained_due)
		s->n_retained_due--;
	retained_stop(sub);
	s->n_subs--;
	s->sub_bytes -= sub->cost;
	t->n--;
	free(sub);
	if (!list->n)
		collect(t, list->set);
}

static uint32_t match(const struct tree *t, const struct tree_node *node, struct sb_str rest,
                      bool more, trie_match_fn fn, void *ud)
{
	struct sb_str level;
	uint32_t n = 1;

	if (!more && node->value)
		fn(ud, node->value);
	/* "a/#" stands for "a" too. */
	if (node->multi && node->multi->value)
		fn(ud, node->multi->value);
	if (!more)
		return n;
	topic_level(&rest, &more, &level);
	if (node->plus)
		n += match(t, node->plus, rest, more, fn, ud);
	const struct tree_node *step = tree_step(t, node, level);
	if (step)
		n += match(t, step, rest, more, fn, ud);
	return n;
}

uint32_t trie_match(const struct trie *t, struct sb_str topic, trie_match_fn fn, void *ud)
{
	struct sb_str level;
	bool more = true;

	if (!t->n)
		return 0;
	if (topic.p[0] != '$')
		return match(&t->tree, t->tree.root, topic, more, fn, ud);
	/* A wildcard in the first level does not reach into $-topics. */
	topic_level(&topic, &more, &level);
	const struct tree_node *step = tree_step(&t->tree, t->tree.root, level);
	return step ? match(&t->tree, step, topic, more, fn, ud) : 0;
}
