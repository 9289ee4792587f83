#define SD_JOURNAL_SUPPRESS_LOCATION
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/log_target.h"

/* systemd names the stream that it connected to stderr: "device:inode". */
void log_target_open(struct log_target *target)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device = 0;
	unsigned long long inode = 0;
	struct stat st;

	target->journal = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	                  fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device &&
	                  st.st_ino == inode;
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
