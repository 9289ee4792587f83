#include "base/log_target.h"

void log_target_open(struct log_target *target)
{
	target->journal = false;
}

void log_target_write(const struct log_target *target, enum log_level level, const char *module,
                      const char *text, int64_t utc_ns)
{
	(void)target;
	log_target_stderr(level, module, text, utc_ns);
}
