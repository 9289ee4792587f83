/* A chunk of a tier as a disk may give it back: as it is, and with a checksum that fits. */
#include <stdlib.h>
#include <string.h>

#include "series/tierchunk.h"
#include "series/tierform.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void read_all(struct sb_bytes bytes)
{
	static struct tier_row rows[TIERCHUNK_ROWS];
	struct tierchunk ch;
	if (tierchunk_open(&ch, bytes) < 0)
		return;
	for (uint32_t i = 0; i < ch.columns; i++)
		(void)tierchunk_rows(&ch, ch.column[i].index, rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	read_all((struct sb_bytes){ data, n });
	if (n < TIERFORM_HEAD)
		return 0;
	uint8_t *copy = malloc(n);
	if (!copy)
		return 0;
	memcpy(copy, data, n);
	uint32_t crc = tierform_checksum(copy, n);
	for (int i = 0; i < 4; i++)
		copy[2 + i] = (uint8_t)(crc >> 8 * i);
	read_all((struct sb_bytes){ copy, n });
	free(copy);
	return 0;
}
