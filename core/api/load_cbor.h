/* A CBOR sequence (RFC 8742) of maps with the members of the JSON lines; times are numbers:
 * time_ns. Values have the types CBOR gives them: unsigned u64 only where type says so, else i64.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load;

/* One item into ld->record: how many bytes it has; 0: it is not complete. *r: 0, SB_E_MALFORMED.
 * What is no CBOR at all takes the rest. */
size_t load_cbor(struct load *ld, const uint8_t *p, size_t n, bool last, int *r);
