/* What a file of the journal's directory is. */
#pragma once
#include <stdint.h>

struct disk;
struct segment_header;

/* A segment with records, its header as it is or as its records say: 0; SB_E_NOT_FOUND: a spare, or
 * nothing of ours; -EPROTONOSUPPORT: of a newer version. Changes nothing. */
int scan_segment(const struct disk *disk, int fd, uint64_t size, uint32_t generation,
                 struct segment_header *out);
