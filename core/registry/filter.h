/* MQTT topic filters, as rights speak of them: which topics they match, and how two of them relate.
 * A topic is a filter without wildcards. Wildcards in the first level do not reach what begins
 * with $. */
#pragma once
#include <stdbool.h>

#include <signalbox/types.h>

/* 1 to 1,024 bytes of UTF-8 without control characters, wildcards alone in their level, # the last
 * one. */
bool filter_is_ok(struct sb_str filter);
/* Does it match everything that `of` matches? */
bool filter_covers(struct sb_str filter, struct sb_str of);
/* Is there a topic that both match? */
bool filter_meets(struct sb_str a, struct sb_str b);
