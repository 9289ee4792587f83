#include "tree.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "topic.h"

static uint32_t hash_of(const struct tree *t, const struct tree_node *parent, struct sb_str level)
{
	uint64_t h = t->seed ^ ((uint64_t)(uintptr_t)parent * 0x9e3779b97f4a7c15u) ^ level.n;
	const char *p = level.p;
	size_t n = level.n;

	while (n) {
		uint64_t w = 0;
		size_t k = n < 8 ? n : 8;
		memcpy(&w, p, k);
		h = (h ^ w) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
		p += k;
		n -= k;
	}
	h *= 0xc4ceb9fe1a85ec53u;
	return (uint32_t)(h >> 32);
}

int tree_init(struct tree *t, uint64_t seed)
{
	memset(t, 0, sizeof(*t));
	t->seed = seed | 1;
	t->root = calloc(1, sizeof(*t->root));
	return t->root ? 0 : -ENOMEM;
}

void tree_fini(struct tree *t)
{
	for (uint32_t i = 0; i < t->cap; i++) {
		struct tree_node *node = t->edges[i];
		while (node) {
			struct tree_node *next = node->chain;
			free(node);
			node = next;
		}
	}
	free(t->edges);
	free(t->root);
	memset(t, 0, sizeof(*t));
}

static bool is_named(const struct tree_node *node, struct sb_str level)
{
	return node->len == level.n && (!level.n || memcmp(node->name, level.p, level.n) == 0);
}

struct tree_node *tree_step(const struct tree *t, const struct tree_node *from, struct sb_str level)
{
	struct tree_node *node = from->child;

	if (!t->cap || !node)
		return NULL;
	/* The end of a long branch: nothing to look up, and less memory to touch. */
	if (!node->next)
		return is_named(node, level) ? node : NULL;
	uint32_t hash = hash_of(t, from, level);
	for (node = t->edges[hash & (t->cap - 1)]; node; node = node->chain)
		if (node->hash == hash && node->parent == from && is_named(node, level))
			return node;
	return NULL;
}

struct tree_node *tree_find(const struct tree *t, struct sb_str path)
{
	const struct tree_node *node = t->root;
	struct sb_str level;
	bool more = true;

	while (topic_level(&path, &more, &level)) {
		node = tree_step(t, node, level);
		if (!node)
			return NULL;
	}
	/* Nodes below the root are ours and never const. */
	return (struct tree_node *)(uintptr_t)node;
}

static bool grow(struct tree *t)
{
	uint32_t cap = t->cap ? t->cap * 2 : 64;
	struct tree_node **edges = calloc(cap, sizeof(struct tree_node *));

	if (!edges)
		return false;
	for (uint32_t i = 0; i < t->cap; i++) {
		struct tree_node *node = t->edges[i];
		while (node) {
			struct tree_node *next = node->chain;
			node->chain = edges[node->hash & (cap - 1)];
			edges[node->hash & (cap - 1)] = node;
			node = next;
		}
	}
	free(t->edges);
	t->edges = edges;
	t->cap = cap;
	return true;
}

static struct tree_node *add_level(struct tree *t, struct tree_node *parent, struct sb_str level)
{
	if (t->n >= t->cap && !grow(t))
		return NULL;
	struct tree_node *node = calloc(1, sizeof(*node) + level.n);
	if (!node)
		return NULL;
	if (level.n)
		memcpy(node->name, level.p, level.n);
	node->len = (uint16_t)level.n;
	node->parent = parent;
	node->hash = hash_of(t, parent, level);
	struct tree_node **bucket = &t->edges[node->hash & (t->cap - 1)];
	node->chain = *bucket;
	*bucket = node;
	node->next = parent->child;
	if (node->next)
		node->next->prev = node;
	parent->child = node;
	if (level.n == 1 && level.p[0] == '+')
		parent->plus = node;
	if (level.n == 1 && level.p[0] == '#')
		parent->multi = node;
	t->n++;
	return node;
}

struct tree_node *tree_add(struct tree *t, struct sb_str path)
{
	struct tree_node *node = t->root;
	struct sb_str level;
	bool more = true;

	while (topic_level(&path, &more, &level)) {
		struct tree_node *next = tree_step(t, node, level);
		if (!next)
			next = add_level(t, node, level);
		if (!next) {
			tree_prune(t, node);
			return NULL;
		}
		node = next;
	}
	return node;
}

static void remove_node(struct tree *t, struct tree_node *node)
{
	struct tree_node *parent = node->parent;
	struct tree_node **at = &t->edges[node->hash & (t->cap - 1)];

	while (*at != node)
		at = &(*at)->chain;
	*at = node->chain;
	if (node->prev)
		node->prev->next = node->next;
	else
		parent->child = node->next;
	if (node->next)
		node->next->prev = node->prev;
	if (parent->plus == node)
		parent->plus = NULL;
	if (parent->multi == node)
		parent->multi = NULL;
	t->n--;
	free(node);
}

void tree_prune(struct tree *t, struct tree_node *node)
{
	while (node->parent && !node->value && !node->child) {
		struct tree_node *parent = node->parent;
		remove_node(t, node);
		node = parent;
	}
}
