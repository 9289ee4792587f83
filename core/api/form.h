/* Documents that come in, as jansson values, from JSON or CBOR; and a jansson value going out. CBOR
 * is read with libcbor's stream decoder alone, under bounds of our own: its cbor_load() lets five
 * bytes ask for gigabytes. */
#pragma once
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wire.h"

#define FORM_DEPTH_MAX 32
#define FORM_ITEMS_MAX 200000

/* NULL and why (a literal) for anything that is not exactly one document: duplicate keys, integers
 * beyond 64 bits signed, tags, NaN, text that is not UTF-8, over a bound. Byte strings become
 * base64url text. */
json_t *form_take(enum wire_form form, const void *p, size_t n, const char **why);
