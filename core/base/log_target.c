#include "base/log_target.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"

void log_target_stderr(enum log_level level, const char *module, const char *text, int64_t utc_ns)
{
	static const char *const names[] = { "trace", "debug", "info", "warn", "error" };
	char line[4608];
	time_t seconds = utc_ns / NS_PER_S;
	struct tm tm = { 0 };
	size_t n = 0;

	gmtime_r(&seconds, &tm);
	n = strftime(line, sizeof(line), "time=%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(line + n, sizeof(line) - n, ".%03dZ level=%s module=%s msg=\"%s\"\n",
	                      (int)(utc_ns % NS_PER_S / NS_PER_MS), names[level], module, text);
	n = MIN(n, sizeof(line) - 1);
	line[n - 1] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return; /* nobody left to tell */
}
