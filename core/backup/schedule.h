/* When the platform makes backups by itself. Pure. */
#pragma once
#include <stdint.h>

/* The newest moment not after now at which one is to begin: `at_s` seconds after midnight of the
 * local day now lies in, and every `every_ns` before and after. UTC in and out. */
int64_t schedule_due(int64_t now_ns, int32_t at_s, int64_t every_ns);
/* The one after it. */
int64_t schedule_next(int64_t now_ns, int32_t at_s, int64_t every_ns);
/* "02:30" to seconds after midnight, or -EINVAL. */
int schedule_take(const char *text, int32_t *at_s);
