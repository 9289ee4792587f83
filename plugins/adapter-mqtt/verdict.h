/* What the registry said about who may read which topic, remembered until rights change: partly
 * allowed subscriptions cost a look-up per message and not a question. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct session;
struct verdict;

struct verdicts {
	struct verdict *table; /* NULL until somebody needs it */
	uint64_t rights;       /* as of when they were given */
};

/* May this session be sent a message of this topic? */
bool verdict_of(struct verdicts *v, const struct session *s, struct sb_str topic);
void verdict_fini(struct verdicts *v);
