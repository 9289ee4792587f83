#include "model.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

/* Roles repeat every 20 devices: 12 rooms with climate, 4 occupancy counters, 2 air handlers, 2
 * meters. */
#define PER_SECTION 20

uint64_t model_random(uint64_t *state)
{
	/* splitmix64: any seed is a good one */
	uint64_t z = (*state += 0x9E3779B97F4A7C15u);
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

static double uniform(struct model *m)
{
	return (double)(model_random(&m->random) >> 11) * 0x1p-53;
}

/* About normal: the sum of four uniforms, scaled to variance 1. */
static double noise(struct model *m)
{
	return (uniform(m) + uniform(m) + uniform(m) + uniform(m) - 2) * 1.7320508;
}

/* -1 at 4 h, 1 at 16 h. */
static double daily(int64_t ts_ms)
{
	double hour = fmod((double)ts_ms / 3.6e6, 24);
	return sin((hour - 10) * 3.14159265358979 / 12);
}

void model_init(struct model *m, uint64_t seed, uint32_t index, const char *prefix, char *id,
                size_t cap)
{
	uint32_t section = index / PER_SECTION + 1;
	uint32_t role = index % PER_SECTION;

	*m = (struct model){ .random = seed * 1000003u + index };
	if (role < 12) {
		m->kind = MODEL_CLIMATE;
		(void)snprintf(id, cap, "%ss%u-room%02u-climate", prefix, section, role + 1);
	} else if (role < 16) {
		m->kind = MODEL_OCCUPANCY;
		(void)snprintf(id, cap, "%ss%u-hall%u-people", prefix, section, role - 11);
	} else if (role < 18) {
		m->kind = MODEL_AIR_HANDLER;
		(void)snprintf(id, cap, "%ss%u-ahu%u", prefix, section, role - 15);
	} else {
		m->kind = MODEL_METER;
		(void)snprintf(id, cap, "%ss%u-meter%u", prefix, section, role - 17);
	}
	m->a = 20.5 + 2 * uniform(m);
	m->b = 40 + 10 * uniform(m);
	m->c = 500 + 200 * uniform(m);
	m->energy_wh = model_random(&m->random) % 5000000;
}

/* One metric of a sample. A device names its units once, in its first message. */
struct metric {
	const char *name, *unit; /* UCUM; NULL: none */
	int decimals;
	double value;
};

static size_t give(const struct model *m, const struct metric *metrics, size_t n, char *out,
                   size_t cap)
{
	size_t at = 0;

	for (size_t i = 0; i < n && at < cap; i++) {
		const struct metric *one = &metrics[i];
		bool named = !m->sent && one->unit;
		at += (size_t)snprintf(out + at, cap - at, "%s\"%s\":%s%.*f", i ? "," : "",
		                       one->name, named ? "{\"value\":" : "", one->decimals,
		                       one->value);
		if (named && at < cap)
			at += (size_t)snprintf(out + at, cap - at, ",\"unit\":\"%s\"}", one->unit);
	}
	return at;
}

static size_t climate(struct model *m, int64_t ts_ms, char *out, size_t cap)
{
	double day = daily(ts_ms);

	m->a += 0.05 * (21.5 + 1.2 * day - m->a) + 0.04 * noise(m);
	m->b += 0.05 * (42 - 4 * day - m->b) + 0.2 * noise(m);
	m->c += 0.1 * (550 + (day > 0 ? 350 * day : 0) - m->c) + 8 * noise(m);
	const struct metric metrics[] = {
		{ "temp", "Cel", 1, m->a },
		{ "hum", "%", 1, m->b },
		{ "co2", "[ppm]", 0, fabs(m->c) },
		{ "battery", "V", 2, 3.6 - 1e-6 * m->sent },
	};
	return give(m, metrics, sizeof(metrics) / sizeof(*metrics), out, cap);
}

static size_t occupancy(struct model *m, int64_t ts_ms, char *out, size_t cap)
{
	double expected = 6 * fmax(0, daily(ts_ms));

	if (uniform(m) < 0.3)
		m->c = floor(fmax(0, expected + 1.5 * noise(m)));
	else if (m->c > 50)
		m->c = 0;
	return (size_t)snprintf(out, cap, "\"people\":%.0f,\"occupied\":%s", m->c,
	                        m->c > 0 ? "true" : "false");
}

static size_t air_handler(struct model *m, int64_t ts_ms, char *out, size_t cap)
{
	double load = 0.45 + 0.3 * daily(ts_ms);

	m->a += 0.2 * (18 - m->a) + 0.1 * noise(m);
	m->b += 0.1 * (load * 100 - m->b) + 0.5 * noise(m);
	const struct metric metrics[] = {
		{ "temp.supply", "Cel", 2, m->a },
		{ "temp.return", "Cel", 2, m->a + 4 + 0.1 * noise(m) },
		{ "fan", "%", 1, m->b },
		{ "pressure", "Pa", 0, 180 + m->b + 2 * noise(m) },
	};
	size_t n = give(m, metrics, sizeof(metrics) / sizeof(*metrics), out, cap);
	return n +
	       (size_t)snprintf(out + n, cap - n, ",\"mode\":\"%s\"", load > 0.5 ? "cool" : "vent");
}

static size_t meter(struct model *m, int64_t ts_ms, char *out, size_t cap)
{
	double power = fabs(2400 + 1800 * daily(ts_ms) + 120 * noise(m));

	m->energy_wh += (uint64_t)(power / 60);
	const struct metric metrics[] = {
		{ "power", "W", 1, power },
		{ "voltage", "V", 1, 230 + 1.2 * noise(m) },
		{ "energy", "W.h", 0, (double)m->energy_wh },
	};
	return give(m, metrics, sizeof(metrics) / sizeof(*metrics), out, cap);
}

size_t model_sample(struct model *m, int64_t ts_ms, char *out, size_t cap)
{
	static size_t (*const kinds[])(struct model *, int64_t, char *, size_t) = {
		[MODEL_CLIMATE] = climate,
		[MODEL_OCCUPANCY] = occupancy,
		[MODEL_AIR_HANDLER] = air_handler,
		[MODEL_METER] = meter,
	};
	size_t n = kinds[m->kind](m, ts_ms, out, cap);

	return n + (size_t)snprintf(out + n, cap - n, ",\"seq\":%u", ++m->sent);
}
