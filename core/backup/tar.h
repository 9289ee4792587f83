/* Archives as `tar` reads and writes them (POSIX ustar, with pax records where a size needs them).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TAR_BLOCK    512
#define TAR_NAME_MAX 256 /* 155, a slash, 100 */

/* ---- writing, to a file or a pipe */
struct tar_writer {
	int fd;
	uint64_t left; /* of the file that is being written */
	uint64_t pad;
};
/* The head of the next file, mode 0600; then exactly `bytes` by tar_put(). -ENAMETOOLONG. */
int tar_begin(struct tar_writer *t, const char *name, uint64_t bytes, int64_t mtime_s);
int tar_put(struct tar_writer *t, const void *p, size_t n);
int tar_end(struct tar_writer *t); /* of the archive */

/* ---- reading, what comes from anywhere */
struct tar_reader {
	int fd;
	uint64_t left, pad; /* of the file that is being read */
	char name[TAR_NAME_MAX + 2];
	uint64_t bytes;
};
/* 1: a regular file, name and bytes; 0: the end. SB_E_CORRUPT: no archive, or cut. Folders are
 * passed over; what is neither is SB_E_TYPE. */
int tar_next(struct tar_reader *t);
ssize_t tar_get(struct tar_reader *t, void *p, size_t n); /* 0 at the end of the file */
