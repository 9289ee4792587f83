/* What the files of this folder share. A producer and all that hangs on it belong to the thread of
 * its instance, but where said. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/kinds.h>

#include "base/buffer.h"
#include "base/loop.h"
#include "ingest/ingest.h"
#include "ingest/table.h"
#include "model/row.h"

struct batch;
struct device;
struct instance;
struct journal_ring;
struct owner;
struct series;

#define STATE_COUNTERS(X) \
	X(messages)       \
	X(points)         \
	X(duplicates)     \
	X(late)           \
	X(quarantined)    \
	X(refused)        \
	X(throttled)      \
	X(backpressure)

struct state_counters { /* written by one thread, read by any */
#define STATE_COUNTER(name) _Atomic uint64_t name;
	STATE_COUNTERS(STATE_COUNTER)
#undef STATE_COUNTER
};

static inline void state_count(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);
	atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

static inline uint32_t state_limit(const _Atomic uint32_t *limit)
{
	return atomic_load_explicit(limit, memory_order_relaxed);
}

struct state_device {              /* what ingest remembers of a device, under its hot lock */
	int64_t stamped_ns;        /* newest time the host gave */
	_Atomic int64_t reason_ns; /* a refusal was explained, monotonic; any thread */
	_Atomic int reason_key;    /* and which kind it was */
};

struct state_pending { /* a message that waits for its completion */
	sb_token token;
	uint64_t ticket; /* decided when so many records of the ring are */
	uint32_t rejected;
	uint32_t epoch : 31;
	uint32_t leans : 1; /* on rows sent before: only stored if those were */
};

struct state_slot { /* a point on its way into a row */
	struct series *series;
	uint32_t stream, point;
	uint8_t column, type;
};

struct state_checkpoint { /* holds once so many records of the ring are on disk */
	uint64_t position, ticket;
};

#define STATE_CODECS 16

struct state_codec {
	struct instance *in;
	const struct sb_codec *table; /* complete */
};

struct producer {
	struct ingest *ingest;
	struct producer *next; /* under ingest->lock */
	struct instance *instance;
	struct loop *loop;
	const struct sb_source *source; /* NULL: wants no completions */
	void *self;
	struct hook turn_end;
	struct timer throttle;
	int64_t throttle_due_ns; /* 0: not armed */
	bool blocked;
	_Atomic bool stopped; /* any thread reads */
	_Atomic bool posted;  /* a task is on its way to the loop; any thread */
	_Atomic bool asked;   /* a question is; any thread */

	struct journal_ring *ring; /* made on first use */
	struct buffer open;        /* the record being filled, inside the ring; p NULL: none */
	int64_t base_ns;           /* its */

	struct state_pending *pending; /* a ring of cap entries, a power of two */
	uint64_t done;                 /* records of the ring that are decided */
	uint32_t pending_at, n_pending, pending_cap;

	struct batch *batches, *held; /* free; acquired by the instance */
	uint32_t n_batches, n_held;
	struct batch *scratch; /* what payloads are decoded into */
	char why[200];         /* of the last refused payload */

	struct owner *owner; /* of its own records; NULL until the first */
	sb_snapshot_fn snapshot;
	void *snapshot_ud;
	/* The oldest that does not hold yet, and the newest; ticket 0: none. */
	struct state_checkpoint checkpoints[2];

	struct state_codec codecs[STATE_CODECS];
	uint32_t n_codecs;
	int64_t codecs_at_ns;

	struct row row; /* being formed */
	struct state_slot *slots;
	uint32_t slots_cap;

	struct state_counters counters;
};

struct ingest {
	struct ingest_config config;
	struct { /* config.limits as they are now; any thread */
		_Atomic uint32_t series, payload_bytes, burst;
		_Atomic double rate;
	} limits;
	struct table devices;   /* struct state_device by number of the device */
	struct table streams;   /* struct recent by number of the stream */
	_Atomic uint32_t epoch; /* grows when records failed; any thread */
	pthread_mutex_t lock;
	struct producer *producers; /* live until ingest_free() */
};
