/* Time zones out of the system's tzdata (TZif, RFC 8536), without the process's own zone. One that
 * is loaded never changes; any thread. Seconds since 1970 UTC; offsets are seconds east of UTC. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <signalbox/types.h>

#define ZONE_NAME_MAX   64
#define ZONE_OFFSET_MAX 93600 /* 26 h */

struct zone;

/* A stretch of time in which one offset holds. */
struct zone_span {
	int64_t begin_s;                 /* INT64_MIN: for ever before */
	int32_t offset_s, offset_before; /* before: until begin_s */
};

/* "Europe/Berlin", "UTC": parts of letters, digits, + - _, so that no name leads out of the
 * folder of zones. */
bool zone_is_name(struct sb_str name);
/* -EINVAL: not a name; -ENOENT: no such zone; SB_E_MALFORMED; -ENOMEM, -EIO... */
int zone_load(struct zone **out, struct sb_str name);
int zone_of_bytes(struct zone **out, struct sb_bytes tzif); /* SB_E_MALFORMED, -ENOMEM */
struct zone *zone_free(struct zone *z);
void zone_at(const struct zone *z, int64_t utc_s, struct zone_span *out);
/* The name of the zone this machine is in, 0-terminated; "UTC" if that is unknown. */
void zone_system(char *buf, size_t cap);
