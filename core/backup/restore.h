/* A backup back to a data directory: every file checked against what the backup says of it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "backup/manifest.h"

struct restore {
	const char *from; /* folder or archive */
	bool link; /* blocks of a folder are linked, not copied: for a look, not for keeping */
	/* One thing that is wrong; all of them are told, then it fails. */
	void (*fault)(void *ud, const char *text);
	void (*step)(void *ud, uint64_t done, uint64_t all); /* bytes; may be NULL */
	void *ud;
	struct manifest manifest; /* out; restore_fini() */
};

/* Into an empty folder, which is a data directory then; synced. SB_E_CORRUPT after every fault was
 * told. */
int restore_into(struct restore *r, const char *dir);
/* Makes the data directory: aside, then renamed into place. It must not exist, or be an empty
 * folder, which keeps its owner. -EEXIST: there is something; -ENOSPC: too little room, found out
 * before anything is written; -EBUSY: another one is under way. */
int restore_run(struct restore *r, const char *data);
void restore_fini(struct restore *r);
