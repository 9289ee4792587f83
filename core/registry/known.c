#include "registry/known.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define SETS     8192 /* of 4 places: 32,768 in 1 MiB, of which only what is used becomes real */
#define WAYS     4
#define WRONG_NS (30 * NS_PER_S)

struct place {
	struct known_key key;
	int64_t used_ns;  /* monotonic */
	int64_t until_ns; /* 0: free. What is right stays so: it is bound to the stored hash */
	bool is_right;
};

struct known {
	pthread_mutex_t lock;
	unsigned char secret[crypto_generichash_KEYBYTES];
	struct place places[SETS][WAYS];
};

int known_new(struct known **out)
{
	struct known *known;

	if (sodium_init() < 0)
		return -EIO;
	known = calloc(1, sizeof(*known));
	if (!known)
		return -ENOMEM;
	pthread_mutex_init(&known->lock, NULL);
	randombytes_buf(known->secret, sizeof(known->secret));
	*out = known;
	return 0;
}

struct known *known_free(struct known *known)
{
	if (!known)
		return NULL;
	sodium_memzero(known->secret, sizeof(known->secret));
	pthread_mutex_destroy(&known->lock);
	free(known);
	return NULL;
}

static void add(crypto_generichash_state *state, struct sb_str s)
{
	uint64_t n = s.n;

	(void)crypto_generichash_update(state, (const unsigned char *)&n, sizeof(n));
	if (s.n)
		(void)crypto_generichash_update(state, (const unsigned char *)s.p, s.n);
}

struct known_key known_key(const struct known *known, char scope, struct sb_str name,
                           struct sb_str proof, struct sb_str password)
{
	crypto_generichash_state state;
	struct known_key key;

	(void)crypto_generichash_init(&state, known->secret, sizeof(known->secret),
	                              sizeof(key.bytes));
	add(&state, sb_str_of(&scope, 1));
	add(&state, name);
	add(&state, proof);
	add(&state, password);
	(void)crypto_generichash_final(&state, key.bytes, sizeof(key.bytes));
	sodium_memzero(&state, sizeof(state));
	return key;
}

static struct place *set_of(struct known *known, const struct known_key *key)
{
	uint32_t at;

	memcpy(&at, key->bytes, sizeof(at));
	return known->places[at % SETS];
}

int known_find(struct known *known, const struct known_key *key, int64_t now_ns)
{
	struct place *set = set_of(known, key);
	int answer = -1;

	pthread_mutex_lock(&known->lock);
	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].until_ns > now_ns &&
		    sodium_memcmp(set[i].key.bytes, key->bytes, sizeof(key->bytes)) == 0) {
			answer = set[i].is_right;
			set[i].used_ns = now_ns;
		}
	}
	pthread_mutex_unlock(&known->lock);
	return answer;
}

/* Guesses must not push out what is right: they share one place of each set. */
void known_put(struct known *known, const struct known_key *key, int is_right, int64_t now_ns)
{
	struct place *set = set_of(known, key);
	struct place *place = &set[WAYS - 1];

	pthread_mutex_lock(&known->lock);
	if (is_right) {
		place = &set[0];
		for (size_t i = 1; i < WAYS - 1; i++) {
			if (set[i].used_ns < place->used_ns)
				place = &set[i];
		}
	}
	*place = (struct place){
		.key = *key,
		.used_ns = now_ns,
		.until_ns = is_right ? INT64_MAX : now_ns + WRONG_NS,
		.is_right = is_right,
	};
	pthread_mutex_unlock(&known->lock);
}
