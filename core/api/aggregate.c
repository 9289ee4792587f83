#include "api/aggregate.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <signalbox/services.h>

#include "api/describe.h"
#include "api/rpc.h"
#include "api/server.h"
#include "base/clock.h"
#include "base/zone.h"
#include "methods.gen.h"

#define CUT 160 /* of a text in an error */

static int zone_take(struct call *c, struct aggregates *a)
{
	struct sb_str name = call_str(c, "zone");

	if (!name.p)
		name = sb_str_of(c->api->zone, strlen(c->api->zone));
	int r = zone_load(&a->zone, name);

	a->grid.zone = a->zone;
	return r < 0 ? call_refuse(c, RPC_INVALID_PARAMS, "/zone",
	                           "a zone of this machine's tzdata, as Europe/Berlin")
	             : 0;
}

/* A number is milliseconds, from 1970 on, in UTC if no zone is named; a text is of the calendar. */
static int bucket_take(struct call *c, struct aggregates *a)
{
	const json_t *value = json_object_get(c->params, "bucket");
	struct sb_str text = call_str(c, "bucket");

	if (json_is_number(value)) {
		a->grid = (struct grid){ GRID_NS, describe_ms_to_ns(json_number_value(value)),
			                 NULL };
		a->buckets = a->grid.n != 0;
	} else if (text.p) {
		a->buckets = true;
		if (grid_parse(&a->grid, text) < 0)
			return call_refuse(c, RPC_INVALID_PARAMS, "/bucket",
			                   "milliseconds, or a width as 15m, 6h, 1d, 1w, 1M, 1y");
	}
	if (a->buckets && a->grid.unit == GRID_NS && a->grid.n < NS_PER_MS)
		return call_refuse_with(c, RPC_INVALID_PARAMS, "/bucket", "1 ms",
		                        "a wider bucket, or raw");
	return a->buckets && (text.p || call_str(c, "zone").p) ? zone_take(c, a) : 0;
}

static int list_take(struct call *c, struct aggregates *a)
{
	const json_t *list = json_object_get(c->params, "aggregate");

	a->asked = list != NULL;
	if (a->asked && !a->buckets)
		return call_refuse(c, RPC_INVALID_PARAMS, "/bucket", "a width for the aggregates");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		int which = kind_aggregate(
			sb_str_of(json_string_value(item), json_string_length(item)));

		for (uint32_t k = 0; k < a->n; k++)
			if ((int)a->list[k] == which)
				which = -1;
		if (which < 0)
			return call_refuse(c, RPC_INVALID_PARAMS, "/aggregate", "each once");
		a->list[a->n++] = (enum aggregate)which;
	}
	return 0;
}

int aggregate_take(struct call *c, struct aggregates *out)
{
	int r = bucket_take(c, out);

	if (r == 0)
		r = list_take(c, out);
	for (uint32_t i = 0; i < out->n && r == 0; i++)
		if (kind_want(out->list[i], &out->quantiles[out->n_quantiles]) & SERIES_QUANTILES)
			out->n_quantiles++;
	return r;
}

void aggregate_fini(struct aggregates *a)
{
	a->zone = zone_free(a->zone);
}

void aggregate_ask(const struct aggregates *a, uint8_t kind, struct series_query *q)
{
	double ignored;

	q->grid = &a->grid;
	q->quantiles = a->quantiles;
	q->n_quantiles = a->n_quantiles;
	q->want = 0;
	for (uint32_t i = 0; i < a->n; i++)
		if (kind != SB_KIND_ABSOLUTE || a->list[i] != AGGREGATE_RATE)
			q->want |= kind_want(a->list[i], &ignored);
}

int aggregate_unfit(const struct aggregates *a, uint8_t kind)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (!kind_fits(kind, a->list[i]))
			return (int)a->list[i];
	return -1;
}

char *aggregate_why(enum aggregate unfit, uint8_t kind, char *buf, size_t cap)
{
	char fits[CUT];

	snprintf(buf, cap, "%s does not fit a %s series: %s do", kind_aggregate_name(unfit),
	         kind_name(kind), kind_fitting(kind, fits, sizeof(fits)));
	return buf;
}

/* ---- answers */

void aggregate_columns(const struct aggregates *a, struct wire *w)
{
	wire_array(w);
	for (uint32_t i = 0; i < a->n; i++)
		wire_text(w, kind_aggregate_name(a->list[i]));
	wire_array_end(w);
}

