/* Four shapes of what devices send, after public data sets: 4 fields a message each. */
#include <math.h>
#include <string.h>

#include "storage.h"

#define SECOND 1000000000LL
#define MS     1000000LL
#define BEGIN  1764547200000000000LL /* 2025-12-01 */

static uint64_t random_next(struct storage_device *d)
{
	d->random ^= d->random << 13;
	d->random ^= d->random >> 7;
	d->random ^= d->random << 17;
	return d->random;
}

static uint32_t below(struct storage_device *d, uint32_t n)
{
	return (uint32_t)((random_next(d) >> 32) * n >> 32);
}

static double tenths(double v)
{
	return round(v * 10) / 10;
}

static double walk(struct storage_device *d, int field)
{
	d->level[field] += ((double)below(d, 3) - 1) / 10 * (below(d, 2) ? 1 : 0);
	return tenths(d->level[field]);
}

/* About normal, deviation 1. */
static double noise(struct storage_device *d)
{
	double sum = 0;
	for (int i = 0; i < 6; i++)
		sum += (double)below(d, 1 << 20) / (1 << 20);
	return (sum - 3) * 1.4142;
}

/* A climate and a meter: two slow decimals, one with noise, a counter; the clock is off by up to
 * 80 ms each time. */
static void generator(const struct storage_shape *shape, struct storage_device *d,
                      struct row_value *values)
{
	d->nominal_ns += shape->period_ns;
	d->ts_ns = d->nominal_ns + below(d, 80) * MS;
	values[0].v.f = walk(d, 0);
	values[1].v.f = walk(d, 1);
	values[2].v.f = tenths(d->level[2] * (1 + noise(d) / 100));
	d->count[3] += 10 + below(d, 12);
	values[3].v.f = (double)d->count[3];
}

static void temperature(const struct storage_shape *shape, struct storage_device *d,
                        struct row_value *values)
{
	d->ts_ns += shape->period_ns;
	for (int i = 0; i < STORAGE_FIELDS; i++)
		values[i].v.f = walk(d, i);
}

static void power(const struct storage_shape *shape, struct storage_device *d,
                  struct row_value *values)
{
	d->ts_ns += shape->period_ns;
	for (int i = 0; i < STORAGE_FIELDS; i++)
		values[i].v.f = tenths(100 * (i + 1) * (1 + noise(d) / 100));
}

/* On change, after waiting times as they come. */
static void states(const struct storage_shape *shape, struct storage_device *d,
                   struct row_value *values)
{
	static const char *const modes[] = { "off", "heating", "cooling", "defrost", "fault 7" };
	double wait = -log(((double)below(d, 1 << 24) + 1) / (1 << 24));
	d->ts_ns += (int64_t)(wait * (double)shape->period_ns / (double)MS) * MS + MS;
	uint32_t which = below(d, 8);
	d->count[0] ^= which < 3;
	if (which == 3)
		d->count[1] = below(d, 5);
	d->count[2] ^= which > 5;
	d->count[3] += which == 4;
	values[0].v.i = d->count[0];
	const char *mode = modes[d->count[1]];
	values[1].v.blob = (struct sb_bytes){ (const uint8_t *)mode, strlen(mode) };
	values[2].v.i = d->count[2];
	values[3].v.i = d->count[3];
}

static const struct storage_shape shapes[] = {
	{ "generator", 60 * SECOND, { SB_T_F64, SB_T_F64, SB_T_F64, SB_T_F64 }, generator },
	{ "temperature", 60 * SECOND, { SB_T_F64, SB_T_F64, SB_T_F64, SB_T_F64 }, temperature },
	{ "power", 10 * SECOND, { SB_T_F64, SB_T_F64, SB_T_F64, SB_T_F64 }, power },
	{ "states", 300 * SECOND, { SB_T_BOOL, SB_T_STR, SB_T_BOOL, SB_T_I64 }, states },
};

const struct storage_shape *storage_shape_find(const char *name)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (strcmp(shapes[i].name, name) == 0)
			return &shapes[i];
	storage_fail("no shape %s", name);
}

void storage_device_init(const struct storage_shape *shape, struct storage_device *d, uint32_t no,
                         uint32_t of)
{
	memset(d, 0, sizeof(*d));
	d->random = 88172645463325252ULL * (no + 1) | 1;
	for (int i = 0; i < 8; i++)
		(void)random_next(d);
	/* One after the other, so that messages come in order of time, as they do. */
	d->nominal_ns = d->ts_ns = BEGIN + shape->period_ns / MS * no / of * MS;
	for (int i = 0; i < STORAGE_FIELDS; i++)
		d->level[i] = tenths(15 + 40 * i + below(d, 100) / 10.0);
}

void storage_device_next(const struct storage_shape *shape, struct storage_device *d,
                         struct row *row)
{
	row->n = STORAGE_FIELDS;
	row->flags = 0;
	for (uint8_t i = 0; i < STORAGE_FIELDS; i++)
		row->values[i] =
			(struct row_value){ .column = i, .type = shape->types[i], .quality = 0 };
	shape->next(shape, d, row->values);
	row->ts_ns = row->rx_ns = d->ts_ns;
}
