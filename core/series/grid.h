/* Where buckets begin: at multiples of a width, or as the calendar of a time zone has it. In a
 * zone, days begin at local midnight (23 or 25 hours later the next one), weeks on Monday, months
 * on the first; widths of less than a day are counted from local midnight by the clock on the wall:
 * an hour that comes twice is two buckets of an hour, a bucket of six hours is five or seven long.
 */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

struct zone;

enum grid_unit { GRID_NS, GRID_DAYS, GRID_WEEKS, GRID_MONTHS };

struct grid {
	enum grid_unit unit;
	int64_t n;               /* so many of them, > 0; more than one: counted from 1970 */
	const struct zone *zone; /* NULL: UTC */
};

struct grid_cell {
	int64_t begin_ns, last_ns; /* both included */
};

/* "500ms", "15m", "6h", "1d", "2w", "1M", "1y": -EINVAL, -ERANGE. The zone is not touched. */
int grid_parse(struct grid *out, struct sb_str text);
struct grid_cell grid_cell(const struct grid *g, int64_t ts_ns); /* that ts_ns lies in */
int64_t grid_nominal(const struct grid *g);                      /* ns of a usual one */
