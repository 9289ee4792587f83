#include "services.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int services_init(struct services *s, struct sb_host *host, const struct sb_core *core)
{
	*s = (struct services){ .host = host, .core = core };
	const struct sb_metrics *metrics = core->service(host, "sb.metrics/1");
	s->loop = core->service(host, "sb.loop/1");
	s->telemetry = core->service(host, "sb.telemetry/1");
	s->devices = core->service(host, "sb.devices/1");
	if (!metrics || !s->loop || !s->telemetry || !s->devices)
		return core->fail(host, -ENOSYS, SB_STR("the host lacks a service"));
	const struct {
		uint64_t **cell;
		const char *name, *help;
	} counters[] = {
		{ &s->polls, "modbus_polls", "requests that were answered with data" },
		{ &s->silences, "modbus_silences", "requests without an answer, or with garbage" },
		{ &s->exceptions, "modbus_exceptions", "requests a device refused" },
		{ &s->points, "modbus_points", "values handed to the host" },
		{ &s->connects, "modbus_connects", "connections made to the bus" },
		{ &s->overruns, "modbus_overruns", "polls left out because the bus is too slow" },
		{ &s->backpressure, "modbus_backpressure",
		  "polls put off because the host was full" },
	};
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		*counters[i].cell = metrics->counter(host, counters[i].name, counters[i].help);
		if (!*counters[i].cell)
			return -ENOMEM;
	}
	return 0;
}

void services_say(const struct services *s, int level, const char *format, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, format);
	int n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (n >= (int)sizeof(text))
		n = (int)sizeof(text) - 1;
	if (n > 0)
		sb_say(s->core, s->host, level, sb_str_of(text, (size_t)n));
}
