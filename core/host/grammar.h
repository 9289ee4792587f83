/* Is a JSON Schema itself sound? */
#pragma once
#include <jansson.h>
#include <stddef.h>

/* 0, or SB_E_MALFORMED with where and what in why. */
int grammar_check(const json_t *schema, char *why, size_t cap);
