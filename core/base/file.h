/* Files and folders of the data directory. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct buffer;

int file_make_dir(const char *path, mode_t mode); /* with its parents; 0 if it exists */
int file_read_all(const char *path, size_t max, struct buffer *out);
/* All or nothing, durable: temporary name, fsync, rename, fsync of the folder. */
int file_write_atomic(const char *path, const void *p, size_t n, mode_t mode);
int file_sync_dir(const char *path);
/* A lock for the life of the process; -EWOULDBLOCK and *pid of the holder if taken. */
int file_lock(const char *path, int *fd, pid_t *pid);
/* Of the file system: bytes we may still write, and all it has; 0 if unknown. */
void file_space(const char *path, uint64_t *left, uint64_t *total);
