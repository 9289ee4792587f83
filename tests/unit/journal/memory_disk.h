/* One file in memory, for readers. */
#pragma once
#include <string.h>

#include "base/own.h"
#include "journal/disk.h"

struct memory_disk {
	struct disk ops;
	const uint8_t *p;
	size_t n;
};

static inline ssize_t memory_disk_pread(const struct disk *ops, int fd, void *p, size_t n,
                                        uint64_t at)
{
	const struct memory_disk *disk = (const struct memory_disk *)ops;
	(void)fd;
	if (at >= disk->n)
		return 0;
	n = MIN(n, disk->n - (size_t)at);
	memcpy(p, disk->p + at, n);
	return (ssize_t)n;
}

static inline struct memory_disk memory_disk_of(const void *p, size_t n)
{
	return (struct memory_disk){ .ops.pread = memory_disk_pread, .p = p, .n = n };
}
