#include "backup/schedule.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"

static int64_t midnight_of(int64_t now_ns)
{
	time_t seconds = (time_t)(now_ns / NS_PER_S);
	struct tm tm;

	if (!localtime_r(&seconds, &tm))
		return now_ns;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm) * NS_PER_S;
}

int64_t schedule_due(int64_t now_ns, int32_t at_s, int64_t every_ns)
{
	int64_t anchor = midnight_of(now_ns) + at_s * NS_PER_S;
	int64_t since = now_ns - anchor;
	int64_t steps = since / every_ns - (since % every_ns < 0);

	return anchor + steps * every_ns;
}

int64_t schedule_next(int64_t now_ns, int32_t at_s, int64_t every_ns)
{
	return schedule_due(now_ns, at_s, every_ns) + every_ns;
}

int schedule_take(const char *text, int32_t *at_s)
{
	int digits[4];
	static const int places[4] = { 0, 1, 3, 4 };

	for (int i = 0; i < 5; i++)
		if (!text[i] || (i == 2 ? text[i] != ':' : text[i] < '0' || text[i] > '9'))
			return -EINVAL;
	if (text[5])
		return -EINVAL;
	for (int i = 0; i < 4; i++)
		digits[i] = text[places[i]] - '0';
	int hours = digits[0] * 10 + digits[1];
	int minutes = digits[2] * 10 + digits[3];

	if (hours > 23 || minutes > 59)
		return -EINVAL;
	*at_s = (hours * 60 + minutes) * 60;
	return 0;
}
