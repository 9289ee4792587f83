/* Reports that this node is alive: uptime, memory and load, as telemetry of a device of its own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <signalbox/plugin.h>

struct heartbeat {
	struct sb_host *host;
	int64_t interval_ns, began_ns;
	char device[520];
};

static const struct sb_core *core;

static double rss_bytes(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	/* NOLINTNEXTLINE(cert-err34-c): the kernel wrote it */
	if (f && fscanf(f, "%*u %lu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Device and series are looked up each time: cheap at this rate, and never stale. */
static void beat(void *ud)
{
	const struct heartbeat *hb = ud;
	const struct sb_devices *devices = core->service(hb->host, "sb.devices/1");
	const struct sb_telemetry *telemetry = core->service(hb->host, "sb.telemetry/1");
	struct sb_series_key key = { .size = sizeof(key), .type = SB_T_F64 };
	if (devices->resolve(hb->host, sb_str_of(hb->device, strlen(hb->device)), &key.device) < 0)
		return; /* the host counted it and says why */
	struct sb_batch *b = telemetry->acquire(hb->host, 3, 0);
	if (!b)
		return; /* the host is full: no beat this time */
	const char *const names[] = { "uptime_s", "rss_bytes", "load" };
	double values[] = { 0, rss_bytes(), 0 };
	values[0] = (double)(core->now_ns(SB_CLOCK_MONOTONIC) - hb->began_ns) / 1e9;
	(void)!getloadavg(&values[2], 1);
	b->device = key.device;
	b->ack = SB_ACK_STORED;
	for (int i = 0; i < 3; i++) {
		struct sb_point p = { .ts_ns = core->now_ns(SB_CLOCK_UTC), .type = SB_T_F64 };
		key.name = sb_str_of(names[i], strlen(names[i]));
		p.v.f = values[i];
		if (telemetry->resolve(hb->host, &key, &p.series) == 0)
			b->points[b->count++] = p;
	}
	telemetry->commit(hb->host, b);
}

static void completed(void *self, const struct sb_completion *c, uint32_t n)
{
	const struct heartbeat *hb = self;
	int32_t health = c[n - 1].status < 0 ? SB_HEALTH_DEGRADED : SB_HEALTH_OK;
	core->health(hb->host, health, SB_STR("the last beat could not be stored"));
}

static int32_t create(struct sb_host *host, const struct sb_descriptor *d, void **self)
{
	struct heartbeat *hb = *self = calloc(1, sizeof(*hb));
	(void)d;
	if (!hb)
		return -ENOMEM;
	hb->host = host;
	hb->began_ns = core->now_ns(SB_CLOCK_MONOTONIC);
	return 0;
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
	struct heartbeat *hb = self;
	const struct sb_loop *loop = core->service(hb->host, "sb.loop/1");
	return loop->timer(hb->host, hb->interval_ns, hb->interval_ns, beat, hb, NULL);
}

static const void *ext(void *self, const char *id)
{
	static const struct sb_source source = { .size = sizeof(source), .completed = completed };
	(void)self;
	return strcmp(id, "sb.source/1") == 0 ? &source : NULL;
}

static const struct sb_ops ops = { .size = sizeof(ops),
	                           .create = create,
	                           .configure = configure,
	                           .start = start,
	                           .destroy = free,
	                           .ext = ext };

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
	.provides = (const char *const[]){ "sb.source/1", NULL },
	.needs = (const char *const[]){ "sb.loop/1", "sb.devices/1", "sb.telemetry/1", NULL },
	.config_schema =
		"{\"type\": \"object\", \"properties\": {"
		"\"interval\": {\"type\": \"string\", \"format\": \"duration\", \"default\": \"10s\","
		" \"description\": \"time between two beats\"},"
		"\"device\": {\"type\": \"string\", \"maxLength\": 128, \"default\": \"signalbox\","
		" \"description\": \"the device whose telemetry they are\"}}}",
	.ops = &ops,
};

static int32_t init(const struct sb_core *c, const char *path)
{
	core = c;
	return path ? 0 : -EINVAL;
}

static const struct sb_descriptor *describe(uint32_t i)
{
	return i == 0 ? &descriptor : NULL;
}

SB_PLUGIN("heartbeat", "1.0.0", 0, init, NULL, describe);
