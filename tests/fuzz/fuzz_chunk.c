/* A chunk as a disk may give it back: as it is, and with a checksum that fits, so that the damage
 * gets behind it. */
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "series/chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void read_all(struct sb_bytes bytes)
{
	struct chunk ch;
	int64_t ts[COLUMN_ROWS_MAX], rx[COLUMN_ROWS_MAX];
	uint16_t flags[COLUMN_ROWS_MAX];
	if (chunk_open(&ch, bytes) < 0)
		return;
	if (chunk_times(&ch, ts) >= 0)
		(void)chunk_arrivals(&ch, ts, rx);
	(void)chunk_flags(&ch, flags);
	for (int i = 0; i < ch.columns; i++) {
		struct column col = { 0 };
		struct column_stats stats;
		(void)chunk_stats(&ch, i, &stats);
		(void)chunk_column(&ch, i, &col);
		column_fini(&col);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	read_all((struct sb_bytes){ data, n });
	if (n < 6)
		return 0;
	uint8_t *copy = malloc(n);
	if (!copy)
		return 0;
	memcpy(copy, data, n);
	uint32_t crc = crc32c(crc32c(0, copy + 1, 1), copy + 6, n - 6);
	for (int i = 0; i < 4; i++)
		copy[2 + i] = (uint8_t)(crc >> 8 * i);
	read_all((struct sb_bytes){ copy, n });
	free(copy);
	return 0;
}
