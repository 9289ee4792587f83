/* Whatever lies in a file of tzdata: it is refused, or every moment has an offset, and every day
 * begins before it ends. */
#include <stdint.h>
#include <stdlib.h>

#include "base/zone.h"
#include "series/grid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct zone *z;
	if (zone_of_bytes(&z, (struct sb_bytes){ data, n }) < 0)
		return 0;
	static const struct grid grids[] = { { .unit = GRID_DAYS, .n = 1 },
		                             { .unit = GRID_MONTHS, .n = 1 },
		                             { .unit = GRID_NS, .n = 3600000000000 } };
	for (int64_t ts = -8000000000000000000; ts < 8000000000000000000; ts += 97777777777777777) {
		struct zone_span span;
		zone_at(z, ts / 1000000000, &span);
		for (int i = 0; i < 3; i++) {
			struct grid g = grids[i];
			g.zone = z;
			struct grid_cell c = grid_cell(&g, ts);
			if (c.begin_ns > ts || c.last_ns < ts)
				abort();
		}
	}
	zone_free(z);
	return 0;
}
