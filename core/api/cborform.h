/* One CBOR document as a jansson value, under bounds: see form.h. */
#pragma once
#include <jansson.h>
#include <stddef.h>

json_t *cborform_take(const void *p, size_t n, const char **why);
