/* What was found damaged since the start: told once, remembered for whoever asks. Any thread. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <signalbox/types.h>

struct blocks;
struct catalog;
struct series_damage;
struct series_gap;

#define DAMAGE_MOST 256

struct damage_chunk {
	uint64_t seq; /* of its block */
	uint32_t stream;
	int64_t t_min_ns, t_max_ns;
};

struct damage {
	pthread_mutex_t lock;
	struct damage_chunk at[DAMAGE_MOST];
	uint32_t n;
	_Atomic uint64_t chunks, set_aside; /* chunks: different ones, while there is room */
};

void damage_init(struct damage *d);
void damage_fini(struct damage *d);
/* A chunk cannot be read: logged, with the name of its block, if it was not known. d may be NULL.
 */
void damage_note(struct damage *d, const struct blocks *blocks, const struct damage_chunk *chunk);

struct damage_want {
	int64_t from_ns, to_ns;
	struct series_gap *gaps;
	uint32_t room;
};
void damage_report(struct damage *d, const struct blocks *blocks, const struct catalog *catalog,
                   const struct damage_want *want, struct series_damage *out);
