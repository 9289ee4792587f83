/* Numbers of 0 to 64 bits one behind the other, the lowest bit first. The writer's memory must have
 * room; the reader remembers that it came to the end. */
#pragma once
#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

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

/* At least 56 bits, or all there are. What lies in acc above n is what stands there anyway, so that
 * loading it again changes nothing. */
static inline void bits_fill(struct bits_in *r)
{
	uint64_t next;
	if (r->end - r->p >= 8) {
		memcpy(&next, r->p, sizeof(next));
		r->acc |= le64toh(next) << r->n;
		r->p += (63 - r->n) >> 3;
		r->n |= 56;
		return;
	}
	while (r->n < 56 && r->p < r->end) {
		r->acc |= (uint64_t)*r->p++ << r->n;
		r->n += 8;
	}
}

/* The first byte of which nothing was taken. */
static inline const uint8_t *bits_rest(const struct bits_in *r)
{
	return r->p - r->n / 8;
}

static inline uint64_t bits_get_few(struct bits_in *r, uint32_t width) /* 0..32 */
{
	if (r->n < width)
		bits_fill(r);
	if (r->n < width) {
		r->bad = true;
		return 0;
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

/* How many zeros stand before the next one, which is taken too; more than max, 55 at most, is a
 * failure. */
static inline uint32_t bits_get_zeros(struct bits_in *r, uint32_t max)
{
	if (r->n <= max)
		bits_fill(r);
	uint32_t zeros = r->acc ? (uint32_t)__builtin_ctzll(r->acc) : 64;
	if (zeros >= r->n || zeros > max) {
		r->bad = true;
		return 0;
	}
	r->acc >>= zeros + 1;
	r->n -= zeros + 1;
	return zeros;
}
