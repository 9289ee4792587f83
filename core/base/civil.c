#include "base/civil.h"

#define ERA_MONTHS 4800 /* 400 years, after which everything repeats */
#define ERA_DAYS   146097

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Years are counted from March, so that the day that is sometimes there comes last. */
int64_t civil_month_day(int64_t month)
{
	int64_t era = floor_div(month, ERA_MONTHS);
	int64_t m = month - era * ERA_MONTHS - 2 + 1970 * 12LL; /* March of the year 0 is 0 */
	int64_t year = m / 12;
	int64_t days = year * 365 + year / 4 - year / 100 + year / 400;
	return era * ERA_DAYS + days + (153 * (m % 12) + 2) / 5 - 719468;
}

int64_t civil_month_of(int64_t day)
{
	int64_t era = floor_div(day, ERA_DAYS);
	int64_t in_era = day - era * ERA_DAYS;
	int64_t month = era * ERA_MONTHS + in_era * ERA_MONTHS / ERA_DAYS;
	while (civil_month_day(month) > day)
		month--;
	while (civil_month_day(month + 1) <= day)
		month++;
	return month;
}
