/* Topic names and filters: what is well formed, what matches, what a name under devices/ means. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

#define TOPIC_MAX_LEVELS 64

enum topic_kind {
	TOPIC_PLAIN,     /* not ours: broker semantics */
	TOPIC_TELEMETRY, /* devices/{id}/telemetry */
	TOPIC_UP,        /* what a device says besides: state/reported, events, health, results */
	TOPIC_DOWN,      /* what a device is told: state/desired, commands/{cid}, ota */
	TOPIC_UNKNOWN,   /* under devices/, and nothing we know */
	TOPIC_SYSTEM     /* begins with $ */
};

struct topic_name {
	enum topic_kind kind;
	struct sb_str device; /* {id}; empty if the name has none */
};

/* A name to publish to: 1-max bytes, no wildcard, at most TOPIC_MAX_LEVELS levels. UTF-8 has been
 * checked before. */
bool topic_name_ok(struct sb_str name, uint32_t max);
/* A topic for the answers to a message: at least one byte, no wildcard. */
bool topic_response_ok(struct sb_str name);
uint32_t topic_levels(struct sb_str topic);
/* A filter to subscribe to: wildcards stand alone in their level, # is the last one. */
bool topic_filter_ok(struct sb_str filter, uint32_t max);
void topic_classify(struct sb_str name, struct topic_name *out);
/* The next level of *rest, which moves behind it; false after the last. Begin with *rest whole and
 * *more true. */
bool topic_level(struct sb_str *rest, bool *more, struct sb_str *out);

/* $share/{group}/{filter}. */
struct topic_share {
	struct sb_str group, filter;
};
/* 1: shared, *out is filled. 0: an ordinary filter. -EINVAL: begins with $share/ and is not well
 * formed. */
int topic_share_parse(struct sb_str filter, struct topic_share *out);
