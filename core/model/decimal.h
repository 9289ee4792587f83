/* Doubles as scaled integers: most sensors send 21.5, which is 215 with exponent 1. Exact or not at
 * all: the pair gives back the same 64 bits. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define DECIMAL_EXPONENT_MAX 9

/* The smallest exponent e in 0..9 with v == mantissa / 10^e bit for bit and |mantissa| < 2^53;
 * false if there is none (NaN, infinities, -0.0 included). A mantissa of 2^51 and more may be
 * missed. `hint` is tried first. */
bool decimal_split(double v, int hint, int64_t *mantissa, int *exponent);
double decimal_join(int64_t mantissa, int exponent);
