#include "plug.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 512

int32_t plug_init(struct plug *plug, const struct sb_core *core, struct sb_host *host)
{
	*plug = (struct plug){ .core = core, .host = host };
	plug->loop = core->service(host, "sb.loop/1");
	return plug->loop ? 0 : SB_E_ABI;
}

void plug_fini(struct plug *plug)
{
	free(plug->dir);
	plug->dir = NULL;
}

int32_t plug_configure(struct plug *plug, const struct sb_config *config)
{
	struct sb_str dir;
	int32_t r = config->str(config, "/dir", &dir);

	if (r < 0)
		return plug_fail(plug, r, "dir is missing: the folder to store in");
	if (!dir.n || dir.p[0] != '/')
		return plug_fail(plug, SB_E_RANGE, "dir must be an absolute path");
	if (plug->dir && strlen(plug->dir) == dir.n && memcmp(plug->dir, dir.p, dir.n) == 0)
		return 0;
	if (plug->dir)
		return SB_RESTART;
	plug->dir = strndup(dir.p, dir.n);
	return plug->dir ? 0 : -ENOMEM;
}

static struct sb_str format_text(char buf[static TEXT_MAX], const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

static struct sb_str format_text(char buf[static TEXT_MAX], const char *format, va_list args)
{
	int n = vsnprintf(buf, TEXT_MAX, format, args);

	if (n < 0)
		n = 0;
	return sb_str_of(buf, n < TEXT_MAX ? (size_t)n : TEXT_MAX - 1);
}

void plug_say(const struct plug *plug, int32_t level, const char *format, ...)
{
	char buf[TEXT_MAX];
	va_list args;

	va_start(args, format);
	sb_say(plug->core, plug->host, level, format_text(buf, format, args));
	va_end(args);
}

int32_t plug_fail(const struct plug *plug, int32_t r, const char *format, ...)
{
	char buf[TEXT_MAX];
	va_list args;

	va_start(args, format);
	r = plug->core->fail(plug->host, r, format_text(buf, format, args));
	va_end(args);
	return r;
}

void plug_health(const struct plug *plug, int32_t health, const char *format, ...)
{
	char buf[TEXT_MAX];
	va_list args;

	va_start(args, format);
	plug->core->health(plug->host, health, format_text(buf, format, args));
	va_end(args);
}
