#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "host/service.h"
#include "host/state.h"
#include "version.h"

#define LOG_MODULE "plugin"

#define MAX_LINE 2048

static const void *find(struct sb_host *h, const char *id)
{
	return h && id ? service_find(instance_of(h)->host, id) : NULL;
}

static enum log_level level_of(int32_t level)
{
	if (level < SB_LOG_TRACE)
		return LOG_LEVEL_TRACE;
	return level > SB_LOG_ERROR ? LOG_LEVEL_ERROR : (enum log_level)level;
}

static size_t put(char *line, size_t at, struct sb_str s)
{
	size_t n = s.p ? s.n : 0;
	if (n > MAX_LINE - 1 - at)
		n = MAX_LINE - 1 - at;
	if (n)
		memcpy(line + at, s.p, n);
	line[at + n] = 0;
	return at + n;
}

/* A value with spaces is quoted, so that the line can be taken apart again. */
static size_t put_value(char *line, size_t at, struct sb_str s)
{
	if (s.p && s.n && !memchr(s.p, ' ', s.n) && !memchr(s.p, '"', s.n))
		return put(line, at, s);
	at = put(line, at, SB_STR("\""));
	for (size_t i = 0; s.p && i < s.n && at < MAX_LINE - 4; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			at = put(line, at, SB_STR("\\"));
		at = put(line, at, sb_str_of(s.p + i, 1));
	}
	return put(line, at, SB_STR("\""));
}

static int32_t wanted(struct sb_host *h, int32_t level)
{
	(void)h;
	return log_wanted(level_of(level));
}

static void say(struct sb_host *h, int32_t level, struct sb_str msg, const struct sb_kv *kv,
                uint32_t n)
{
	if (!log_wanted(level_of(level)))
		return;
	char line[MAX_LINE];
	size_t at = put(line, 0, msg);
	for (uint32_t i = 0; kv && i < n; i++) {
		at = put(line, at, SB_STR(" "));
		at = put(line, at, kv[i].key);
		at = put(line, at, SB_STR("="));
		at = put_value(line, at, kv[i].value);
	}
	const char *who = h ? instance_name(instance_of(h)) : "plugin";
	log_line(level_of(level), LOG_MODULE, 0, "%s: %s", who, line);
}

static void keep(char *text, size_t cap, struct sb_str s)
{
	size_t n = s.p ? s.n : 0;
	if (n > cap - 1)
		n = cap - 1;
	if (n)
		memcpy(text, s.p, n);
	text[n] = 0;
}

static int32_t fail(struct sb_host *h, int32_t r, struct sb_str why)
{
	if (!h)
		return r;
	struct instance *in = instance_of(h);
	pthread_mutex_lock(&in->lock);
	keep(in->last_error, sizeof(in->last_error), why);
	pthread_mutex_unlock(&in->lock);
	return r;
}

static void health(struct sb_host *h, int32_t value, struct sb_str why)
{
	if (!h)
		return;
	struct instance *in = instance_of(h);
	if (value < SB_HEALTH_OK || value > SB_HEALTH_DOWN)
		value = SB_HEALTH_DEGRADED;
	pthread_mutex_lock(&in->lock);
	bool is_news = in->health != value;
	in->health = value;
	keep(in->health_why, sizeof(in->health_why), value == SB_HEALTH_OK ? SB_STR("") : why);
	pthread_mutex_unlock(&in->lock);
	if (!is_news)
		return;
	static const char *const words[] = { "is well", "is degraded", "is down" };
	log_line(value == SB_HEALTH_OK ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, LOG_MODULE, 0,
	         "%s %s%s%.*s", in->name, words[value], value ? ": " : "",
	         value ? (int)(why.n > 159 ? 159 : why.n) : 0, why.p ? why.p : "");
}

static void request_restart(struct sb_host *h, struct sb_str why)
{
	if (!h)
		return;
	struct instance *in = instance_of(h);
	fail(h, 0, why);
	atomic_store(&in->wants_restart, true);
}

static int64_t now_ns(int32_t clock)
{
	return clock == SB_CLOCK_UTC ? clock_utc() : clock_mono();
}

const struct sb_core *service_core(void)
{
	static const struct sb_core table = {
		.size = sizeof(table),
		.abi_major = SB_ABI_MAJOR,
		.abi_minor = SB_ABI_MINOR,
		.host_name = "signalboxd",
		.host_version = SIGNALBOX_VERSION,
		.service = find,
		.log = say,
		.log_enabled = wanted,
		.fail = fail,
		.health = health,
		.request_restart = request_restart,
		.now_ns = now_ns,
	};
	return &table;
}
