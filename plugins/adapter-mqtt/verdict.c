#include "verdict.h"

#include <stdlib.h>
#include <string.h>

#include <signalbox/services.h>

#include "acl.h"
#include "server.h"

#define PLACES    4096
#define WAYS      4  /* places a topic may lie in: a thousand topics hardly push each other out */
#define TOPIC_MAX 71 /* longer ones are asked about each time */

struct verdict {
	uint64_t who; /* 0: free */
	char topic[TOPIC_MAX];
	uint8_t n;
	bool allowed;
};

static uint32_t hash_of(const struct server *srv, uint64_t who, struct sb_str topic)
{
	uint64_t h = srv->sessions.seed ^ who;
	const char *p = topic.p;

	for (size_t n = topic.n; n;) {
		uint64_t w = 0;
		size_t k = n < sizeof(w) ? n : sizeof(w);
		memcpy(&w, p, k);
		h = (h ^ w) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
		p += k;
		n -= k;
	}
	return (uint32_t)h;
}

/* The table, empty again if rights have changed since; NULL without memory. */
static struct verdict *table_of(struct verdicts *v, const struct server *srv)
{
	if (!v->table)
		v->table = calloc(PLACES, sizeof(*v->table));
	else if (v->rights != srv->rights)
		memset(v->table, 0, PLACES * sizeof(*v->table));
	v->rights = srv->rights;
	return v->table;
}

bool verdict_of(struct verdicts *v, const struct session *s, struct sb_str topic)
{
	const struct server *srv = s->srv;
	struct verdict *table = topic.n <= TOPIC_MAX ? table_of(v, srv) : NULL;

	if (!table)
		return acl_reads(s, topic);
	uint32_t hash = hash_of(srv, s->who.id, topic);
	struct verdict *set = &table[hash % (PLACES / WAYS) * WAYS];
	struct verdict *found = &set[hash / PLACES % WAYS];
	for (uint32_t i = 0; i < WAYS; i++) {
		if (set[i].who == s->who.id && set[i].n == topic.n &&
		    memcmp(set[i].topic, topic.p, topic.n) == 0)
			return set[i].allowed;
		if (!set[i].who)
			found = &set[i];
	}
	found->who = s->who.id;
	found->n = (uint8_t)topic.n;
	memcpy(found->topic, topic.p, topic.n);
	found->allowed = acl_reads(s, topic);
	return found->allowed;
}

void verdict_fini(struct verdicts *v)
{
	free(v->table);
	v->table = NULL;
}
