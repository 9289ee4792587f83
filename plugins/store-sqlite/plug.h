/* What both halves of the plugin have of the host. */
#pragma once
#include <stdint.h>

#include <signalbox/plugin.h>

struct plug {
	const struct sb_core *core;
	struct sb_host *host;
	const struct sb_loop *loop;
	char *dir; /* absolute, from the configuration */
};

int32_t plug_init(struct plug *plug, const struct sb_core *core, struct sb_host *host);
void plug_fini(struct plug *plug);
/* Takes "dir" over; SB_RESTART if it changed. */
int32_t plug_configure(struct plug *plug, const struct sb_config *config);
/* One line in the log. */
void plug_say(const struct plug *plug, int32_t level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Says why the current call fails; returns r. */
int32_t plug_fail(const struct plug *plug, int32_t r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* What the console shows beside the instance. */
void plug_health(const struct plug *plug, int32_t health, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
