/* The rule behind the last change a zone file lists: "CET-1CEST,M3.5.0,M10.5.0/3". */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct zone_day {
	enum { ZONE_JULIAN, ZONE_DAY, ZONE_WEEKDAY } form; /* without Feb 29, with it, Mm.w.d */
	int32_t month, week, day;
	int32_t time_s; /* of the day, local; may be on another day */
};

struct zone_rule {
	int32_t standard_s, summer_s; /* east of UTC */
	bool has_summer;
	struct zone_day begin, end; /* of summer */
};

int zone_rule_take(struct sb_str text, struct zone_rule *out); /* 0, SB_E_MALFORMED */
/* UTC at which a local day's moment comes, offset_s being in force. */
int64_t zone_rule_moment(const struct zone_day *day, int64_t year, int32_t offset_s);