/* Those in which something held are told of if somebody asked how long. */
bool aggregate_is_empty(const struct aggregates *a, const struct series_bucket *b)
{
	bool holds = false;

	for (uint32_t i = 0; i < a->n; i++)
		holds = holds || a->list[i] == AGGREGATE_TIME_MEAN ||
		        a->list[i] == AGGREGATE_DURATION || a->list[i] == AGGREGATE_TRANSITIONS;
	return b->count == 0 && !(holds && (b->n_states || b->held_ns));
}

static bool is_number(const struct series_bucket *b)
{
	return b->first.type == SB_T_I64 || b->first.type == SB_T_U64 || b->first.type == SB_T_F64;
}

static void number_give(struct wire *w, double v)
{
	if (isnan(v))
		wire_null(w);
	else
		wire_f64(w, v);
}

static void duration_give(struct wire *w, int64_t ns)
{
	if (ns % NS_PER_MS)
		wire_f64(w, (double)ns / NS_PER_MS);
	else
		wire_i64(w, ns / NS_PER_MS);
}

/* [[value, ms], ...]; what is beyond the states that are kept apart is null. */
static void states_give(struct wire *w, const struct series_bucket *b)
{
	wire_array(w);
	for (uint32_t i = 0; i < b->n_states; i++) {
		wire_array(w);
		describe_point_value(w, &b->states[i].value);
		duration_give(w, b->states[i].held_ns);
		wire_array_end(w);
	}
	if (b->other_ns) {
		wire_array(w);
		wire_null(w);
		duration_give(w, b->other_ns);
		wire_array_end(w);
	}
	wire_array_end(w);
}

static double mean_of(const struct series_bucket *b)
{
	return b->count ? b->sum / (double)b->count : (double)NAN;
}

static double rate_of(uint8_t kind, const struct series_bucket *b)
{
	double grown = kind == SB_KIND_ABSOLUTE ? b->sum : b->increase + b->step;

	return b->span_ns ? grown * (double)NS_PER_S / (double)b->span_ns : (double)NAN;
}

static const struct series_point *end_of(const struct series_bucket *b, bool first)
{
	static const struct series_point none = { .type = SB_T_NULL };

	return b->first.type == SB_T_NULL ? &none : first ? &b->first : &b->last;
}

static void one_give(struct wire *w, enum aggregate which, uint8_t kind,
                     const struct series_bucket *b)
{
	switch (which) {
	case AGGREGATE_COUNT:
		wire_u64(w, b->count);
		return;
	case AGGREGATE_MIN:
		number_give(w, b->min);
		return;
	case AGGREGATE_MAX:
		number_give(w, b->max);
		return;
	case AGGREGATE_MEAN:
		number_give(w, mean_of(b));
		return;
	case AGGREGATE_TIME_MEAN:
		number_give(w, b->time_mean);
		return;
	case AGGREGATE_SUM:
		number_give(w, b->sum);
		return;
	case AGGREGATE_FIRST:
	case AGGREGATE_LAST:
		describe_point_value(w, end_of(b, which == AGGREGATE_FIRST));
		return;
	case AGGREGATE_INCREASE:
		number_give(w, b->increase + b->step);
		return;
	case AGGREGATE_RATE:
		number_give(w, rate_of(kind, b));
		return;
	case AGGREGATE_DURATION:
		states_give(w, b);
		return;
	case AGGREGATE_TRANSITIONS:
		wire_u64(w, b->transitions);
		return;
	case AGGREGATE_P50:
	case AGGREGATE_P90:
	case AGGREGATE_P95:
	case AGGREGATE_P99:
	case AGGREGATES:
		break;
	}
}

static void usual_give(struct wire *w, const struct series_bucket *b)
{
	wire_u64(w, b->count);
	if (is_number(b)) {
		wire_f64(w, b->min);
		wire_f64(w, b->max);
		wire_f64(w, mean_of(b));
	} else {
		for (int i = 0; i < 3; i++)
			wire_null(w);
	}
	describe_point_value(w, &b->first);
	describe_point_value(w, &b->last);
}

void aggregate_give(const struct aggregates *a, uint8_t kind, const struct series_bucket *b,
                    struct wire *w)
{
	uint32_t quantile = 0;
	double q;

	wire_array(w);
	describe_ns(w, b->t_ns);
	if (!a->asked)
		usual_give(w, b);
	for (uint32_t i = 0; i < a->n; i++)
		if (kind_want(a->list[i], &q) == SERIES_QUANTILES)
			number_give(w, b->quantiles[quantile++]);
		else
			one_give(w, a->list[i], kind, b);
	wire_array_end(w);
}
