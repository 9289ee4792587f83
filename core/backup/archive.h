/* The folder of a backup as one file. */
#pragma once
#include <stdint.h>

struct manifest;

/* What the manifest names, then the manifest, as a new file; synced. */
int archive_write(const char *file, const char *dir, const struct manifest *m,
                  int (*step)(void *ud, uint64_t done, uint64_t all), void *ud);
