/* Regular expressions as Prometheus has them (RE2 syntax), anchored at both ends. A text is matched
 * in time linear in its length, whatever the expression: nothing is tried twice. No back references
 * and no look-around, which that syntax does not have either. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct arena;
struct regex;

#define REGEX_TEXT_MAX 8192 /* bytes of an expression */
#define REGEX_GROUPS   10   /* 0: everything */

/* Lives in the arena. NULL, and why (a literal): it is none, or it is too large. */
struct regex *regex_make(struct arena *a, struct sb_str text, const char **why);
/* Does it match all of the text? Not by two threads at once. */
bool regex_matches(struct regex *regex, struct sb_str text);
/* The same, and where its groups lie; a p of NULL: that group took no part. */
bool regex_groups(struct regex *regex, struct sb_str text, struct sb_str groups[REGEX_GROUPS]);
/* The number of a named group, or -1. */
int regex_group(const struct regex *regex, struct sb_str name);
