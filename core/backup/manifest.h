/* What a backup says about itself, in its file backup.json: written last, so that a backup that has
 * one was finished. Names are below the backup's folder; those that begin with "data/" make the
 * data directory. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

#define MANIFEST_FORMAT    1
#define MANIFEST_NAME      "backup.json"
#define MANIFEST_SUM_MAX   65   /* sha256 in hexadecimal digits */
#define MANIFEST_NAME_MAX  1024 /* of one file, with its end */
#define MANIFEST_BYTES_MAX (256u << 20)

struct manifest_file {
	char *name;
	uint64_t bytes;
	char sum[MANIFEST_SUM_MAX];
};

struct manifest {
	int format;
	char version[32]; /* of the platform that made it */
	int64_t made_ns;  /* UTC */
	uint64_t seq;     /* last journal record in it */
	uint64_t documents, blocks, chunks, rows, records;
	uint64_t bytes;              /* of all files */
	struct manifest_file *files; /* by name, once sorted */
	size_t n, cap;
};

void manifest_fini(struct manifest *m);
int manifest_add(struct manifest *m, const char *name, uint64_t bytes, const char *sum);
void manifest_sort(struct manifest *m);
/* Of a sorted one; NULL: there is none of that name. */
const struct manifest_file *manifest_find(const struct manifest *m, const char *name);
int manifest_give(const struct manifest *m, struct buffer *out);
/* Into an empty one. SB_E_ABI: of a newer format, m->format and m->version say which; SB_E_CORRUPT
 * and the reason in why. */
int manifest_take(struct manifest *m, const void *p, size_t n, char *why, size_t cap);
/* Is it the name of a file of a backup: relative, without "..", below data/? */
bool manifest_is_name(const char *name);
/* Reads dir/backup.json. -ENOENT: there is none; else as manifest_take(). */
int manifest_load(struct manifest *m, const char *dir, char *why, size_t cap);
