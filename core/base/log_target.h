/* Where log lines end: one file per way of building defines it. For log.c only. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

struct log_target {
	bool journal; /* lines go to systemd's journal, not to stderr */
};

void log_target_open(struct log_target *target);
/* text is escaped already. utc_ns is the time of the line. */
void log_target_write(const struct log_target *target, enum log_level level, const char *module,
                      const char *text, int64_t utc_ns);
/* logfmt on stderr, one write(2) a line. */
void log_target_stderr(enum log_level level, const char *module, const char *text, int64_t utc_ns);
