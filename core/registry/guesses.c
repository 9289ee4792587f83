#include "registry/guesses.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

#define PLACES 16384

/* Broken devices behind one address must not keep a new one there out for long, so an address may
 * fail often: it costs a twentieth of a core. A name is guessed 17,000 times a day at most. */
static const struct rate {
	float burst, per_s;
} per_address = { 60, 2 }, per_name = { 20, 0.2F };

struct place {
	float level;    /* wrong guesses that are not forgiven yet */
	uint32_t at_ds; /* when, in tenths of a second */
};

struct guesses {
	pthread_mutex_t lock;
	struct place addresses[PLACES], names[PLACES];
};

int guesses_new(struct guesses **out)
{
	struct guesses *guesses = calloc(1, sizeof(*guesses));

	if (!guesses)
		return -ENOMEM;
	pthread_mutex_init(&guesses->lock, NULL);
	*out = guesses;
	return 0;
}

struct guesses *guesses_free(struct guesses *guesses)
{
	if (!guesses)
		return NULL;
	pthread_mutex_destroy(&guesses->lock);
	free(guesses);
	return NULL;
}

static uint32_t tenths(int64_t now_ns)
{
	return (uint32_t)(now_ns / (NS_PER_S / 10));
}

static float level(const struct place *place, const struct rate *rate, uint32_t now_ds)
{
	float left = place->level - (float)(now_ds - place->at_ds) / 10 * rate->per_s;

	return left > 0 ? left : 0;
}

static void add(struct place *place, const struct rate *rate, uint32_t now_ds)
{
	*place = (struct place){ level(place, rate, now_ds) + 1, now_ds };
}

bool guesses_allow(struct guesses *guesses, uint64_t address, uint64_t name, int64_t now_ns)
{
	uint32_t now_ds = tenths(now_ns);
	bool allowed;

	pthread_mutex_lock(&guesses->lock);
	allowed = level(&guesses->addresses[address % PLACES], &per_address, now_ds) + 1 <=
	                  per_address.burst &&
	          level(&guesses->names[name % PLACES], &per_name, now_ds) + 1 <= per_name.burst;
	pthread_mutex_unlock(&guesses->lock);
	return allowed;
}

void guesses_wrong(struct guesses *guesses, uint64_t address, uint64_t name, int64_t now_ns)
{
	uint32_t now_ds = tenths(now_ns);

	pthread_mutex_lock(&guesses->lock);
	add(&guesses->addresses[address % PLACES], &per_address, now_ds);
	add(&guesses->names[name % PLACES], &per_name, now_ds);
	pthread_mutex_unlock(&guesses->lock);
}
