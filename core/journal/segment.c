#include "journal/segment.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/crc32c.h"
#include "base/own.h"
#include "journal/commit.h"
#include "journal/disk.h"

/* Header: magic[8], version u32, generation u32, first_seq u64, crc u32 of what stands before. */
enum { AT_VERSION = 8, AT_GENERATION = 12, AT_FIRST = 16, AT_CRC = 24, READ_BYTES = 256 * 1024 };
static const char magic[8] = { 'S', 'B', 'X', 'S', 'E', 'G', '\r', '\n' };

void segment_name(char buf[static SEGMENT_NAME_MAX], uint32_t generation)
{
	snprintf(buf, SEGMENT_NAME_MAX, "seg-%010" PRIu32 ".log", generation);
}

bool segment_name_take(const char *name, uint32_t *generation)
{
	char again[SEGMENT_NAME_MAX];
	if (strncmp(name, "seg-", 4) != 0)
		return false;
	unsigned long long number = strtoull(name + 4, NULL, 10);
	if (number == 0 || number > UINT32_MAX)
		return false;
	*generation = (uint32_t)number;
	segment_name(again, *generation);
	return strcmp(name, again) == 0;
}

static uint32_t u32_at(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return le32toh(v);
}

static uint64_t u64_at(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return le64toh(v);
}

void segment_header_give(uint8_t block[static SEGMENT_HEAD], const struct segment_header *header)
{
	uint32_t version = htole32(SEGMENT_VERSION);
	uint32_t generation = htole32(header->generation);
	uint64_t first = htole64(header->first_seq);
	memset(block, 0, SEGMENT_HEAD);
	memcpy(block, magic, sizeof(magic));
	memcpy(block + AT_VERSION, &version, 4);
	memcpy(block + AT_GENERATION, &generation, 4);
	memcpy(block + AT_FIRST, &first, 8);
	uint32_t crc = htole32(crc32c(0, block, AT_CRC));
	memcpy(block + AT_CRC, &crc, 4);
}

int segment_header_take(const uint8_t block[static SEGMENT_HEAD], struct segment_header *out)
{
	if (memcmp(block, magic, sizeof(magic)) != 0 ||
	    u32_at(block + AT_CRC) != crc32c(0, block, AT_CRC))
		return SB_E_NOT_FOUND;
	if (u32_at(block + AT_VERSION) > SEGMENT_VERSION)
		return -EPROTONOSUPPORT;
	out->generation = u32_at(block + AT_GENERATION);
	out->first_seq = u64_at(block + AT_FIRST);
	return 0;
}

void segment_reader_init(struct segment_reader *reader, const struct disk *disk, int fd,
                         uint64_t size, const struct segment_header *header)
{
	*reader = (struct segment_reader){
		.disk = disk,
		.fd = fd,
		.generation = header->generation,
		.at = SEGMENT_HEAD,
		.seq = header->first_seq,
		.size = size,
	};
}

void segment_reader_fini(struct segment_reader *reader)
{
	free(reader->p);
	reader->p = NULL;
	reader->n = reader->cap = 0;
}

/* Makes n bytes at reader->at readable: 1; 0 if the file ends before. */
static int want(struct segment_reader *reader, size_t n)
{
	if (n > reader->size || reader->at > reader->size - n)
		return 0;
	if (reader->at >= reader->from && reader->at + n <= reader->from + reader->n)
		return 1;
	if (n > reader->cap || !reader->p) {
		size_t cap = MAX(n + COMMIT_BLOCK, (size_t)READ_BYTES);
		uint8_t *p = realloc(reader->p, cap);
		if (!p)
			return -ENOMEM;
		reader->p = p;
		reader->cap = cap;
	}
	reader->n = 0;
	ssize_t have = disk_read_all(reader->disk, reader->fd, reader->p, reader->cap, reader->at);
	if (have < 0)
		return (int)have;
	reader->from = reader->at;
	reader->n = (size_t)have;
	return reader->n >= n;
}

/* Skips padding and stops in front of a record's head: 1; 0 at the end. */
static int find_head(struct segment_reader *reader)
{
	for (;;) {
		uint64_t left = COMMIT_BLOCK - reader->at % COMMIT_BLOCK;
		if (left < COMMIT_HEAD) {
			reader->at += left;
			continue;
		}
		int r = want(reader, COMMIT_HEAD);
		if (r <= 0)
			return r;
		if (u32_at(reader->p + (reader->at - reader->from)) != 0)
			return 1;
		if (left == COMMIT_BLOCK)
			return 0; /* no commit begins with padding */
		reader->at += left;
	}
}

int segment_reader_next(struct segment_reader *reader, uint64_t *seq, struct sb_bytes *payload)
{
	int r = find_head(reader);
	if (r <= 0)
		return r;
	const uint8_t *head = reader->p + (reader->at - reader->from);
	size_t n = u32_at(head);
	uint64_t number = u64_at(head + 8);
	if (n > SEGMENT_RECORD_MAX || (reader->seq && number != reader->seq))
		return 0;
	r = want(reader, COMMIT_HEAD + n);
	if (r <= 0)
		return r;
	head = reader->p + (reader->at - reader->from);
	if (crc32c(reader->generation, head + 8, 8 + n) != u32_at(head + 4))
		return 0;
	*seq = number;
	*payload = (struct sb_bytes){ head + COMMIT_HEAD, n };
	reader->at += COMMIT_HEAD + n;
	reader->seq = number + 1;
	return 1;
}
