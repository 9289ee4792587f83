/* Makes one backup of the running platform: documents, blocks, journal and keys of one moment, in a
 * folder, or in an archive when its name ends with ".tar". What is not finished is called
 * NAME.partial; it is renamed when everything is on disk. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "backup/manifest.h"

struct docs;
struct journal;
struct series_db;

struct create {
	struct docs *docs;
	struct journal *journal;
	struct series_db *series;
	const char *data;    /* the data directory */
	const char *version; /* of the platform */
	/* Absolute. It must not exist, or be an empty folder, or a backup, which is replaced when
	 * the new one is whole. */
	const char *to;
	/* A folder with an earlier backup: what it has is linked instead of copied. NULL: none, or
	 * what `to` is now. */
	const char *base;
	/* What it does now, and how far it is; negative ends it. */
	int (*step)(void *ud, const char *what, uint64_t done, uint64_t all);
	void *ud;
	/* out */
	char why[512]; /* what went wrong */
	struct manifest manifest;
	uint64_t bytes_copied, bytes_linked; /* of blocks */
};

/* A thread that may block, and is in no hurry. */
int create_run(struct create *c);
void create_fini(struct create *c);
bool create_is_archive(const char *to);
/* Removes what an unfinished archive left in the data directory; at start. */
int create_clean(const char *data);
