/* Reports that this node is alive: uptime, memory and load, as telemetry of a device of its own. */
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
	if (f && fscanf(f, "%*u %lu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static int32_t beat(struct heartbeat *hb)
{
	const struct sb_devices *devices = core->service(hb->host, "sb.devices/1");
	const struct sb_telemetry *telemetry = core->service(hb->host, "sb.telemetry/1");
	struct sb_series_key key = { .size = sizeof(key), .type = SB_T_F64 };
	int32_t r = devices->resolve(hb->host, sb_str_of(hb->device, strlen(hb->device)),
	                             &key.device);
	struct sb_batch *b = r < 0 ? NULL : telemetry->acquire(hb->host, 3, 0);
	if (!b)
		return r; /* refused; or the host is full, then this beat is skipped */
	double load = 0;
	int64_t now = core->now_ns(SB_CLOCK_MONOTONIC);
	const struct {
		struct sb_str name, unit;
		double value;
	} rows[] = {
		{ SB_STR("uptime_s"), SB_STR("s"), (double)(now - hb->began_ns) / 1e9 },
		{ SB_STR("rss_bytes"), SB_STR("By"), rss_bytes() },
		{ SB_STR("load"), SB_STR("1"), getloadavg(&load, 1) == 1 ? load : -1 },
	};
	for (uint32_t i = 0; i < 3 && r >= 0; i++) {
		struct sb_point p = { .ts_ns = core->now_ns(SB_CLOCK_UTC), .type = SB_T_F64 };
		key.name = rows[i].name;
		key.unit = rows[i].unit;
		p.v.f = rows[i].value;
		r = telemetry->resolve(hb->host, &key, &p.series);
		b->points[i] = p;
	}
	if (r < 0) {
		telemetry->abandon(hb->host, b);
		return r;
	}
	b->count = 3;
	b->device = key.device;
	b->ack = SB_ACK_STORED;
	return telemetry->commit(hb->host, b);
}

static void on_timer(void *ud)
{
	struct heartbeat *hb = ud;
	if (beat(hb) < 0)
		core->health(hb->host, SB_HEALTH_DEGRADED, SB_STR("the host refuses its device"));
}

static void completed(void *self, const struct sb_completion *c, uint32_t n)
{
	struct heartbeat *hb = self;
	int32_t health = c[n - 1].status < 0 ? SB_HEALTH_DEGRADED : SB_HEALTH_OK;
	core->health(hb->host, health, SB_STR("the last beat could not be stored"));
}

static int32_t create(struct sb_host *host, const struct sb_descriptor *d, void **self)
{
	struct heartbeat *hb = calloc(1, sizeof(*hb));
	(void)d;
	if (!hb)
		return -ENOMEM;
	hb->host = host;
	hb->began_ns = core->now_ns(SB_CLOCK_MONOTONIC);
	*self = hb;
	return 0;
}

static int32_t configure(void *self, const struct sb_config *config)
{
	struct heartbeat *hb = self;
	struct sb_str id = { NULL, 0 };
	int32_t r = config->str(config, "/device", &id);
	if (r < 0 || id.n >= sizeof(hb->device))
		return core->fail(hb->host, SB_E_NAME, SB_STR("/device is too long"));
	memcpy(hb->device, id.p, id.n);
	hb->device[id.n] = 0;
	return config->i64(config, "/interval", &hb->interval_ns);
}

static int32_t start(void *self)
{
	struct heartbeat *hb = self;
	const struct sb_loop *loop = core->service(hb->host, "sb.loop/1");
	return loop->timer(hb->host, hb->interval_ns, hb->interval_ns, on_timer, hb, NULL);
}

static void destroy(void *self)
{
	free(self);
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
	                           .destroy = destroy,
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
		"{\"type\":\"object\",\"properties\":{"
		"\"interval\":{\"type\":\"string\",\"format\":\"duration\",\"default\":\"10s\","
		"\"title\":\"Interval\",\"description\":\"time between two beats\"},"
		"\"device\":{\"type\":\"string\",\"default\":\"signalbox\",\"minLength\":1,"
		"\"maxLength\":128,\"title\":\"Device\",\"description\":\"whose beats they are\"}}}",
	.ops = &ops,
};

static int32_t init(const struct sb_core *c, const char *path)
{
	(void)path;
	core = c;
	return 0;
}

static const struct sb_descriptor *describe(uint32_t i)
{
	return i == 0 ? &descriptor : NULL;
}

SB_PLUGIN("heartbeat", "1.0.0", 0, init, NULL, describe);
