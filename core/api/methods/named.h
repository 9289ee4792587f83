/* Names in parameters. */
#pragma once
#include <jansson.h>
#include <stdbool.h>

#include <signalbox/types.h>

struct series;

struct sb_str named_text(const json_t *value); /* of a string; p NULL: it is none */
/* Is the name of the series one of the list? NULL: every name is. */
bool named_is(const json_t *names, const struct series *s);
