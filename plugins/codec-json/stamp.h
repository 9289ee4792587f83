/* The time a device wrote into its message. */
#pragma once
#include <stdint.h>

struct sb_number;

/* Nanoseconds since 1970, from seconds, ms, us or ns, told apart by their size: below 1e11 s, 1e14
 * ms, 1e17 us. Exact; what is finer than a nanosecond is cut off. SB_E_RANGE. */
int32_t stamp_take(const struct sb_number *number, int64_t *ns);
/* Seconds with a fraction, of any size, as nanoseconds. SB_E_RANGE. */
int32_t stamp_seconds(const struct sb_number *number, int64_t *ns);
