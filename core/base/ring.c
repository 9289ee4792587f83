#include "base/ring.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "base/own.h"

/* Positions count bytes for ever and never wrap. A record is 8 bytes of length and its bytes,
 * padded to 8. One that would not fit before the end of the memory is preceded by a filler that
 * skips to the start.
 *
 * A producer that finds the ring empty begins anew at the start of the memory (`base`), so that
 * light traffic touches the same few pages for ever. The consumer reads `base` after the head it
 * goes with. */

#define RECORD_HEAD 8u
#define FILLER      UINT64_MAX
#define LEAST_BYTES 4096u

/* Each side has cache lines of its own: padding is the point. */
struct ring { // NOLINT(clang-analyzer-optin.performance.Padding)
	/* Constant. */
	uint8_t *memory;
	uint64_t bytes;

	/* Written by the producer. */
	alignas(64) _Atomic uint64_t head; /* published */
	_Atomic uint64_t base;             /* the position that lies at memory[0] */
	uint64_t committed_to;             /* position behind the last committed record */
	uint64_t reserved_at;              /* position of the reserved record's head */
	uint64_t tail_seen;
	uint64_t records;

	/* Written by the consumer. */
	alignas(64) _Atomic uint64_t tail; /* released */
	_Atomic bool sleeping;             /* also cleared by the producer that wakes it */
	uint64_t read_to;
};

static uint64_t padded(uint64_t n)
{
	return (n + 7) & ~(uint64_t)7;
}

static uint8_t *place(const struct ring *ring, uint64_t base, uint64_t position)
{
	return ring->memory + ((position - base) & (ring->bytes - 1));
}

int ring_new(struct ring **out, size_t bytes)
{
	if (bytes < LEAST_BYTES || (bytes & (bytes - 1)))
		return -EINVAL;
	struct ring *ring = aligned_alloc(alignof(struct ring), sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	memset(ring, 0, sizeof(*ring));
	ring->bytes = bytes;
	ring->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ring->memory == MAP_FAILED) {
		int r = -errno;
		free(ring);
		return r;
	}
	/* A huge page would make the first record cost 2 MiB; a kernel without them refuses, which
	 * is fine. */
	(void)madvise(ring->memory, bytes, MADV_NOHUGEPAGE);
	*out = ring;
	return 0;
}

struct ring *ring_free(struct ring *ring)
{
	if (!ring)
		return NULL;
	munmap(ring->memory, ring->bytes);
	free(ring);
	return NULL;
}

/* Before the first record of a batch: look at the consumer, and begin anew if it has read
 * everything. */
static uint64_t begin_batch(struct ring *ring, uint64_t base)
{
	ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
	if (ring->tail_seen != ring->committed_to || base == ring->committed_to)
		return base;
	atomic_store_explicit(&ring->base, ring->committed_to, memory_order_relaxed);
	return ring->committed_to;
}

void *ring_reserve(struct ring *ring, size_t n)
{
	if (n > ring->bytes - RECORD_HEAD)
		return NULL;
	uint64_t base = atomic_load_explicit(&ring->base, memory_order_relaxed);
	if (ring->committed_to == atomic_load_explicit(&ring->head, memory_order_relaxed))
		base = begin_batch(ring, base);
	uint64_t need = RECORD_HEAD + padded(n);
	uint64_t to_end = ring->bytes - ((ring->committed_to - base) & (ring->bytes - 1));
	uint64_t filler = need > to_end ? to_end : 0;
	if (ring->committed_to + filler + need - ring->tail_seen > ring->bytes) {
		ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
		if (ring->committed_to + filler + need - ring->tail_seen > ring->bytes)
			return NULL;
	}
	if (filler)
		memcpy(place(ring, base, ring->committed_to), &(uint64_t){ FILLER }, RECORD_HEAD);
	ring->reserved_at = ring->committed_to + filler;
	return place(ring, base, ring->reserved_at) + RECORD_HEAD;
}

void ring_commit(struct ring *ring, size_t n)
{
	uint64_t base = atomic_load_explicit(&ring->base, memory_order_relaxed);
	assert(ring->reserved_at >= ring->committed_to);
	memcpy(place(ring, base, ring->reserved_at), &(uint64_t){ n }, RECORD_HEAD);
	ring->committed_to = ring->reserved_at + RECORD_HEAD + padded(n);
	ring->records++;
}

bool ring_publish(struct ring *ring)
{
	if (ring->committed_to == atomic_load_explicit(&ring->head, memory_order_relaxed))
		return false;
	/* Head before sleeping here, sleeping before head in ring_sleep(): one of the two sees the
	 * other. */
	atomic_store(&ring->head, ring->committed_to);
	return atomic_load(&ring->sleeping) && atomic_exchange(&ring->sleeping, false);
}

size_t ring_space(struct ring *ring)
{
	ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
	return (size_t)(ring->bytes - (ring->committed_to - ring->tail_seen));
}

uint64_t ring_committed(const struct ring *ring)
{
	return ring->records;
}

uint64_t ring_limit(struct ring *ring)
{
	return atomic_load_explicit(&ring->head, memory_order_acquire);
}

const void *ring_next(struct ring *ring, uint64_t limit, size_t *n)
{
	if (ring->read_to >= limit)
		return NULL;
	uint64_t base = atomic_load_explicit(&ring->base, memory_order_relaxed);
	uint8_t *record = place(ring, base, ring->read_to);
	uint64_t length;
	memcpy(&length, record, RECORD_HEAD);
	if (length == FILLER) {
		ring->read_to += ring->bytes - (uint64_t)(record - ring->memory);
		record = ring->memory;
		memcpy(&length, record, RECORD_HEAD);
	}
	ring->read_to += RECORD_HEAD + padded(length);
	*n = (size_t)length;
	return record + RECORD_HEAD;
}

void ring_release(struct ring *ring)
{
	atomic_store_explicit(&ring->tail, ring->read_to, memory_order_release);
}

bool ring_sleep(struct ring *ring)
{
	atomic_store(&ring->sleeping, true);
	if (atomic_load(&ring->head) == ring->read_to)
		return true;
	atomic_store(&ring->sleeping, false);
	return false;
}

void ring_wake(struct ring *ring)
{
	atomic_store_explicit(&ring->sleeping, false, memory_order_relaxed);
}
