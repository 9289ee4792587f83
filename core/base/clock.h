/* Time in nanoseconds. Tests set it; the product never does. Any thread. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define NS_PER_US 1000LL
#define NS_PER_MS 1000000LL
#define NS_PER_S  1000000000LL

int64_t clock_utc(void);  /* since 1970 */
int64_t clock_mono(void); /* never goes back */
/* "2026-11-23T02:33:11Z", for people; cap 32 is enough. */
void clock_show(char *buf, size_t cap, int64_t utc_ns);
/* For tests: both clocks stand at these values until set again; 0, 0 lets them run. */
void clock_set(int64_t utc_ns, int64_t mono_ns);
