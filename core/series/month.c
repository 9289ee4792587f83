#include "series/month.h"

#define NS_PER_DAY 86400000000000LL

/* Years are counted from March, so that the day that is sometimes there comes last. */
static int64_t day_of(int32_t month)
{
	int64_t m = (int64_t)month - 2 + 1970 * 12LL; /* March of the year 0 is 0 */
	int64_t year = m / 12;
	int64_t in_year = m % 12;
	int64_t days = year * 365 + year / 4 - year / 100 + year / 400;
	return days + (153 * in_year + 2) / 5 - 719468;
}

int64_t month_begin(int32_t month)
{
	int64_t ns;
	if (__builtin_mul_overflow(day_of(month), NS_PER_DAY, &ns))
		return month < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

int64_t month_last(int32_t month)
{
	int64_t next = month_begin(month + 1);
	return next == INT64_MAX ? next : next - 1;
}

int32_t month_of(int64_t ns)
{
	int64_t day = ns / NS_PER_DAY - (ns % NS_PER_DAY < 0);
	int32_t guess = (int32_t)(day * 4800 / 146097); /* months in 400 years by their days */
	while (day_of(guess) > day)
		guess--;
	while (day_of(guess + 1) <= day)
		guess++;
	return guess;
}
