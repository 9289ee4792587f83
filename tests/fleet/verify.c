#include "verify.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "cli/link.h"
#include "expected.h"
#include "options.h"
#include "oracle.h"

#define PAGE      20000 /* points per series and call */
#define TOLD_MOST 20    /* problems that are told one by one */

struct verdict {
	uint64_t lost, duplicated, disordered, altered;
	uint64_t compared, told;
};

static void tell(struct verdict *v, const char *what, const char *device, const char *series,
                 double ts)
{
	if (v->told++ < TOLD_MOST)
		(void)fprintf(stderr, "%s: %s %s at %.3f\n", what, device, series, ts);
}

static bool same_value(const json_t *sent, const json_t *answered)
{
	if (json_is_integer(sent) && json_is_integer(answered))
		return json_integer_value(sent) == json_integer_value(answered);
	if (json_is_number(sent) && json_is_number(answered)) {
		double a = json_number_value(sent);
		double b = json_number_value(answered);
		return memcmp(&a, &b, sizeof(a)) == 0;
	}
	return json_equal(sent, answered);
}

/* Where a series stands in being compared: expected values before `at` are done. */
struct progress {
	const struct expected_device *device;
	struct expected_series *series;
	size_t at;
	double last_ts;
};

static void missing_until(struct verdict *v, struct progress *p, double ts_ms)
{
	const struct expected_series *s = p->series;

	for (; p->at < s->n && (double)s->values[p->at].ts_ms < ts_ms; p->at++)
		if (s->values[p->at].acknowledged) {
			v->lost++;
			tell(v, "lost", p->device->id, s->name, (double)s->values[p->at].ts_ms);
		}
}

static void point_compare(struct verdict *v, struct progress *p, const json_t *point)
{
	double ts = json_number_value(json_array_get(point, 0));
	const struct expected_series *s = p->series;

	if (ts <= p->last_ts) {
		bool again = ts == p->last_ts; /* NOLINT: equal times are the point */
		v->duplicated += again;
		v->disordered += !again;
		tell(v, again ? "duplicated" : "disordered", p->device->id, s->name, ts);
		return;
	}
	p->last_ts = ts;
	missing_until(v, p, ts);
	v->compared++;
	if (p->at < s->n && (double)s->values[p->at].ts_ms == ts && /* NOLINT */
	    same_value(s->values[p->at].value, json_array_get(point, 1))) {
		p->at++;
		return;
	}
	v->altered++;
	tell(v, "altered", p->device->id, s->name, ts);
	if (p->at < s->n && (double)s->values[p->at].ts_ms == ts) /* NOLINT */
		p->at++;
}

/* One page of one series; *more: there are points behind `from`, which moves. */
static int page_compare(struct verdict *v, struct link *link, struct progress *p, double *from,
                        bool *more)
{
	struct link_error error;
	json_t *result = NULL;
	json_t *params = json_pack("{s:s, s:[s], s:f, s:f, s:i}", "device", p->device->id, "series",
	                           p->series->name, "from", *from, "to",
	                           (double)p->device->last_ms + 1, "limit", PAGE);
	int r = link_call(link, "telemetry.query", params, &result, &error);
	size_t i;
	json_t *point;

	*more = false;
	if (r == LINK_E_REFUSED && strcmp(error.name, "not_found") == 0)
		return 0; /* then all of it is lost, as the caller counts */
	if (r != 0) {
		(void)fprintf(stderr, "signalbox-fleet: %s: %s\n", p->device->id, error.text);
		return r < 0 ? r : -EIO;
	}
	const json_t *series = json_array_get(json_object_get(result, "series"), 0);
	const json_t *points = json_object_get(series, "points");
	json_array_foreach(points, i, point) point_compare(v, p, point);
	if (json_is_true(json_object_get(series, "truncated")) && i > 0) {
		*more = true;
		*from = p->last_ts + 0.001;
	}
	json_decref(result);
	return 0;
}

static int device_verify(struct verdict *v, struct link *link, const struct expected_device *d)
{
	for (size_t i = 0; i < d->n; i++) {
		struct progress p = { .device = d, .series = &d->series[i], .last_ts = -HUGE_VAL };
		double from = (double)d->first_ms;
		bool more = true;
		while (more) {
			int r = page_compare(v, link, &p, &from, &more);
			if (r < 0)
				return r;
		}
		missing_until(v, &p, HUGE_VAL);
	}
	return 0;
}

int verify_run(const struct options *options)
{
	struct expected e = { 0 };
	struct oracle oracle = { 0 };
	struct verdict v = { 0 };
	struct link *link = NULL;
	struct link_error error;
	int r = oracle_open(&oracle, options->oracle);

	if (r == 0)
		r = expected_read(&e, &oracle);
	(void)oracle_finish(&oracle);
	if (r == 0) {
		const struct link_options to = { .url = options->url, .token = options->token };
		r = link_open(&link, &to, &error);
		if (r != 0)
			(void)fprintf(stderr, "signalbox-fleet: %s: %s\n", options->url,
			              error.text);
	}
	for (size_t i = 0; r == 0 && i < e.n; i++)
		r = device_verify(&v, link, e.devices[i]);
	if (r == 0) {
		(void)printf(
			"%zu devices, %llu messages sent, %llu acknowledged, %llu values compared\n"
			"lost %llu\nduplicated %llu\ndisordered %llu\naltered %llu\n",
			e.n, (unsigned long long)e.messages, (unsigned long long)e.acknowledged,
			(unsigned long long)v.compared, (unsigned long long)v.lost,
			(unsigned long long)v.duplicated, (unsigned long long)v.disordered,
			(unsigned long long)v.altered);
		r = v.lost || v.duplicated || v.disordered || v.altered;
	}
	link_close(link);
	expected_fini(&e);
	return r;
}
