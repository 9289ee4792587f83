#include "known.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MAX 128 /* a power of two */
#define TOPIC_MAX 96  /* a longer one is looked up each time, once there is a second one */
#define PROBES    4   /* a topic lies in one of so many slots */

struct known_topic {
	sb_device device; /* 0: forgotten */
	uint32_t hash;
	uint16_t n;
	char topic[];
};

struct known {
	uint32_t cap;  /* a power of two */
	uint32_t next; /* whom to push out, among the probes */
	struct known_topic *slots[];
};

static uint32_t hash_of(struct sb_str s)
{
	uint64_t h = s.n;
	uint64_t word = 0;
	size_t i = 0;

	for (; i + 8 <= s.n; i += 8) {
		memcpy(&word, s.p + i, 8);
		h = (h ^ word) * 0x9E3779B97F4A7C15u;
		h ^= h >> 32;
	}
	word = 0;
	memcpy(&word, s.p + i, s.n - i);
	h = (h ^ word) * 0x9E3779B97F4A7C15u;
	return (uint32_t)(h >> 32);
}

static uint32_t probes(const struct known *k)
{
	return k->cap < PROBES ? k->cap : PROBES;
}

static struct known_topic **slot(struct known *k, uint32_t hash, uint32_t probe)
{
	return &k->slots[(hash + probe) & (k->cap - 1)];
}

sb_device known_find(const struct known *k, struct sb_str topic)
{
	if (!k)
		return 0;
	uint32_t hash = k->cap > 1 ? hash_of(topic) : 0;
	for (uint32_t i = 0; i < probes(k); i++) {
		const struct known_topic *t = k->slots[(hash + i) & (k->cap - 1)];
		if (t && t->hash == hash && t->n == topic.n && !memcmp(t->topic, topic.p, topic.n))
			return t->device;
	}
	return 0;
}

static struct known_topic *topic_new(struct sb_str topic, sb_device device, uint32_t hash)
{
	struct known_topic *t = malloc(sizeof(*t) + topic.n);

	if (!t)
		return NULL;
	t->device = device;
	t->hash = hash;
	t->n = (uint16_t)topic.n;
	memcpy(t->topic, topic.p, topic.n);
	return t;
}

static struct known *make(uint32_t cap)
{
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): the pointers are what is kept */
	struct known *k = calloc(1, sizeof(*k) + cap * sizeof(k->slots[0]));

	if (k)
		k->cap = cap;
	return k;
}

/* Takes t; pushes somebody out where there is no room. */
static void put(struct known *k, struct known_topic *t)
{
	uint32_t n = probes(k);

	for (uint32_t i = 0; i < n; i++) {
		struct known_topic **at = slot(k, t->hash, i);
		if (*at && (*at)->device)
			continue;
		free(*at);
		*at = t;
		return;
	}
	/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): there are slots */
	struct known_topic **at = slot(k, t->hash, k->next++ % n);
	free(*at);
	*at = t;
}

static bool is_full(struct known *k, uint32_t hash)
{
	for (uint32_t i = 0; i < probes(k); i++) {
		const struct known_topic *t = *slot(k, hash, i);
		if (!t || !t->device)
			return false;
	}
	return true;
}

/* Twice the slots, and whoever was in the way has room. NULL: it stays as it is. */
static struct known *grow(struct known *old)
{
	struct known *k = make(old->cap * 2);

	if (!k)
		return NULL;
	for (uint32_t i = 0; i < old->cap; i++) {
		struct known_topic *t = old->slots[i];
		if (!t)
			continue;
		if (old->cap == 1)
			t->hash = hash_of(sb_str_of(t->topic, t->n));
		put(k, t);
	}
	free(old);
	return k;
}

void known_add(struct known **all, struct sb_str topic, sb_device device)
{
	if (!*all)
		*all = make(1);
	if (!*all)
		return;
	uint32_t hash = (*all)->cap > 1 ? hash_of(topic) : 0;
	while ((*all)->cap < SLOTS_MAX && is_full(*all, hash)) {
		struct known *more = topic.n <= TOPIC_MAX ? grow(*all) : NULL;
		if (!more)
			break;
		*all = more;
		hash = hash_of(topic);
	}
	if (topic.n > TOPIC_MAX && (*all)->cap > 1)
		return;
	struct known_topic *t = topic_new(topic, device, hash);
	if (t)
		put(*all, t);
}

void known_forget(struct known *k, sb_device device)
{
	for (uint32_t i = 0; k && i < k->cap; i++)
		if (k->slots[i] && k->slots[i]->device == device)
			k->slots[i]->device = 0;
}

struct known *known_free(struct known *k)
{
	for (uint32_t i = 0; k && i < k->cap; i++)
		free(k->slots[i]);
	free(k);
	return NULL;
}
