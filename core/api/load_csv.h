/* CSV (RFC 4180): one value a line, in columns series and value; or every other column is a series,
 * "temp [Cel]" with its unit. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <signalbox/types.h>

struct load;

int load_csv_header(struct load *ld, struct sb_str line); /* the names are copied */
/* One line without its end, into ld->record. 0, SB_E_MALFORMED. */
int load_csv(struct load *ld, uint8_t *p, size_t n);
