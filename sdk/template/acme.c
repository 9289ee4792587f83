/* A plugin to start from: copy the folder, replace "acme", fill start() and stop(). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/plugin.h>

struct acme { /* one instance: one section [acme] or [acme NAME] of signalbox.conf */
	struct sb_host *host;
	int64_t interval_ns;
};

static const struct sb_core *core;

static void on_timer(void *ud)
{
	struct acme *a = ud;
	sb_say(core, a->host, SB_LOG_DEBUG, SB_STR("still here"));
}

static int32_t create(struct sb_host *host, const struct sb_descriptor *d, void **self)
{
	struct acme *a = calloc(1, sizeof(*a));
	(void)d;
	if (!a)
		return -ENOMEM;
	a->host = host;
	*self = a;
	return 0;
}

static int32_t configure(void *self, const struct sb_config *config)
{
	struct acme *a = self;
	return config->i64(config, "/interval", &a->interval_ns);
}

static int32_t start(void *self)
{
	struct acme *a = self;
	const struct sb_loop *loop = core->service(a->host, "sb.loop/1");
	return loop->timer(a->host, a->interval_ns, a->interval_ns, on_timer, a, NULL);
}

static void stop(void *self)
{
	(void)self; /* close what start() opened; timers and listeners end by themselves */
}

static const struct sb_ops ops = {
	.size = sizeof(ops),
	.create = create,
	.configure = configure,
	.start = start,
	.stop = stop,
	.destroy = free,
};

static const char *const needs[] = { "sb.loop/1", NULL };

static const struct sb_descriptor descriptor = {
	.size = sizeof(descriptor),
	.flags = SB_RUN_LOOP,
	.id = "acme",
	.name = "Acme",
	.version = "0.1.0",
	.vendor = "Acme Inc.",
	.license = "0BSD",
	.summary = "What it does, in one line",
	.section = "acme",
	.needs = needs,
	.config_schema = "{ \"type\": \"object\", \"properties\": {"
			 "\"interval\": { \"type\": \"string\", \"format\": \"duration\","
			 " \"default\": \"10s\", \"description\": \"time between two looks\" } } }",
	.ops = &ops,
};

static int32_t init(const struct sb_core *c, const char *path)
{
	(void)path;
	core = c;
	return 0;
}

static const struct sb_descriptor *describe(uint32_t index)
{
	return index == 0 ? &descriptor : NULL;
}

SB_PLUGIN("acme", "0.1.0", 0, init, NULL, describe);
