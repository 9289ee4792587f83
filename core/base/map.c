#include "base/map.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/own.h"

/* Open addressing with linear probing; a removal shifts the followers back, so there are no
 * tombstones. At most 3/4 of the slots are used. */
enum { SLOTS_AT_FIRST = 16 };
#define NUMBER UINT32_MAX /* slot.n of a number key */

struct slot {
	uint64_t hash;
	union {
		char *bytes;
		uint64_t number;
	} key;
	void *value; /* NULL: the slot is free */
	uint32_t n;  /* length of the key, or NUMBER */
};

struct map {
	struct slot *slots;
	size_t mask, count;
};

/* Constant once drawn; the one thing all maps share. */
static uint64_t seed[2];
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void seed_draw(void)
{
	if (getrandom(seed, sizeof(seed), 0) == (ssize_t)sizeof(seed))
		return;
	seed[0] = (uint64_t)clock_mono() * 0x9E3779B97F4A7C15u;
	seed[1] = (uint64_t)(uintptr_t)&seed ^ (uint64_t)clock_utc();
}

static inline uint64_t rotate(uint64_t v, int by)
{
	return (v << by) | (v >> (64 - by));
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static inline void sip_take(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

/* SipHash-1-3: short keys in some nanoseconds, and nobody without the seed finds collisions. */
uint64_t map_hash(struct sb_str key)
{
	uint64_t v[4] = { 0x736f6d6570736575u, 0x646f72616e646f6du, 0x6c7967656e657261u,
		          0x7465646279746573u };
	const char *p = key.p;
	size_t left = key.n;
	uint64_t word = 0;

	pthread_once(&seed_once, seed_draw);
	v[0] ^= seed[0];
	v[1] ^= seed[1];
	v[2] ^= seed[0];
	v[3] ^= seed[1];
	for (; left >= 8; left -= 8, p += 8) {
		memcpy(&word, p, sizeof(word));
		sip_take(v, word);
	}
	word = (uint64_t)key.n << 56;
	for (size_t i = 0; i < left; i++)
		word |= (uint64_t)(uint8_t)p[i] << (8 * i);
	sip_take(v, word);
	v[2] ^= 0xFF;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t hash_number(uint64_t key)
{
	return map_hash(sb_str_of((const char *)&key, sizeof(key)));
}

int map_new(struct map **out)
{
	_own_(freep) struct map *map = calloc(1, sizeof(*map));

	if (!map)
		return -ENOMEM;
	map->slots = calloc(SLOTS_AT_FIRST, sizeof(*map->slots));
	if (!map->slots)
		return -ENOMEM;
	map->mask = SLOTS_AT_FIRST - 1;
	*out = steal(map);
	return 0;
}

struct map *map_free(struct map *map)
{
	if (!map)
		return NULL;
	for (size_t i = 0; i <= map->mask; i++)
		if (map->slots[i].value && map->slots[i].n != NUMBER)
			free(map->slots[i].key.bytes);
	free(map->slots);
	free(map);
	return NULL;
}

static bool is_key(const struct slot *slot, uint64_t hash, struct sb_str key)
{
	return slot->hash == hash && slot->n == key.n &&
	       (key.n == 0 || memcmp(slot->key.bytes, key.p, key.n) == 0);
}

/* The slot of a key, or the free one where it would be. */
static struct slot *look(const struct map *map, uint64_t hash, struct sb_str key)
{
	size_t i = hash & map->mask;

	while (map->slots[i].value && !is_key(&map->slots[i], hash, key))
		i = (i + 1) & map->mask;
	return &map->slots[i];
}

static struct slot *look_number(const struct map *map, uint64_t hash, uint64_t key)
{
	size_t i = hash & map->mask;

	while (map->slots[i].value &&
	       !(map->slots[i].n == NUMBER && map->slots[i].key.number == key))
		i = (i + 1) & map->mask;
	return &map->slots[i];
}

/* Makes sure that one more entry fits. */
static int make_room(struct map *map)
{
	size_t slots = map->mask + 1;
	struct slot *more = NULL;

	if (map->count < slots / 4 * 3)
		return 0;
	more = calloc(slots * 2, sizeof(*more));
	if (!more)
		return -ENOMEM;
	for (size_t i = 0; i < slots; i++) {
		size_t to = map->slots[i].hash & (slots * 2 - 1);

		if (!map->slots[i].value)
			continue;
		while (more[to].value)
			to = (to + 1) & (slots * 2 - 1);
		more[to] = map->slots[i];
	}
	free(map->slots);
	map->slots = more;
	map->mask = slots * 2 - 1;
	return 0;
}

/* Frees a used slot and closes the gap, so that every probe still ends at its key. */
static void *take_out(struct map *map, struct slot *slot)
{
	size_t gap = (size_t)(slot - map->slots);
	void *value = slot->value;

	if (slot->n != NUMBER)
		free(slot->key.bytes);
	for (size_t i = (gap + 1) & map->mask; map->slots[i].value; i = (i + 1) & map->mask) {
		size_t home = map->slots[i].hash & map->mask;

		if (((i - home) & map->mask) < ((i - gap) & map->mask))
			continue;
		map->slots[gap] = map->slots[i];
		gap = i;
	}
	map->slots[gap] = (struct slot){ 0 };
	map->count--;
	return value;
}

void *map_find(const struct map *map, struct sb_str key)
{
	return look(map, map_hash(key), key)->value;
}

int map_put(struct map *map, struct sb_str key, void *value)
{
	uint64_t hash = map_hash(key);
	struct slot *slot = look(map, hash, key);
	char *copy = NULL;

	if (slot->value) {
		slot->value = value;
		return 0;
	}
	if (key.n >= NUMBER)
		return -EINVAL;
	copy = malloc(key.n ? key.n : 1);
	if (!copy || make_room(map) < 0) {
		free(copy);
		return -ENOMEM;
	}
	if (key.n)
		memcpy(copy, key.p, key.n);
	slot = look(map, hash, key);
	*slot = (struct slot){
		.hash = hash, .key.bytes = copy, .value = value, .n = (uint32_t)key.n
	};
	map->count++;
	return 0;
}

void *map_remove(struct map *map, struct sb_str key)
{
	struct slot *slot = look(map, map_hash(key), key);

	return slot->value ? take_out(map, slot) : NULL;
}

void *map_find_u64(const struct map *map, uint64_t key)
{
	return look_number(map, hash_number(key), key)->value;
}

int map_put_u64(struct map *map, uint64_t key, void *value)
{
	uint64_t hash = hash_number(key);
	struct slot *slot = look_number(map, hash, key);

	if (slot->value) {
		slot->value = value;
		return 0;
	}
	if (make_room(map) < 0)
		return -ENOMEM;
	slot = look_number(map, hash, key);
	*slot = (struct slot){ .hash = hash, .key.number = key, .value = value, .n = NUMBER };
	map->count++;
	return 0;
}

void *map_remove_u64(struct map *map, uint64_t key)
{
	struct slot *slot = look_number(map, hash_number(key), key);

	return slot->value ? take_out(map, slot) : NULL;
}

size_t map_count(const struct map *map)
{
	return map->count;
}

void *map_each(const struct map *map, size_t *at)
{
	while (*at <= map->mask) {
		void *value = map->slots[(*at)++].value;

		if (value)
			return value;
	}
	return NULL;
}
