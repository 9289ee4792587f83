/* The system calls of the journal as a table, so that tests can fail, shorten, delay and tear them
 * below everything else. All slots answer like the kernel, but with -errno instead of errno. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct disk {
	int (*open)(const struct disk *disk, int dir_fd, const char *name, int flags);
	void (*close)(const struct disk *disk, int fd);
	ssize_t (*pread)(const struct disk *disk, int fd, void *p, size_t n, uint64_t at);
	ssize_t (*pwrite)(const struct disk *disk, int fd, const void *p, size_t n, uint64_t at);
	int (*sync)(const struct disk *disk, int fd); /* fdatasync */
	int (*sync_dir)(const struct disk *disk, int dir_fd);
	int (*allocate)(const struct disk *disk, int fd, uint64_t n);
	int (*rename)(const struct disk *disk, int dir_fd, const char *from, const char *to);
	int (*unlink)(const struct disk *disk, int dir_fd, const char *name);
};

extern const struct disk disk_real;

/* All n bytes, or a fault; a write that makes no progress is -EIO. */
int disk_write_all(const struct disk *disk, int fd, const void *p, size_t n, uint64_t at);
/* Up to n bytes; fewer only at the end of the file. */
ssize_t disk_read_all(const struct disk *disk, int fd, void *p, size_t n, uint64_t at);
