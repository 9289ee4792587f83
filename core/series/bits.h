/* Numbers of 0 to 64 bits one behind the other, the lowest bit first. The writer's memory must have
 * room; the reader remembers that it came to the end. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct bits_out {
	uint8_t *p;
	uint64_t acc;
	uint32_t n; /* bits in acc, 0..7 */
};

struct bits_in {
	const uint8_t *p, *end;
	uint64_t acc;
	uint32_t n;
	bool bad;
};

static inline void bits_put_few(struct bits_out *w, uint64_t v, uint32_t width) /* 0..32 */
{
	w->acc |= v << w->n;
	w->n += width;
	while (w->n >= 8) {
		*w->p++ = (uint8_t)w->acc;
		w->acc >>= 8;
		w->n -= 8;
	}
}

/* v < 2^width */
static inline void bits_put(struct bits_out *w, uint64_t v, uint32_t width)
{
	if (width > 32) {
		bits_put_few(w, v & UINT32_MAX, 32);
		v >>= 32;
		width -= 32;
	}
	bits_put_few(w, v, width);
}

/* Fills up to a whole byte; returns the end. */
static inline uint8_t *bits_end(struct bits_out *w)
{
	if (w->n)
		bits_put_few(w, 0, 8 - w->n);
	return w->p;
}

static inline uint64_t bits_get_few(struct bits_in *r, uint32_t width) /* 0..32 */
{
	while (r->n < width) {
		if (r->p == r->end) {
			r->bad = true;
			return 0;
		}
		r->acc |= (uint64_t)*r->p++ << r->n;
		r->n += 8;
	}
	uint64_t v = r->acc & ((1ULL << width) - 1);
	r->acc >>= width;
	r->n -= width;
	return v;
}

static inline uint64_t bits_get(struct bits_in *r, uint32_t width)
{
	if (width <= 32)
		return bits_get_few(r, width);
	uint64_t low = bits_get_few(r, 32);
	return low | bits_get_few(r, width - 32) << 32;
}

/* How many zeros stand before the next one, which is taken too; more than max is a failure. */
static inline uint32_t bits_get_zeros(struct bits_in *r, uint32_t max)
{
	uint32_t zeros = 0;
	while (!r->acc) {
		zeros += r->n;
		r->n = 0;
		if (r->p == r->end || zeros > max) {
			r->bad = true;
			return 0;
		}
		r->acc = *r->p++;
		r->n = 8;
	}
	uint32_t here = (uint32_t)__builtin_ctzll(r->acc);
	r->acc >>= here + 1;
	r->n -= here + 1;
	zeros += here;
	if (zeros > max)
		r->bad = true;
	return zeros > max ? 0 : zeros;
}
