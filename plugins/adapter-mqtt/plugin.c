#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/plugin.h>

#include "options.h"
#include "reconfigure.h"
#include "server.h"

static const struct sb_core *core;

static int32_t create(struct sb_host *host, const struct sb_descriptor *descriptor, void **self)
{
	struct server *srv = calloc(1, sizeof(*srv));

	(void)descriptor;
	if (!srv)
		return -ENOMEM;
	srv->core = core;
	srv->host = host;
	srv->loop = core->service(host, "sb.loop/1");
	srv->stream = core->service(host, "sb.stream/1");
	srv->payload = core->service(host, "sb.payload/1");
	srv->devices = core->service(host, "sb.devices/1");
	srv->docs = core->service(host, "sb.docs/1");
	srv->journal = core->service(host, "sb.journal/1");
	if (!srv->loop || !srv->stream || !srv->payload || !SB_HAS(srv->devices, renew)) {
		free(srv);
		return core->fail(host, -ENOSYS, SB_STR("the host lacks a service"));
	}
	*self = srv;
	return 0;
}

static int32_t configure(void *self, const struct sb_config *config)
{
	struct server *srv = self;

	int r = options_read(config, &srv->config);
	const char *why = r < 0 ? NULL : options_exposed(&srv->config);
	return why ? core->fail(srv->host, -EACCES, sb_str_of(why, strlen(why))) : r;
}

static int32_t reconfigure(void *self, const struct sb_config *config)
{
	struct config next;
	int r = options_read(config, &next);

	return r < 0 ? r : reconfigure_take(self, &next);
}

static int32_t start(void *self)
{
	return server_start(self);
}

static int32_t drain(void *self, int64_t deadline_ns)
{
	(void)deadline_ns;
	server_drain(self);
	return 0;
}

static void stop(void *self)
{
	server_stop(self);
}

static void destroy(void *self)
{
	server_fini(self);
	free(self);
}

static void completed(void *self, const struct sb_completion *done, uint32_t n)
{
	struct server *srv = self;

	pending_completed(srv, done, n);
}

static void writable(void *self)
{
	server_writable(self);
}

static const struct sb_source source = { .size = sizeof(source),
	                                 .completed = completed,
	                                 .writable = writable };

static const void *ext(void *self, const char *id)
{
	(void)self;
	return strcmp(id, "sb.source/1") == 0 ? &source : NULL;
}

static const struct sb_ops ops = { .size = sizeof(ops),
	                           .create = create,
	                           .configure = configure,
	                           .start = start,
	                           .drain = drain,
	                           .stop = stop,
	                           .destroy = destroy,
	                           .ext = ext,
	                           .reconfigure = reconfigure };

static const char *const provides[] = { "sb.source/1", NULL };
static const char *const needs[] = { "sb.loop/1",    "sb.stream/1",  "sb.payload/1",
	                             "sb.devices/1", "sb.metrics/1", NULL };

static const struct sb_descriptor descriptor = {
	.size = sizeof(descriptor),
	.flags = SB_RUN_LOOP | SB_AUTOSTART,
	.id = "adapter-mqtt",
	.name = "MQTT server",
	.version = "0.1.0",
	.vendor = "Signalbox",
	.license = "Apache-2.0",
	.summary = "MQTT 3.1.1 and 5.0 for devices and applications",
	.section = "mqtt",
	.provides = provides,
	.needs = needs,
	.config_schema = options_schema,
	.ops = &ops,
};

SB_PLUGIN_ONE("adapter-mqtt", "0.1.0", 0, core, descriptor);
