/* Reports that this node is alive: uptime, memory and load, as telemetry of a device of its own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include <signalbox/plugin.h>

struct heartbeat {
	struct sb_host *host;
	int64_t interval_ns;
	char device[129];
};

static const struct sb_core *core;

/* Device and series are looked up each time: cheap at this rate, and never stale. */
static void beat(void *ud)
{
	const struct heartbeat *hb = ud;
	const struct sb_devices *devices = core->service(hb->host, "sb.devices/1");
	const struct sb_telemetry *telemetry = core->service(hb->host, "sb.telemetry/1");
	struct sb_series_key key = { .size = sizeof(key), .type = SB_T_F64 };
	struct sysinfo info = { 0 };
	(void)sysinfo(&info);
	const struct sb_str names[] = { SB_STR("uptime_s"), SB_STR("free_bytes"), SB_STR("load") };
	double free_bytes = (double)info.freeram * info.mem_unit;
	const double values[] = { (double)info.uptime, free_bytes, (double)info.loads[0] / 65536 };
	struct sb_str id = sb_str_of(hb->device, strlen(hb->device));
	if (!SB_HAS(devices, configured) || devices->configured(hb->host, id, &key.device) < 0)
		return; /* an older host, or it counted why and says so */
	struct sb_batch *b = telemetry->acquire(hb->host, 3, 0);
	if (!b)
		return; /* the host is full: no beat this time */
	b->device = key.device;
	for (int i = 0; i < 3; i++) {
		struct sb_point p = { .ts_ns = core->now_ns(SB_CLOCK_UTC), .type = SB_T_F64 };
		key.name = names[i];
		p.v.f = values[i];
		if (telemetry->resolve(hb->host, &key, &p.series) == 0)
			b->points[b->count++] = p;
	}
	telemetry->commit(hb->host, b);
}

static int32_t create(struct sb_host *host, const struct sb_descriptor *d, void **self)
{
	struct heartbeat *hb = *self = d ? calloc(1, sizeof(*hb)) : NULL;
	if (hb)
		hb->host = host;
	return hb ? 0 : -ENOMEM;
}

static int32_t configure(void *self, const struct sb_config *config)
{
	struct heartbeat *hb = self;
	struct sb_str id = SB_STR("");
	int32_t r = config->str(config, "/device", &id);
	snprintf(hb->device, sizeof(hb->device), "%.*s", (int)id.n, id.p);
	return r < 0 ? r : config->i64(config, "/interval", &hb->interval_ns);
}

static int32_t start(void *self)
{
	const struct heartbeat *hb = self;
	const struct sb_loop *loop = core->service(hb->host, "sb.loop/1");
	return loop->timer(hb->host, hb->interval_ns, hb->interval_ns, beat, self, NULL);
}

static const struct sb_ops ops = {
	.size = sizeof(ops),
	.create = create,
	.configure = configure,
	.start = start,
	.destroy = free,
};

static const struct sb_descriptor descriptor = {
	.size = sizeof(descriptor),
	.flags = SB_RUN_LOOP | SB_AUTOSTART,
	.id = "heartbeat",
	.name = "Heartbeat",
	.version = "1.0.0",
	.vendor = "Signalbox",
	.license = "Apache-2.0",
	.summary = "Reports that this node is alive",
	.section = "heartbeat",
	.needs = (const char *const[]){ "sb.loop/1", "sb.devices/1", "sb.telemetry/1", NULL },
	.config_schema =
		"{\"type\": \"object\", \"properties\": {"
		"\"interval\": {\"type\": \"string\", \"format\": \"duration\", \"default\": \"10s\","
		" \"description\": \"time between two beats\"},"
		"\"device\": {\"type\": \"string\", \"maxLength\": 128, \"default\": \"signalbox\","
		" \"description\": \"the device whose telemetry they are\"}}}",
	.ops = &ops,
};

SB_PLUGIN_ONE("heartbeat", "1.0.0", 0, core, descriptor);
