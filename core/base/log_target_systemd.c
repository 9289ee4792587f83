#define SD_JOURNAL_SUPPRESS_LOCATION
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/log_target.h"

/* systemd names the stream that it connected to stderr: "device:inode". */
void log_target_open(struct log_target *target)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	target->journal = false;
	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return;
	(void)snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)st.st_dev,
	               (unsigned long long)st.st_ino);
	target->journal = strcmp(stream, own) == 0;
}

void log_target_write(const struct log_target *target, enum log_level level, const char *module,
                      const char *text, int64_t utc_ns)
{
	static const int priorities[] = { LOG_DEBUG, LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR };

	if (target->journal &&
	    sd_journal_send("MESSAGE=%s: %s", module, text, "PRIORITY=%i", priorities[level],
	                    "SIGNALBOX_MODULE=%s", module, NULL) >= 0)
		return;
	log_target_stderr(level, module, text, utc_ns);
}
