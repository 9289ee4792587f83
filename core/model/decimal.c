#include "model/decimal.h"

#include <math.h>

/* Below SURE a scaled double is less than half a unit from its mantissa, and no two mantissas of
 * one exponent are the same double. Hence a number with fewer decimals is found at any larger
 * exponent too, with zeros behind it. */
#define SURE  2251799813685248.0 /* 2^51 */
#define LIMIT 9007199254740992.0 /* 2^53 */

static const double tens[DECIMAL_EXPONENT_MAX + 1] = { 1e0, 1e1, 1e2, 1e3, 1e4,
	                                               1e5, 1e6, 1e7, 1e8, 1e9 };

double decimal_join(int64_t mantissa, int exponent)
{
	return (double)mantissa / tens[exponent];
}

static bool try_exponent(double v, int e, double limit, int64_t *mantissa)
{
	double scaled = v * tens[e];
	double size = fabs(scaled);

	if (!(size < limit))
		return false;
	/* Beyond SURE, a half may be too fine to be added. */
	if (size < SURE)
		scaled += scaled < 0 ? -0.5 : 0.5;
	*mantissa = (int64_t)scaled;
	return (double)*mantissa / tens[e] == v;
}

static bool strip_zeros(int64_t m, int e, int64_t *mantissa, int *exponent)
{
	if (e >= 5 && m % 100000 == 0) {
		m /= 100000;
		e -= 5;
	}
	while (e > 0 && m % 10 == 0) {
		m /= 10;
		e--;
	}
	*mantissa = m;
	*exponent = e;
	return true;
}

bool decimal_split(double v, int hint, int64_t *mantissa, int *exponent)
{
	int e = DECIMAL_EXPONENT_MAX;
	int64_t m = 0;

	if (v == 0 && signbit(v))
		return false;
	if (hint >= 0 && hint <= DECIMAL_EXPONENT_MAX && try_exponent(v, hint, SURE, &m))
		return strip_zeros(m, hint, mantissa, exponent);
	while (e > 0 && !(fabs(v * tens[e]) < SURE))
		e--;
	if (try_exponent(v, e, LIMIT, &m))
		return strip_zeros(m, e, mantissa, exponent);
	if (e == DECIMAL_EXPONENT_MAX || !try_exponent(v, e + 1, LIMIT, &m))
		return false;
	*mantissa = m;
	*exponent = e + 1;
	return true;
}
