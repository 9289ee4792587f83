#include "series/floats.h"

#include <math.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/own.h"
#include "model/decimal.h"
#include "series/xor.h"

/* The form of a run: u8 map; for a decimal map: varint exceptions, each varint distance from the
 * one before and 8 bytes; the scaled integers (ints.c). RAW: 8 bytes each. XOR: xor.c. */

#define EXACT 9007199254740992LL /* 2^53 */

enum { EXPONENTS = DECIMAL_EXPONENT_MAX + 1, EXCEPTION_BITS = 80 };

static const int64_t tens[EXPONENTS] = { 1,      10,      100,      1000,      10000,
	                                 100000, 1000000, 10000000, 100000000, 1000000000 };

bool floats_map_good(uint8_t map)
{
	return (map & ~FLOATS_F32) <= DECIMAL_EXPONENT_MAX;
}

uint64_t floats_join(int64_t scaled, uint8_t map)
{
	double v = decimal_join(scaled, map & ~FLOATS_F32);
	return floats_bits(map & FLOATS_F32 ? (double)(float)v : v);
}

/* ---- planning */

/* The exponent that costs least: a larger one widens every number, a smaller one makes exceptions.
 */
static int exponent_choose(const uint32_t *with, uint32_t n)
{
	int best = 0;
	double least = (double)INFINITY;
	uint32_t fit = 0;
	for (int e = 0; e < EXPONENTS; e++) {
		fit += with[e];
		double cost = EXCEPTION_BITS * (double)(n - fit) + 3.32 * e * fit;
		if (cost < least) {
			least = cost;
			best = e;
		}
	}
	return best;
}

static void except(struct floats *f, uint32_t i)
{
	f->exception[i] = true;
	f->exceptions++;
	f->scaled[i] = i ? f->scaled[i - 1] : 0;
}

static void plan_decimal(struct floats *f, const uint64_t *bits, uint32_t n)
{
	int8_t exponents[INTS_MAX];
	uint32_t with[EXPONENTS] = { 0 };
	int hint = 0;
	for (uint32_t i = 0; i < n; i++) {
		exponents[i] = -1;
		if (!decimal_split(floats_value(bits[i]), hint, &f->scaled[i], &hint))
			continue;
		exponents[i] = (int8_t)hint;
		with[hint]++;
	}
	int e = exponent_choose(with, n);
	f->map = (uint8_t)e;
	f->exceptions = 0;
	for (uint32_t i = 0; i < n; i++) {
		int64_t scale = exponents[i] < 0 || exponents[i] > e ? 0 : tens[e - exponents[i]];
		f->exception[i] = false;
		if (scale && llabs(f->scaled[i]) < EXACT / scale)
			f->scaled[i] *= scale;
		else
			except(f, i);
	}
}

static bool split_f32(double v, int e, int64_t *scaled)
{
	double m = v * (double)tens[e];
	if (!(fabs(m) < 1e9) || (v == 0 && signbit(v)))
		return false;
	*scaled = llrint(m);
	return floats_join(*scaled, (uint8_t)(e | FLOATS_F32)) == floats_bits(v);
}

/* Is every number a 32-bit float with few decimals? The smallest exponent that serves nearly all.
 */
static bool plan_f32(struct floats *f, const uint64_t *bits, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (floats_bits((double)(float)floats_value(bits[i])) != bits[i])
			return false;
	for (int e = 0; e < EXPONENTS; e++) {
		f->map = (uint8_t)(e | FLOATS_F32);
		f->exceptions = 0;
		for (uint32_t i = 0; i < n && f->exceptions <= n / 32; i++) {
			f->exception[i] = false;
			if (!split_f32(floats_value(bits[i]), e, &f->scaled[i]))
				except(f, i);
		}
		if (f->exceptions <= n / 32)
			return true;
	}
	return false;
}

