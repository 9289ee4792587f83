#include "stamp.h"

#include <signalbox/kit/number.h>

/* number * 10^shift, cut off to an integer. */
static int32_t scaled(const struct sb_number *number, int32_t shift, int64_t *out)
{
	uint64_t v = number->mantissa;
	int32_t exponent = number->exp10 + shift;

	for (; exponent > 0 && v != 0; exponent--)
		if (__builtin_mul_overflow(v, (uint64_t)10, &v))
			return SB_E_RANGE;
	for (; exponent < 0 && v != 0; exponent++)
		v /= 10;
	if (v > INT64_MAX)
		return SB_E_RANGE;
	*out = number->negative ? -(int64_t)v : (int64_t)v;
	return 0;
}

/* More than 19 digits are more than ns since 1970 need; a double is as good as they can be. */
static int32_t from_double(const struct sb_number *number, double factor, int64_t *ns)
{
	double v = 0;

	if (sb_number_f64(number, &v) < 0 || !(fabs(v * factor) < 0x1p63))
		return SB_E_RANGE;
	*ns = (int64_t)(v * factor);
	return 0;
}

int32_t stamp_seconds(const struct sb_number *number, int64_t *ns)
{
	return number->exact ? scaled(number, 9, ns) : from_double(number, 1e9, ns);
}

int32_t stamp_take(const struct sb_number *number, int64_t *ns)
{
	double size = 0;
	int32_t shift = 0;

	if (sb_number_f64(number, &size) < 0)
		return SB_E_RANGE;
	size = fabs(size);
	shift = size < 1e11 ? 9 : size < 1e14 ? 6 : size < 1e17 ? 3 : 0;
	if (number->exact)
		return scaled(number, shift, ns);
	return from_double(number, shift == 9 ? 1e9 : shift == 6 ? 1e6 : shift == 3 ? 1e3 : 1, ns);
}
