#include "dataset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "model.h"
#include "options.h"

#define DAY_MS    86400000LL
#define MONTH_MS  (DAY_MS * 3044 / 100)
#define SHOW_NS   (NS_PER_S / 5)
#define JITTER_MS 400 /* of a device's clock and way */

struct unit {
	char id[128];
	struct model model;
	uint64_t random; /* of its times */
	int64_t phase_ms;
};

struct dataset {
	const struct options *o;
	FILE *out;
	struct unit *units;
	int64_t from_ms, to_ms, interval_ms;
	uint64_t lines;
	long long shown_ns;
};

static int fail(const char *what, int r)
{
	(void)fprintf(stderr, "signalbox-fleet: %s: %s\n", what, strerror(-r));
	return r;
}

static int start_of(const struct options *o, int64_t *ms)
{
	struct tm tm = { 0 };
	const char *end = strptime(o->start, "%Y-%m-%d", &tm);

	if (!end || *end) {
		(void)fprintf(stderr, "signalbox-fleet: --start %s: a date like 2024-01-01\n",
		              o->start);
		return -EINVAL;
	}
	*ms = (int64_t)timegm(&tm) * 1000;
	return 0;
}

static void units_init(struct dataset *d)
{
	for (uint32_t i = 0; i < d->o->devices; i++) {
		struct unit *u = &d->units[i];

		model_init(&u->model, d->o->seed, i, d->o->prefix, u->id, sizeof(u->id));
		u->random = d->o->seed * 7919u + i;
		u->phase_ms = (int64_t)(model_random(&u->random) % (uint64_t)d->interval_ms);
	}
}

static int line_write(struct dataset *d, struct unit *u, int64_t ts_ms)
{
	char values[512];
	size_t n = model_sample(&u->model, ts_ms, values, sizeof(values));

	d->lines++;
	return fprintf(d->out, "{\"device\":\"%s\",\"time_ms\":%lld,\"values\":{%.*s}}\n", u->id,
	               (long long)ts_ms, (int)n, values) < 0
	               ? -errno
	               : 0;
}

/* All samples of a device in [from, to): they come at multiples of the interval, a little late. */
static int span_write(struct dataset *d, struct unit *u, int64_t from_ms, int64_t to_ms)
{
	int64_t first = from_ms - (from_ms - u->phase_ms) % d->interval_ms;
	int r = 0;

	for (int64_t t = first < from_ms ? first + d->interval_ms : first; t < to_ms && r == 0;
	     t += d->interval_ms)
		r = line_write(d, u, t + (int64_t)(model_random(&u->random) % JITTER_MS));
	return r;
}

static void show(struct dataset *d, int64_t at_ms)
{
	long long now_ns = clock_mono();
	time_t at = (time_t)(at_ms / 1000);
	char date[16];
	struct tm tm;

	if (d->o->quiet || !isatty(STDERR_FILENO) || now_ns - d->shown_ns < SHOW_NS)
		return;
	d->shown_ns = now_ns;
	strftime(date, sizeof(date), "%Y-%m-%d", gmtime_r(&at, &tm));
	(void)fprintf(stderr, "\r%s, %llu messages ", date, (unsigned long long)d->lines);
}

/* Day by day, so that what is imported comes about in the order of time. */
static int days_write(struct dataset *d)
{
	for (int64_t day = d->from_ms; day < d->to_ms; day += DAY_MS) {
		int64_t end = day + DAY_MS < d->to_ms ? day + DAY_MS : d->to_ms;

		for (uint32_t i = 0; i < d->o->devices; i++) {
			int r = span_write(d, &d->units[i], day, end);

			if (r < 0)
				return fail("writing", r);
		}
		show(d, day);
	}
	return fflush(d->out) == 0 ? 0 : fail("writing", -errno);
}

int dataset_run(const struct options *o)
{
	bool piped = !o->output || strcmp(o->output, "-") == 0;
	struct dataset d = { .o = o, .interval_ms = (int64_t)(o->interval_s * 1000) };
	int r = start_of(o, &d.from_ms);

	if (r < 0)
		return r;
	d.to_ms = d.from_ms + (int64_t)(o->months * (double)MONTH_MS);
	d.units = calloc(o->devices, sizeof(*d.units));
	d.out = piped ? stdout : fopen(o->output, "w");
	if (!d.units || !d.out) {
		r = fail(piped ? "memory" : o->output, d.units ? -errno : -ENOMEM);
	} else {
		units_init(&d);
		r = days_write(&d);
	}
	if (d.out && !piped && fclose(d.out) != 0 && r == 0)
		r = fail(o->output, -errno);
	free(d.units);
	if (r == 0)
		(void)fprintf(stderr, "\r%llu messages of %u devices\n",
		              (unsigned long long)d.lines, o->devices);
	return r;
}
