/* Shared subscriptions: a message goes to one member of the group, in turn among those who can take
 * it at once. */
#pragma once

struct route;
struct session;
struct share;

/* To one member, but never to `except`, which may be NULL. */
void share_deliver(struct route *rt, struct share *sh, const struct session *except);
/* The session ends: what came to it by a group and is not settled goes to other members. A QoS 2
 * message whose sending has begun does not. */
void share_hand_on(struct session *s);