void floats_plan(struct floats *f, const uint64_t *bits, uint32_t n)
{
	plan_decimal(f, bits, n);
	if (f->exceptions <= n / 32)
		return;
	if (plan_f32(f, bits, n))
		return;
	plan_decimal(f, bits, n);
	if (f->exceptions <= n / 4)
		return;
	f->map = FLOATS_RAW;
	f->exceptions = n;
}

/* ---- giving */

static void decimals_give(struct buffer *out, const struct floats *f, const uint64_t *bits,
                          uint32_t n)
{
	buffer_give_u8(out, f->map);
	buffer_give_varint(out, f->exceptions);
	uint32_t last = 0;
	for (uint32_t i = 0; i < n && f->exceptions; i++) {
		if (!f->exception[i])
			continue;
		buffer_give_varint(out, i - last);
		buffer_give_u64(out, bits[i]);
		last = i;
	}
	ints_give(out, f->scaled, n);
}

static void raw_give(struct buffer *out, const uint64_t *bits, uint32_t n)
{
	buffer_give_u8(out, FLOATS_RAW);
	for (uint32_t i = 0; i < n; i++)
		buffer_give_u64(out, bits[i]);
}

void floats_give(struct buffer *out, const struct floats *f, const uint64_t *bits, uint32_t n)
{
	size_t at = out->n;
	if (n == 0)
		return;
	if (f->map != FLOATS_RAW) {
		decimals_give(out, f, bits, n);
		if (f->exceptions == 0)
			return;
	}
	/* Where decimals do not fit well, bits may; the shorter one stays. */
	size_t middle = out->n;
	buffer_give_u8(out, FLOATS_XOR);
	xor_give(out, bits, n);
	if (out->bad)
		return;
	if (f->map == FLOATS_RAW) {
		if (out->n - at > 1 + (size_t)n * 8) {
			out->n = at;
			raw_give(out, bits, n);
		}
	} else if (out->n - middle < middle - at) {
		memmove(out->p + at, out->p + middle, out->n - middle);
		out->n -= middle - at;
	} else {
		out->n = middle;
	}
}

/* ---- taking */

static int decimals_take(struct cursor *c, uint8_t map, uint64_t *bits, uint32_t n)
{
	int64_t scaled[INTS_MAX];
	uint64_t exceptions = cursor_take_varint(c);
	struct cursor patches = *c;
	if (exceptions > n)
		return SB_E_CORRUPT;
	for (uint64_t i = 0; i < exceptions; i++) {
		(void)cursor_take_varint(c);
		(void)cursor_take_u64(c);
	}
	int r = ints_take(c, scaled, n);
	if (r < 0)
		return r;
	if (map & FLOATS_F32) {
		for (uint32_t i = 0; i < n; i++)
			bits[i] = floats_join(scaled[i], map);
	} else {
		double power = (double)tens[map]; /* as decimal_join() */
		for (uint32_t i = 0; i < n; i++)
			bits[i] = floats_bits((double)scaled[i] / power);
	}
	uint64_t at = 0;
	for (uint64_t i = 0; i < exceptions; i++) {
		uint64_t step = cursor_take_varint(&patches);
		uint64_t value = cursor_take_u64(&patches);
		if (step >= n - at)
			return SB_E_CORRUPT;
		at += step;
		bits[at] = value;
	}
	return 0;
}

int floats_take(struct cursor *c, uint64_t *bits, uint32_t n)
{
	if (n == 0)
		return 0;
	uint8_t map = cursor_take_u8(c);
	if (c->bad || n > INTS_MAX)
		return SB_E_CORRUPT;
	if (map == FLOATS_XOR)
		return xor_take(c, bits, n);
	if (map == FLOATS_RAW) {
		for (uint32_t i = 0; i < n; i++)
			bits[i] = cursor_take_u64(c);
		return c->bad ? SB_E_CORRUPT : 0;
	}
	if (!floats_map_good(map))
		return SB_E_CORRUPT;
	return decimals_take(c, map, bits, n);
}
