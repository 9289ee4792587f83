#include "verdict.h"

#include <stdlib.h>
#include <string.h>

#include <signalbox/services.h>

#include "acl.h"
#include "server.h"

#define PLACES    1024
#define TOPIC_MAX 71 /* longer ones are asked about each time */

struct verdict {
	uint64_t who; /* 0: free */
	char topic[TOPIC_MAX];
	uint8_t n;
	bool allowed;
};

static uint32_t place_of(const struct server *srv, uint64_t who, struct sb_str topic)
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
	return (uint32_t)(h % PLACES);
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
	struct verdict *found = &table[place_of(srv, s->who.id, topic)];
	if (found->who == s->who.id && found->n == topic.n &&
	    memcmp(found->topic, topic.p, topic.n) == 0)
		return found->allowed;
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
