/* Values and times as text. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct load;
struct load_value;

/* Text as a value of this type; SB_T_NULL: as what it looks like: true, false, a number (as JSON
 * numbers are read), NaN, Infinity, else text. Empty text without a type is no value. Changes the
 * text. 0, SB_E_MALFORMED. */
int load_text_value(struct load *ld, struct load_value *v, struct sb_str text, uint8_t type);
/* "f64" ... ; empty: SB_T_NULL. */
int load_text_type(struct load *ld, struct sb_str text, uint8_t *type);
/* "2026-01-02T03:04:05.678+01:00": without a zone UTC, without a time midnight. */
int load_text_iso(struct load *ld, struct sb_str text, int64_t *ns);
/* A number of units of so many ns, with a fraction where that is exact to the ns. */
int load_text_time(struct load *ld, struct sb_str text, int64_t unit_ns, int64_t *ns);
int load_text_small(struct load *ld, struct sb_str text, uint64_t max, uint64_t *out);

/* "time", "rx" (ISO), "time_ns", "time_us", "time_ms", "time_s", "ts" (ms): which member a name is;
 * unit_ns 0: ISO. False: none. */
bool load_text_time_name(struct sb_str name, bool *rx, int64_t *unit_ns);
