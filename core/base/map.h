/* A hash map from bytes or numbers to a pointer that is not NULL. Keys of bytes are copied. One
 * thread, or under its owner's lock. The hash is seeded: outsiders cannot aim at one bucket. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <signalbox/types.h>

struct map;

int map_new(struct map **out);
struct map *map_free(struct map *map);
void *map_find(const struct map *map, struct sb_str key);
int map_put(struct map *map, struct sb_str key, void *value); /* replaces; -ENOMEM */
void *map_remove(struct map *map, struct sb_str key);         /* what stood there, or NULL */
void *map_find_u64(const struct map *map, uint64_t key);
int map_put_u64(struct map *map, uint64_t key, void *value);
void *map_remove_u64(struct map *map, uint64_t key);
size_t map_count(const struct map *map);
/* The entry at or behind *at (start with 0), or NULL at the end; *at moves behind it. The map must
 * not change meanwhile. */
void *map_each(const struct map *map, size_t *at);
/* Seeded 64-bit hash of bytes, the same for the life of the process. */
uint64_t map_hash(struct sb_str key);
