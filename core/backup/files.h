/* Folders with all that is in them. */
#pragma once
#include <stdint.h>

/* Every regular file below dir: its path, and its name below dir. Negative ends it. */
typedef int (*files_fn)(void *ud, const char *path, const char *name);
int files_walk(const char *dir, files_fn fn, void *ud);
/* Removes dir and all below it, links as links; 0 when there is none. */
int files_remove(const char *dir);
/* Makes the folders a file will lie in, below `top`, which exists. */
int files_make_folders(const char *top, const char *name);
/* Syncs dir and all folders below it. */
int files_sync_folders(const char *dir);
int files_chown(const char *dir, uint32_t uid, uint32_t gid); /* it, and all below it */
/* All bytes, whatever the kernel takes at once. */
int files_write(int fd, const void *p, uint64_t n);
