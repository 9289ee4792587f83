/* signalbox/kit/number.h: decimal numbers as JSON writes them, read exactly. Header only, no
 * allocation, any thread. A double is rounded correctly, an integer of 64 bits keeps every digit.
 */
#ifndef SIGNALBOX_KIT_NUMBER_H
#define SIGNALBOX_KIT_NUMBER_H
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>
#include <signalbox/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Longer numbers are refused. The longest exact text of a double has 1,077 characters. */
#define SB_NUMBER_MAX 1100

/* What stands in the text: mantissa * 10^exp10, if `exact`. */
struct sb_number {
	const char *p; /* the text, borrowed */
	size_t n;
	uint64_t mantissa; /* meaningless unless exact */
	int32_t exp10;     /* clamped to about +-100,000 */
	bool negative;
	bool integer; /* neither a point nor an exponent */
	bool exact;   /* 19 digits or fewer: the mantissa holds them all */
};

static inline bool sb_number_is_digit_(char c)
{
	return (unsigned char)(c - '0') < 10;
}

/* Adds digits to the mantissa; the first byte that is none, or `end`. */
static inline const char *sb_number_digits_(const char *p, const char *end, uint64_t *mantissa)
{
	uint64_t v = *mantissa;

	while (p != end && sb_number_is_digit_(*p))
		v = v * 10 + (uint64_t)(*p++ - '0');
	*mantissa = v;
	return p;
}

/* "e-12" at p; NULL if it is broken. */
static inline const char *sb_number_exponent_(const char *p, const char *end, int32_t *exp10)
{
	bool negative = false;
	int32_t v = 0;

	p++;
	if (p != end && (*p == '+' || *p == '-'))
		negative = *p++ == '-';
	if (p == end || !sb_number_is_digit_(*p))
		return NULL;
	for (; p != end && sb_number_is_digit_(*p); p++)
		v = v < 100000 ? v * 10 + (*p - '0') : v;
	*exp10 += negative ? -v : v;
	return p;
}

/* Reads the number that begins at p, by the grammar of JSON: no leading zeros, no "+", no "1.", no
 * NaN. Returns the byte behind it, or NULL. */
static inline const char *sb_number_scan(const char *p, const char *end, struct sb_number *out)
{
	const char *begin = p;
	const char *point = NULL;
	size_t digits = 0;

	out->p = begin;
	out->n = 0;
	out->exact = false;
	out->mantissa = 0;
	out->exp10 = 0;
	out->integer = true;
	out->negative = p != end && *p == '-';
	p += out->negative;
	begin = p;
	p = sb_number_digits_(p, end, &out->mantissa);
	if (p == begin || (*begin == '0' && p - begin > 1))
		return NULL;
	digits = (size_t)(p - begin);
	if (p != end && *p == '.') {
		point = ++p;
		p = sb_number_digits_(p, end, &out->mantissa);
		if (p == point)
			return NULL;
		out->exp10 = p - point < 100000 ? (int32_t)(point - p) : -100000;
		digits += (size_t)(p - point);
		out->integer = false;
	}
	if (p != end && (*p == 'e' || *p == 'E')) {
		p = sb_number_exponent_(p, end, &out->exp10);
		if (!p)
			return NULL;
		out->integer = false;
	}
	out->exact = digits <= 19;
	out->n = (size_t)(p - out->p);
	return p;
}

/* The long way, by libc; its thread must use the "C" locale's decimal point. */
static inline int32_t sb_number_by_libc_(const struct sb_number *number, char *text, double *out)
{
	char *end = NULL;

	memcpy(text, number->p, number->n);
	text[number->n] = 0;
	*out = strtod(text, &end);
	return end == text + number->n && !isinf(*out) ? 0 : SB_E_RANGE;
}

static inline int32_t sb_number_f64_long_(const struct sb_number *number, double *out)
{
	char text[SB_NUMBER_MAX + 1];

	return number->n <= SB_NUMBER_MAX ? sb_number_by_libc_(number, text, out) : SB_E_RANGE;
}

