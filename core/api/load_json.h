/* One line of JSON: an object with device, time, and series with value, or values: {name: value}.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct load;

/* Into ld->record; changes the bytes. 0, SB_E_MALFORMED. */
int load_json(struct load *ld, uint8_t *p, size_t n);
