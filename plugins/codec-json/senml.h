/* SenML (RFC 8428): an array of records with base values that hold from their record on. Sums ("s")
 * are not stored: beside a value they are passed over, alone they are refused. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct decoding;

/* Does the payload look like it: an array whose first record has a text as "n" or "bn"? */
bool senml_is(const struct decoding *d);
int32_t senml_decode(struct decoding *d);
