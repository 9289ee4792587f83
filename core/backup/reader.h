/* A backup that is being read: a folder, or an archive with that folder in it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "backup/manifest.h"

struct reader;

struct reader_file {
	char name[MANIFEST_NAME_MAX];
	char path[4096]; /* where it lies; "": in an archive */
	uint64_t bytes;  /* as it is */
};

/* The reason why not goes to why. */
int reader_open(struct reader **out, const char *path, char *why, size_t cap);
struct reader *reader_free(struct reader *s);
/* As it says itself: of a folder from the beginning, of an archive when all was read; else NULL. */
const struct manifest *reader_manifest(const struct reader *s);
uint64_t reader_bytes(const struct reader *s); /* of all there is to read */
/* The next file: 1; 0 the end; a fault, and the reason in why. SB_E_NOT_FOUND: the file `out` names
 * is missing, the next may be there. */
int reader_next(struct reader *s, struct reader_file *out, char *why, size_t cap);
ssize_t reader_read(struct reader *s, void *p, size_t n); /* of it; 0 at its end */
