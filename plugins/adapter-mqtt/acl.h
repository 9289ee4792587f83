/* Who may publish and subscribe to what. */
#pragma once
#include <stdbool.h>

#include <signalbox/types.h>

struct session;
struct topic_name;

/* NULL: allowed. Else why not, for the reason string. */
const char *acl_publish(const struct session *s, const struct topic_name *name);
/* filter: without $share/{group}/. */
const char *acl_subscribe(const struct session *s, struct sb_str filter);
