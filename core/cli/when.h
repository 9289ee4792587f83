/* Times as people write them. */
#pragma once

/* "now", "1h" or "-1h" (so long ago), "2026-01-02", "2026-01-02T03:04:05Z", or milliseconds since
 * 1970. 0 or -EINVAL. */
int when_parse(const char *text, double *ms);
int when_duration(const char *text, double *ms); /* "10s", "5m", "1h" */
