#include "host/crash_log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/own.h"
#include "host/crash.h"

#define LOG_MODULE "crash"

#define KEPT             32
#define MAX_RECORD_BYTES 4096
#define DAY_S            86400
#define SERIES_S         600
#define SERIES_COUNT     3

struct crash_log {
	char *dir, *pending;
	int fd;
	struct crash records[KEPT]; /* oldest first */
	size_t n;
};

static void copy(char *out, size_t cap, const char *p, size_t n)
{
	if (n > cap - 1)
		n = cap - 1;
	memcpy(out, p, n);
	out[n] = 0;
}

static void take_line(struct crash *c, const char *key, size_t key_n, const char *p, size_t n)
{
	const struct {
		const char *key;
		char *to;
		size_t cap;
	} texts[] = {
		{ "thread", c->thread, sizeof(c->thread) },
		{ "plugin", c->plugin, sizeof(c->plugin) },
		{ "version", c->version, sizeof(c->version) },
		{ "instance", c->instance, sizeof(c->instance) },
		{ "function", c->function, sizeof(c->function) },
		{ "place", c->place, sizeof(c->place) },
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (strlen(texts[i].key) == key_n && memcmp(texts[i].key, key, key_n) == 0)
			copy(texts[i].to, texts[i].cap, p, n);
	char digits[24];
	copy(digits, sizeof(digits), p, n);
	if (key_n == 4 && memcmp(key, "time", 4) == 0)
		c->time_s = strtoll(digits, NULL, 10);
	else if (key_n == 6 && memcmp(key, "signal", 6) == 0)
		c->signal = (int32_t)strtol(digits, NULL, 10);
}

static int parse(const struct buffer *text, struct crash *out)
{
	*out = (struct crash){ 0 };
	const char *p = (const char *)text->p;
	const char *end = p + text->n;
	while (p < end) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		if (!stop)
			break; /* the death of the writer cut it */
		const char *equals = memchr(p, '=', (size_t)(stop - p));
		if (equals)
			take_line(out, p, (size_t)(equals - p), equals + 1,
			          (size_t)(stop - equals - 1));
		p = stop + 1;
	}
	return out->time_s > 0 ? 0 : SB_E_CORRUPT;
}

static void tell(const struct crash *c)
{
	log_line(
		LOG_LEVEL_ERROR, LOG_MODULE, 0,
		"the last run died of signal %d at %s in thread %s: plugin %s %s, instance %s, function %s",
		c->signal, c->place, c->thread, c->plugin[0] ? c->plugin : "none", c->version,
		c->instance[0] ? c->instance : "none", c->function[0] ? c->function : "none");
}

static void read_record(struct crash_log *log, const char *name)
{
	_own_(freep) char *path = NULL;
	_own_(buffer_fini) struct buffer text = { 0 };
	if (asprintf(&path, "%s/%s", log->dir, name) < 0)
		return;
	if (file_read_all(path, MAX_RECORD_BYTES, &text) < 0 || text.n == 0) {
		unlink(path); /* of a run that ended well */
		return;
	}
	struct crash c;
	if (parse(&text, &c) < 0) {
		log_warn(0, "%s cannot be understood", path);
		return;
	}
	if (log->n == KEPT)
		memmove(log->records, log->records + 1, sizeof(c) * --log->n);
	log->records[log->n++] = c;
	if (strncmp(name, "pending-", 8) != 0)
		return;
	tell(&c);
	_own_(freep) char *kept = NULL;
	if (asprintf(&kept, "%s/crash-%012lld-%s", log->dir, (long long)c.time_s, name + 8) > 0)
		rename(path, kept);
}

static int by_time(const void *a, const void *b)
{
	const struct crash *x = a;
	const struct crash *y = b;
	return (x->time_s > y->time_s) - (x->time_s < y->time_s);
}

static int is_record(const struct dirent *e)
{
	return strncmp(e->d_name, "crash-", 6) == 0 || strncmp(e->d_name, "pending-", 8) == 0;
}

static int read_all(struct crash_log *log)
{
	struct dirent **names = NULL;
	int n = scandir(log->dir, &names, is_record, alphasort);
	if (n < 0)
		return log_error(-errno, "cannot read %s", log->dir);
	for (int i = 0; i < n; i++) {
		_own_(freep) char *path = NULL;
		if (n - i <= KEPT)
			read_record(log, names[i]->d_name);
		else if (asprintf(&path, "%s/%s", log->dir, names[i]->d_name) > 0)
			unlink(path);
		free(names[i]);
	}
	free(names);
	qsort(log->records, log->n, sizeof(log->records[0]), by_time);
	return 0;
}

int crash_log_new(struct crash_log **out, const char *dir)
{
	struct crash_log *log = calloc(1, sizeof(*log));
	if (!log)
		return -ENOMEM;
	log->fd = -1;
	log->dir = strdup(dir);
	int r = log->dir ? file_make_dir(dir, 0700) : -ENOMEM;
	if (r >= 0)
		r = read_all(log);
	if (r >= 0 && asprintf(&log->pending, "%s/pending-%lld-%d", dir,
	                       (long long)(clock_utc() / NS_PER_S), (int)getpid()) < 0)
		r = -ENOMEM;
	if (r < 0) {
		crash_log_free(log);
		return r;
	}
	log->fd = open(log->pending, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (log->fd < 0)
		log_warn(-errno, "crashes will not be recorded: cannot open %s", log->pending);
	crash_begin(log->fd);
	*out = log;
	return 0;
}

struct crash_log *crash_log_free(struct crash_log *log)
{
	if (!log)
		return NULL;
	if (log->fd >= 0) {
		struct stat st;
		crash_end();
		if (fstat(log->fd, &st) == 0 && st.st_size == 0)
			unlink(log->pending);
		close(log->fd);
	}
	free(log->pending);
	free(log->dir);
	free(log);
	return NULL;
}

static bool is_of(const struct crash *c, const char *instance, const char *version, int64_t now_s)
{
	return strcmp(c->instance, instance) == 0 && strcmp(c->version, version) == 0 &&
	       c->time_s > now_s - DAY_S;
}

uint32_t crash_log_count(const struct crash_log *log, const char *instance, const char *version,
                         struct crash *last)
{
	uint32_t count = 0;
	int64_t now = clock_utc() / NS_PER_S;
	for (size_t i = 0; log && i < log->n; i++) {
		if (!is_of(&log->records[i], instance, version, now))
			continue;
		count++;
		*last = log->records[i];
	}
	return count;
}

bool crash_log_is_serial(const struct crash_log *log, const char *instance, const char *version)
{
	int64_t times[SERIES_COUNT] = { 0 };
	size_t count = 0;
	int64_t now = clock_utc() / NS_PER_S;
	for (size_t i = 0; log && i < log->n; i++) {
		if (!is_of(&log->records[i], instance, version, now))
			continue;
		times[count++ % SERIES_COUNT] = log->records[i].time_s;
		/* The next place in the circle holds the oldest of the last three. */
		if (count >= SERIES_COUNT &&
		    log->records[i].time_s - times[count % SERIES_COUNT] <= SERIES_S)
			return true;
	}
	return false;
}

const char *crash_log_dir(const struct crash_log *log)
{
	return log->dir;
}
