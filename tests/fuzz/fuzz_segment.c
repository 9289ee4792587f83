/* Whatever lies in a segment file: the reader ends, and gives only records whose checksum holds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "journal/memory_disk.h"
#include "journal/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct memory_disk disk = memory_disk_of(data, n);
	struct segment_header header = { 1, 0 };
	struct segment_reader reader;
	struct sb_bytes payload;
	uint64_t seq, sum = 0;
	if (n >= SEGMENT_HEAD)
		(void)segment_header_take(data, &header);
	segment_reader_init(&reader, &disk.ops, 0, n, &header);
	while (segment_reader_next(&reader, &seq, &payload) == 1)
		for (size_t i = 0; i < payload.n; i++)
			sum += payload.p[i];
	segment_reader_fini(&reader);
	return sum == UINT64_MAX;
}
