#include "series/month.h"

#include "base/civil.h"

#define NS_PER_DAY 86400000000000LL

int64_t month_begin(int32_t month)
{
	int64_t ns;
	if (__builtin_mul_overflow(civil_month_day(month), NS_PER_DAY, &ns))
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
	return (int32_t)civil_month_of(ns / NS_PER_DAY - (ns % NS_PER_DAY < 0));
}
