/* Ownership that reads like the language: a local declared with _own_(f) is ended by f at the end
 * of its scope; steal() hands its value over. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define _own_(f) __attribute__((cleanup(f)))

/* The value of a pointer variable, which is NULL from here on. */
#define steal(p)                             \
	({                                   \
		__typeof__(p) stolen_ = (p); \
		(p) = NULL;                  \
		stolen_;                     \
	})

#define container_of(ptr, type, member)                                     \
	({                                                                  \
		__typeof__(((type *)0)->member) *member_ = (ptr);           \
		(type *)(void *)((char *)member_ - offsetof(type, member)); \
	})

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))

/* Memory that is looked at soon, so that waiting for it overlaps with other work. Harmless for any
 * address. */
static inline void prefetch(const void *p, size_t n)
{
	for (size_t at = 0; at < n; at += 64)
		__builtin_prefetch((const char *)p + at);
}

/* free() as a cleanup: _own_(freep) char *text. */
static inline void freep(void *p)
{
	free(*(void **)p);
}

/* close() as a cleanup: _own_(closep) int fd = -1. */
static inline void closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
