/* The plugin's face: descriptor, lifecycle, configuration. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/plugin.h>

#include "bus.h"
#include "link.h"
#include "unit.h"

struct modbus {
	struct sb_host *host;
	struct bus bus;
	bool is_configured;
};

static const struct sb_core *core;

static int32_t create(struct sb_host *host, const struct sb_descriptor *d, void **self)
{
	struct modbus *m = calloc(1, sizeof(*m));
	(void)d;
	if (!m)
		return -ENOMEM;
	m->host = host;
	*self = m;
	return 0;
}

static int32_t copy_text(const struct sb_config *config, const char *pointer, char *buf, size_t cap)
{
	struct sb_str s = { NULL, 0 };
	int32_t r = config->str(config, pointer, &s);
	if (r < 0)
		return r;
	if (s.n >= cap || (s.n > 0 && memchr(s.p, 0, s.n)))
		return -ENAMETOOLONG;
	if (s.n > 0)
		memcpy(buf, s.p, s.n);
	buf[s.n] = 0;
	return 0;
}

static int add_unit(struct modbus *m, const struct sb_config *config, uint32_t i, const char *dir,
                    char *why, size_t cap)
{
	char pointer[32];
	char text[4096];
	snprintf(pointer, sizeof(pointer), "/device/%u", i);
	int r = copy_text(config, pointer, text, sizeof(text));
	if (r < 0)
		return r;
	struct unit *u = &m->bus.units[m->bus.n_units++];
	u->services = &m->bus.services;
	r = unit_init(u, text, dir, why, cap);
	for (uint32_t k = 0; r == 0 && k + 1 < m->bus.n_units; k++) {
		if (strcmp(m->bus.units[k].id, u->id) != 0)
			continue;
		snprintf(why, cap, "device: %s is given twice", u->id);
		r = -EINVAL;
	}
	return r;
}

static int build(struct modbus *m, const struct sb_config *config, char *why, size_t cap)
{
	char address[512];
	char dir[3072];
	int64_t timeout_ns = 0;
	uint32_t n = 0;
	int r = copy_text(config, "/connect", address, sizeof(address));
	if (r == 0)
		r = copy_text(config, "/profiles", dir, sizeof(dir));
	if (r == 0)
		r = config->i64(config, "/timeout", &timeout_ns);
	if (r == 0)
		r = config->length(config, "/device", &n);
	if (r < 0)
		return r;
	if (timeout_ns < 10000000 || timeout_ns > 10000000000) {
		snprintf(why, cap, "timeout: must be from 10ms to 10s");
		return -ERANGE;
	}
	r = link_new(&m->bus.link, address, timeout_ns, why, cap);
	if (r < 0)
		return r;
	m->bus.units = calloc(n ? n : 1, sizeof(*m->bus.units));
	if (!m->bus.units)
		return -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < n; i++)
		r = add_unit(m, config, i, dir, why, cap);
	return r;
}

static int32_t configure(void *self, const struct sb_config *config)
{
	struct modbus *m = self;
	char why[512] = "the configuration is not complete";
	if (m->is_configured)
		return SB_RESTART;
	int r = build(m, config, why, sizeof(why));
	if (r < 0) {
		bus_fini(&m->bus);
		return core->fail(m->host, r, sb_str_of(why, strlen(why)));
	}
	m->is_configured = true;
	return 0;
}

static int32_t start(void *self)
{
	struct modbus *m = self;
	int r = services_init(&m->bus.services, m->host, core);
	if (r == 0)
		bus_start(&m->bus);
	return r;
}

static int32_t drain(void *self, int64_t deadline_ns)
{
	(void)deadline_ns;
	bus_stop(&((struct modbus *)self)->bus);
	return 0;
}

static void stop(void *self)
{
	struct modbus *m = self;
	if (!m->bus.is_stopped)
		bus_stop(&m->bus);
}

static void destroy(void *self)
{
	struct modbus *m = self;
	bus_fini(&m->bus);
	free(m);
}

static void writable(void *self)
{
	bus_writable(&((struct modbus *)self)->bus);
}

static void completed(void *self, const struct sb_completion *c, uint32_t n)
{
	(void)self, (void)c, (void)n; /* nothing here is acknowledged to a device */
}

static const void *ext(void *self, const char *id)
{
	static const struct sb_source source = {
		.size = sizeof(source),
		.completed = completed,
		.writable = writable,
	};
	(void)self;
	return strcmp(id, "sb.source/1") == 0 ? &source : NULL;
}

static const struct sb_ops ops = {
	.size = sizeof(ops),
	.create = create,
	.configure = configure,
	.start = start,
	.drain = drain,
	.stop = stop,
	.destroy = destroy,
	.ext = ext,
};

static const char config_schema[] =
	"{\"type\":\"object\",\"required\":[\"connect\",\"device\"],\"additionalProperties\":false,"
	"\"properties\":{"
	"\"connect\":{\"type\":\"string\",\"pattern\":\"^(tcp|rtu):\",\"title\":\"Bus\","
	"\"description\":\"tcp:HOST[:PORT] or rtu:/dev/ttyUSB0[:9600[:8N1]]\"},"
	"\"device\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":247,\"title\":\"Devices\","
	"\"description\":\"one for each: ID unit=1 profile=NAME [interval=10s]\","
	"\"items\":{\"type\":\"string\",\"minLength\":3,\"maxLength\":4000}},"
	"\"timeout\":{\"type\":\"string\",\"format\":\"duration\",\"default\":\"1s\",\"title\":\"Timeout\","
	"\"description\":\"how long a device may take to answer, 10ms to 10s\"},"
	"\"profiles\":{\"type\":\"string\",\"default\":\"" MODBUS_PROFILE_DIR "\","
	"\"title\":\"Profile folder\",\"description\":\"where profile=NAME is looked for\"}}}";

static const struct sb_descriptor descriptor = {
	.size = sizeof(descriptor),
	.flags = SB_RUN_THREAD,
	.id = "adapter-modbus",
	.name = "Modbus",
	.version = "1.0.0",
	.vendor = "Signalbox",
	.license = "Apache-2.0",
	.summary = "Polls Modbus TCP and RTU devices",
	.section = "modbus",
	.provides = (const char *const[]){ "sb.source/1", NULL },
	.needs = (const char *const[]){ "sb.loop/1", "sb.telemetry/1", "sb.devices/1",
	                                "sb.metrics/1", NULL },
	.config_schema = config_schema,
	.ops = &ops,
};

SB_PLUGIN_ONE("adapter-modbus", "1.0.0", 0, core, descriptor);
