/* The "pattern" keyword: ECMA regular expressions by way of POSIX extended ones. */
#pragma once
#include <stdbool.h>

/* 1 it matches somewhere in text, 0 it does not, -ENOTSUP for constructs POSIX has no word for
 * (lookahead, back references, lazy quantifiers, \b, \u), -EINVAL for a malformed one. */
int pattern_match(const char *pattern, const char *text);
