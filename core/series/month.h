/* Calendar months in UTC, counted from January 1970 = 0. */
#pragma once
#include <stdint.h>

int32_t month_of(int64_t ns);
/* Its first and last moment; INT64_MIN or INT64_MAX where that lies beyond what 64 bits can tell.
 */
int64_t month_begin(int32_t month);
int64_t month_last(int32_t month);
