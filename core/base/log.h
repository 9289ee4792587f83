/* Log lines: logfmt on stderr, or the journal of systemd. Every file that logs begins with
 * `#define LOG_MODULE "journal"`. Control characters are escaped, so that nothing a device sends
 * can forge a line; a line that repeats in a flood is folded into a count. Any thread. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_TRACE,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARN,
	LOG_LEVEL_ERROR
};

void log_init(enum log_level least);
/* Parses "trace", "debug", "info", "warn", "error"; -EINVAL. */
int log_level_parse(const char *text, enum log_level *out);
bool log_wanted(enum log_level level);
/* Returns r, so that a fault is logged where it is found: return log_error(r, "cannot open %s", p).
 * A negative r is appended as text. */
int log_line(enum log_level level, const char *module, int r, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Lines of the calling thread from WARN up are also handed to fn, whatever the level in force,
 * until log_listen(NULL, NULL): what a person who asked is told. Inside fn nothing may be logged.
 */
typedef void (*log_listen_fn)(void *ud, enum log_level level, const char *text);
void log_listen(log_listen_fn fn, void *ud);

#define log_error(r, ...) log_line(LOG_LEVEL_ERROR, LOG_MODULE, r, __VA_ARGS__)
#define log_warn(r, ...)  log_line(LOG_LEVEL_WARN, LOG_MODULE, r, __VA_ARGS__)
#define log_info(...)     ((void)log_line(LOG_LEVEL_INFO, LOG_MODULE, 0, __VA_ARGS__))
#define log_debug(...)                         \
	((void)(log_wanted(LOG_LEVEL_DEBUG) && \
	        log_line(LOG_LEVEL_DEBUG, LOG_MODULE, 0, __VA_ARGS__)))
