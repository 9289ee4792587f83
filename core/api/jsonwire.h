/* A jansson value written through wire.h, so that numbers are as exact and as short as everywhere.
 * Also linked by the CLI: leans on base alone. */
#pragma once
#include <jansson.h>

#include "base/wire.h"

void jsonwire_give(struct wire *w, const json_t *value);