static inline int32_t sb_number_f64_short_(const struct sb_number *number, double *out)
{
	char text[48];

	return number->n < sizeof(text) ? sb_number_by_libc_(number, text, out)
	                                : sb_number_f64_long_(number, out);
}

#ifdef __SIZEOF_INT128__
/* 17 digits as programs print doubles, 21.299999999999997: mantissa / 10^-exp10 for 1..19 decimals,
 * in integers. The quotient has 62 bits or more, and its last bit remembers the remainder, so that
 * the conversion rounds once and correctly. */
static inline double sb_number_divide_(uint64_t mantissa, int32_t decimals)
{
	__extension__ typedef unsigned __int128 wide;
	uint64_t divisor = 1;
	uint64_t quotient = 0;
	int up = __builtin_clzll(mantissa);
	int down = 0;
	wide dividend = (wide)(mantissa << up) << 63;

	while (decimals-- > 0)
		divisor *= 10;
	down = __builtin_clzll(divisor);
	divisor <<= down;
	quotient = (uint64_t)(dividend / divisor);
	if (dividend % divisor)
		quotient |= 1;
	return ldexp((double)quotient, down - up - 63);
}
#else
static inline double sb_number_divide_(uint64_t mantissa, int32_t decimals)
{
	char text[48];

	snprintf(text, sizeof(text), "%llue-%d", (unsigned long long)mantissa, (int)decimals);
	return strtod(text, NULL);
}
#endif

/* The double nearest to the number; SB_E_RANGE if that is an infinity. */
static inline int32_t sb_number_f64(const struct sb_number *number, double *out)
{
	/* Both factors are exact up to here, so that the one operation rounds once. */
	static const double tens[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
		                       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
		                       1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
	double v = 0;

	if (!number->exact || number->exp10 > 22 || number->exp10 < -22)
		return sb_number_f64_short_(number, out);
	if (number->mantissa > 1ULL << 53) {
		if (number->exp10 >= 0 || number->exp10 < -19)
			return sb_number_f64_short_(number, out);
		v = sb_number_divide_(number->mantissa, -number->exp10);
		*out = number->negative ? -v : v;
		return 0;
	}
	v = (double)number->mantissa;
	v = number->exp10 < 0 ? v / tens[-number->exp10] : v * tens[number->exp10];
	*out = number->negative ? -v : v;
	return 0;
}

/* All digits of an integer without its sign; SB_E_RANGE beyond 64 bits. */
static inline int32_t sb_number_magnitude_(const struct sb_number *number, uint64_t *out)
{
	const char *p = number->p + number->negative;
	const char *end = number->p + number->n;

	*out = number->mantissa;
	if (number->exact)
		return 0;
	for (*out = 0; p != end; p++)
		if (__builtin_mul_overflow(*out, (uint64_t)10, out) ||
		    __builtin_add_overflow(*out, (uint64_t)(*p - '0'), out))
			return SB_E_RANGE;
	return 0;
}

/* The value of a point, as all of Signalbox reads JSON numbers: integers up to 2^53 and everything
 * with a point or an exponent are F64; larger integers I64, or U64 where that does not hold them.
 * SB_E_RANGE beyond 64 bits and beyond the doubles. */
static inline int32_t sb_number_value(const struct sb_number *number, uint8_t *type,
                                      union sb_value *out)
{
	uint64_t magnitude = 0;

	*type = SB_T_F64;
	if (!number->integer || (number->exact && number->mantissa <= 1ULL << 53))
		return sb_number_f64(number, &out->f);
	if (sb_number_magnitude_(number, &magnitude) != 0)
		return SB_E_RANGE;
	*type = SB_T_I64;
	if (number->negative) {
		out->u = 0 - magnitude;
		return magnitude <= 1ULL << 63 ? 0 : SB_E_RANGE;
	}
	out->u = magnitude;
	if (magnitude > INT64_MAX)
		*type = SB_T_U64;
	return 0;
}

#ifdef __cplusplus
}
#endif
#endif
