#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "base/log_target.h"
#include "base/map.h"
#include "base/own.h"
#include "base/text.h"

enum {
	LINES = 64,      /* different lines watched for floods */
	PER_SECOND = 10, /* of the same line; the rest is counted */
	TEXT_MAX = 2048,
};

/* A line that was written lately. */
struct line {
	uint64_t hash;
	int64_t since_ns; /* start of its second, monotonic */
	uint32_t seen;    /* in this second */
	uint64_t folded;  /* not written */
	enum log_level level;
	char module[32];
	char start[96]; /* of its text */
};

/* The one global: every thread of every folder writes lines. */
static struct {
	pthread_mutex_t lock;
	pthread_once_t once;
	_Atomic int least;
	struct log_target target;
	struct line lines[LINES];
} state = { .lock = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT, .least = LOG_LEVEL_INFO };

/* Of this thread: who hears its lines besides the target. */
static _Thread_local struct {
	log_listen_fn fn;
	void *ud;
} listener;

void log_listen(log_listen_fn fn, void *ud)
{
	listener.fn = fn;
	listener.ud = ud;
}

static void open_target(void)
{
	log_target_open(&state.target);
}

void log_init(enum log_level least)
{
	atomic_store_explicit(&state.least, (int)least, memory_order_relaxed);
}

int log_level_parse(const char *text, enum log_level *out)
{
	static const char *const names[] = { "trace", "debug", "info", "warn", "error" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

bool log_wanted(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&state.least, memory_order_relaxed);
}

/* What text_show() leaves and logfmt does not: quotes and backslashes. */
static size_t quote(char *out, size_t cap, struct sb_str text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n && n + 2 < cap; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			out[n++] = '\\';
		out[n++] = text.p[i];
	}
	return n;
}

static void tell_folded(struct line *line)
{
	char text[192];

	if (line->folded == 0)
		return;
	snprintf(text, sizeof(text), "%s [repeated %llu times more]", line->start,
	         (unsigned long long)line->folded);
	log_target_write(&state.target, line->level, line->module, text, clock_utc());
	line->folded = 0;
}

/* Says how often lines of a second that is over were left out. */
static void tell_all_folded(int64_t now)
{
	for (size_t i = 0; i < LINES; i++)
		if (state.lines[i].folded && now - state.lines[i].since_ns >= NS_PER_S)
			tell_folded(&state.lines[i]);
}

/* True: written often enough in this second, only count it. */
static bool is_flood(enum log_level level, const char *module, const char *text)
{
	uint64_t hash = map_hash(sb_str_of(text, strlen(text)));
	struct line *line = &state.lines[hash % LINES];
	int64_t now = clock_mono();

	tell_all_folded(now);
	if (line->hash != hash) {
		tell_folded(line);
		*line = (struct line){ .hash = hash, .since_ns = now, .level = level };
		snprintf(line->module, sizeof(line->module), "%s", module);
		snprintf(line->start, sizeof(line->start), "%.*s", (int)sizeof(line->start) - 1,
		         text);
	}
	if (now - line->since_ns >= NS_PER_S) {
		line->since_ns = now;
		line->seen = 0;
	}
	if (line->seen++ < PER_SECOND)
		return false;
	line->folded++;
	return true;
}

int log_line(enum log_level level, const char *module, int r, const char *format, ...)
{
	char raw[TEXT_MAX];
	char quoted[TEXT_MAX + 512];
	char text[TEXT_MAX + 1024];
	size_t quoted_n = 0;
	va_list args;
	int n = 0;

	bool heard = listener.fn && level >= LOG_LEVEL_WARN;

	if (!log_wanted(level) && !heard)
		return r;
	va_start(args, format);
	n = vsnprintf(raw, sizeof(raw), format, args);
	va_end(args);
	n = MIN(MAX(n, 0), (int)sizeof(raw) - 1);
	if (r < 0 && n < (int)sizeof(raw) - 1)
		n += snprintf(raw + n, sizeof(raw) - (size_t)n, ": %s", sb_strerror(r));
	n = MIN(n, (int)sizeof(raw) - 1);
	if (heard)
		listener.fn(listener.ud, level, raw);
	if (!log_wanted(level))
		return r;
	quoted_n = quote(quoted, sizeof(quoted), sb_str_of(raw, (size_t)n));
	text_show(text, sizeof(text), sb_str_of(quoted, quoted_n));
	pthread_once(&state.once, open_target);
	pthread_mutex_lock(&state.lock);
	if (!is_flood(level, module, text))
		log_target_write(&state.target, level, module, text, clock_utc());
	pthread_mutex_unlock(&state.lock);
	return r;
}
