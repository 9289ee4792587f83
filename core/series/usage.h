/* What the blocks of the store take up. Threads that may block. */
#pragma once
#include <stdint.h>

struct blocks;
struct catalog;
struct series_usage;
struct series_usage_reader;

int usage_classes(const struct blocks *blocks, int64_t since_ns, struct series_usage *out);
int usage_devices(const struct blocks *blocks, const struct catalog *catalog,
                  const struct series_usage_reader *reader);
