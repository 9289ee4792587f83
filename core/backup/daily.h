/* The folder with the backups the platform makes by itself: one folder each, named after the time
 * it was begun, 20261123T023000Z. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define DAILY_NAME_MAX 32

void daily_name(char buf[static DAILY_NAME_MAX], int64_t utc_ns);
/* The newest one that was proved: its name and when it was made. 0; SB_E_NOT_FOUND. */
int daily_newest(const char *dir, char name[static DAILY_NAME_MAX], int64_t *made_ns);
int daily_mark(const char *backup); /* it is proved */
/* Removes what unfinished ones left, and those that were never proved. How many, or a fault. */
int daily_clean(const char *dir);
/* Removes the oldest ones beyond `keep`, but not `spare`, a name. */
int daily_prune(const char *dir, uint32_t keep, const char *spare);
