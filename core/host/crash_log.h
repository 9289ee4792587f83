/* The records of crashes in the data directory: what earlier lives of the process died of. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct crash_log;

struct crash {
	int64_t time_s; /* UTC */
	int32_t signal;
	char thread[16], plugin[96], version[24], instance[96], function[32], place[96];
};

/* Reads the records in dir (made if need be), logs the new ones, and has the next one written
 * there. */
int crash_log_new(struct crash_log **out, const char *dir);
struct crash_log *crash_log_free(struct crash_log *log);
/* Crashes of this instance with this plugin version in the last day; *last the newest, if any. */
uint32_t crash_log_count(const struct crash_log *log, const char *instance, const char *version,
                         struct crash *last);
/* Were there three of them within ten minutes? */
bool crash_log_is_serial(const struct crash_log *log, const char *instance, const char *version);
const char *crash_log_dir(const struct crash_log *log);
