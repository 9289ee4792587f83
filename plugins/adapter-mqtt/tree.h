/* Topic levels as a tree. Edges live in one hash table keyed by (parent, level), so that a step
 * costs the same with ten siblings and with a million; children are linked too, so that a wildcard
 * can walk them. Nodes without value and children are removed. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

struct tree_node {
	struct tree_node *parent, *chain; /* chain: same bucket of the edge table */
	struct tree_node *child, *next, *prev;
	struct tree_node *plus, *multi; /* the children "+" and "#" */
	void *value;
	uint32_t hash;
	uint16_t len;
	char name[];
};

struct tree {
	struct tree_node *root;
	struct tree_node **edges;
	uint32_t n, cap; /* cap: a power of two, or 0 */
	uint64_t seed;
};

/* seed: unpredictable, so that nobody can choose levels that fall into one bucket. */
int tree_init(struct tree *t, uint64_t seed);
/* Frees the nodes; values must be gone or owned elsewhere. */
void tree_fini(struct tree *t);
/* One step down, NULL if there is no such level. */
struct tree_node *tree_step(const struct tree *t, const struct tree_node *from,
                            struct sb_str level);
struct tree_node *tree_find(const struct tree *t, struct sb_str path);
/* Finds or makes the node of a path; NULL without memory. */
struct tree_node *tree_add(struct tree *t, struct sb_str path);
/* Removes the node, and those above it, as far as nothing hangs on them. */
void tree_prune(struct tree *t, struct tree_node *node);
