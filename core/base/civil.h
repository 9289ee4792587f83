/* The Gregorian calendar, before 1582 too. Days and months are counted from 1970-01. */
#pragma once
#include <stdint.h>

int64_t civil_month_day(int64_t month); /* the first day of a month */
int64_t civil_month_of(int64_t day);
