/* What jansson and a plain model of our forms say about a payload, against the reader and the
 * codec. Both must agree on every document: refused or not, and every value. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct fake;

/* NULL: they agree. Else what they disagree about, static text. */
const char *oracle_check(struct fake *f, const uint8_t *p, size_t n);
