#include "series/times.h"

#include <signalbox/error.h>

#include "base/buffer.h"
#include "series/ints.h"

/* The form: u8 tens, varint mantissa: the grid is mantissa * 10^tens ns; then how many steps each
 * lies behind the first (ints.c). All arithmetic wraps: every 64 bits come back. */

enum { TENS_MAX = 18 };

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

static int64_t behind(int64_t v, int64_t first)
{
	return (int64_t)((uint64_t)v - (uint64_t)first);
}

static uint64_t size_of(int64_t v)
{
	return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

/* 0: all are the same. */
static uint64_t grid_of(const int64_t *v, uint32_t n)
{
	uint64_t grid = 0;
	for (uint32_t i = 1; i < n && grid != 1; i++) {
		uint64_t d = size_of(behind(v[i], v[0]));
		if (!grid || d % grid)
			grid = gcd(d, grid);
	}
	return grid;
}

/* A grid of 2^63 has two places: the first, and the one opposite. */
static int64_t steps(int64_t d, uint64_t grid)
{
	return grid > INT64_MAX ? d != 0 : d / (int64_t)grid;
}

void times_give(struct buffer *out, const int64_t *v, uint32_t n)
{
	int64_t k[INTS_MAX];
	if (n == 0)
		return;
	if (n > INTS_MAX) {
		out->bad = true;
		return;
	}
	uint64_t grid = grid_of(v, n);
	grid = grid ? grid : 1;
	for (uint32_t i = 0; i < n; i++)
		k[i] = steps(behind(v[i], v[0]), grid);
	uint8_t tens = 0;
	for (; tens < TENS_MAX && grid % 10 == 0; grid /= 10)
		tens++;
	buffer_give_u8(out, tens);
	buffer_give_varint(out, grid);
	ints_give(out, k, n);
}

static bool grid_take(struct cursor *c, uint64_t *grid)
{
	uint8_t tens = cursor_take_u8(c);
	*grid = cursor_take_varint(c);
	if (c->bad || tens > TENS_MAX || *grid == 0)
		return false;
	for (; tens; tens--)
		if (__builtin_mul_overflow(*grid, 10, grid))
			return false;
	return true;
}

int times_take(struct cursor *c, int64_t first, int64_t *v, uint32_t n)
{
	uint64_t grid;
	if (!grid_take(c, &grid))
		return SB_E_CORRUPT;
	int r = ints_take(c, v, n);
	for (uint32_t i = 0; r >= 0 && i < n; i++)
		v[i] = (int64_t)((uint64_t)first + (uint64_t)v[i] * grid);
	return r;
}

int times_take_units(struct cursor *c, int64_t *v, uint32_t n)
{
	static const uint64_t units[] = { 1, 1000, 1000000, 1000000000 };
	uint8_t unit = cursor_take_u8(c);
	if (c->bad || unit >= sizeof(units) / sizeof(units[0]))
		return SB_E_CORRUPT;
	int r = ints_take(c, v, n);
	for (uint32_t i = 0; r >= 0 && i < n; i++)
		v[i] = (int64_t)((uint64_t)v[i] * units[unit]);
	return r;
}
