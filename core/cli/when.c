#include "cli/when.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"

int when_duration(const char *text, double *ms)
{
	int64_t ns;

	if (text_duration(sb_str_of(text, strlen(text)), &ns) < 0)
		return -EINVAL;
	*ms = (double)ns / NS_PER_MS;
	return 0;
}

static int calendar(const char *text, double *ms)
{
	static const char *const formats[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
		                               "%Y-%m-%dT%H:%M", "%Y-%m-%d" };

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct tm tm = { 0 };
		char *end = strptime(text, formats[i], &tm);
		double fraction = 0;

		if (!end)
			continue;
		if (*end == '.')
			fraction = strtod(end, &end);
		if (strcmp(end, "") != 0 && strcmp(end, "Z") != 0)
			continue;
		*ms = (double)timegm(&tm) * 1000 + fraction * 1000;
		return 0;
	}
	return -EINVAL;
}

int when_parse(const char *text, double *ms)
{
	double now_ms = (double)clock_utc() / NS_PER_MS;
	double ago_ms;
	char *end;

	if (strcmp(text, "now") == 0) {
		*ms = now_ms;
		return 0;
	}
	if (calendar(text, ms) == 0)
		return 0;
	*ms = strtod(text, &end);
	if (end != text && *end == '\0')
		return 0;
	if (when_duration(text + (text[0] == '-'), &ago_ms) == 0) {
		*ms = now_ms - ago_ms;
		return 0;
	}
	return -EINVAL;
}
