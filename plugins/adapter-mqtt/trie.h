/* Subscriptions by topic filter. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tree.h"

struct session;
struct sub_set;

struct sub_list {
	struct sub_set *set;
	struct sub **subs;
	uint32_t n, cap;
};

struct sub { /* one session, one filter */
	struct session *session;
	struct sub_list *list;
	struct sub *next, *prev; /* of the session */
	uint32_t at;             /* place in the list */
	uint32_t cost;           /* bytes charged to the session */
	uint32_t identifier;     /* 0: none */
	uint8_t qos;
	bool no_local, as_published, shared;
	bool retained_due; /* its retained messages are not all sent */
	bool part;         /* not everything it matches may be read, see acl_delivers() */
};

struct share { /* a group; the members of one filter */
	struct share *next;
	struct sub_list list;
	uint32_t turn;
	uint32_t key; /* of group and filter, the same after a restart; never 0 */
	uint16_t len;
	char name[];
};

struct sub_set { /* all subscriptions of one filter */
	struct tree_node *node;
	struct sub_list plain;
	struct share *shares;
};

struct trie {
	struct tree tree;
	uint32_t n;
	struct tree_node *devices; /* the branch "devices", if there is one */
};

int trie_init(struct trie *t, uint64_t seed);
void trie_fini(struct trie *t); /* all subscriptions have been removed */
/* What a subscription to this filter is charged. */
uint32_t trie_cost(struct sb_str group, struct sb_str filter);
/* 1: new. 0: there was one, *out is it. -ENOMEM. An empty group: not shared. */
int trie_add(struct trie *t, struct session *s, struct sb_str group, struct sb_str filter,
             struct sub **out);
struct sub *trie_find(const struct trie *t, const struct session *s, struct sb_str group,
                      struct sb_str filter);
/* The filter, without its group, in *buf of *cap bytes, which grows; freed by the caller. -ENOMEM.
 */
int trie_filter(const struct sub *sub, char **buf, uint32_t *cap, struct sb_str *out);
void trie_remove(struct trie *t, struct sub *sub);
typedef void (*trie_match_fn)(void *ud, struct sub_set *set);
/* Returns how many nodes it looked at: at most two a level and for each '+' that matched before,
 * however many filters there are. */
uint32_t trie_match(const struct trie *t, struct sb_str topic, trie_match_fn fn, void *ud);

/* The group of a shared subscription. */
static inline struct share *trie_share(const struct sub *sub)
{
	return (void *)((char *)sub->list - offsetof(struct share, list));
}

/* Can anybody want a topic under devices/? The usual answer is no, and costs nothing. */
static inline bool trie_wants_devices(const struct trie *t)
{
	return t->devices || t->tree.root->plus || t->tree.root->multi;
}
