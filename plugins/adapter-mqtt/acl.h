/* Who may do what. The registry decides about topics; here is when it is asked: at a publish, at a
 * subscribe, at a delivery where a subscription is only partly allowed, and for everything again
 * when rights have changed. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

#include "session.h"
#include "topic.h"
#include "trie.h"

struct route;
struct server;

/* NULL: allowed; else why not. name is the topic, classified. */
const char *acl_publish(const struct session *s, struct sb_str topic,
                        const struct topic_name *name);
/* *part: only some of what the filter matches, so each delivery is asked about. */
const char *acl_subscribe(const struct session *s, struct sb_str filter, bool *part);
/* May this session be sent a message of this topic? */
bool acl_reads(const struct session *s, struct sb_str topic);
/* The same for a subscription that is allowed in part; remembers the answer for the sessions of one
 * principal that follow each other. */
bool acl_delivers(struct route *rt, const struct session *s);
static inline bool acl_takes(struct route *rt, const struct sub *sub)
{
	return !sub->part || acl_delivers(rt, sub->session);
}

/* Whoever the session belongs to as of now, its subscriptions, and what waits for it: judged anew,
 * what is not allowed any more is dropped. A session that came back, from the disk or from a
 * client. NULL: it goes on; else why it cannot: nothing remains of it. */
const char *acl_recheck(struct session *s);
/* Has anything changed? Then the same for every session; those of which nothing remains end. */
void acl_watch(struct server *srv);
