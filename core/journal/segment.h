/* One segment file: its name, its header, and a reader of its records that trusts nothing. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <signalbox/types.h>

struct disk;

#define SEGMENT_HEAD       4096u /* the header's block; records begin behind it */
#define SEGMENT_VERSION    1u
#define SEGMENT_NAME_MAX   32
#define SEGMENT_RECORD_MAX (16u * 1024 * 1024) /* a longer record is damage */

/* "seg-0000000012.log": the number is the generation it has, or will have once it is in use. */
void segment_name(char buf[static SEGMENT_NAME_MAX], uint32_t generation);
bool segment_name_take(const char *name, uint32_t *generation);

struct segment_header {
	uint32_t generation;
	uint64_t first_seq; /* of its first record, there or still to come */
};

void segment_header_give(uint8_t block[static SEGMENT_HEAD], const struct segment_header *header);
/* 0; SB_E_NOT_FOUND: no valid header; -EPROTONOSUPPORT: written by a newer version. */
int segment_header_take(const uint8_t block[static SEGMENT_HEAD], struct segment_header *out);

struct segment_reader {
	const struct disk *disk;
	int fd;
	uint32_t generation;
	uint64_t at;   /* position in the file of the next record */
	uint64_t seq;  /* the next record's number; 0: whatever the first one says */
	uint64_t size; /* of the file */
	uint8_t *p;    /* bytes of the file from `from` on */
	uint64_t from;
	size_t n, cap;
};

/* Reads the segment open as fd from its first record on; fd stays the caller's. */
void segment_reader_init(struct segment_reader *reader, const struct disk *disk, int fd,
                         uint64_t size, const struct segment_header *header);
void segment_reader_fini(struct segment_reader *reader);
/* 1 and the record, whose payload lives until the next call; 0 at the end, which is the first thing
 * that is not the expected record; a fault of the disk. */
int segment_reader_next(struct segment_reader *reader, uint64_t *seq, struct sb_bytes *payload);
