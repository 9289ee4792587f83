#include "api/prom/run.h"

#include <errno.h>
#include <string.h>

#include "api/prom/answer.h"
#include "api/prom/lists.h"
#include "api/prom/store.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "base/wire.h"
#include "promql/promql.h"
#include "version.h"

/* Of one query; packaging/OPERATIONS.md names them. */
#define SERIES_MAX  10000
#define VALUES_MAX  (2U << 20) /* 16 MiB */
#define SAMPLES_MAX 50000000
#define BYTES_MAX   (16U << 20) /* of labels */
#define ANSWER_MAX  (32U << 20)
#define TIME_NS     (20 * NS_PER_S)

#define API_VERSION "2.42.0" /* of Prometheus, whose API this is part of */

static int bad(struct error *error, const char *name, const char *why)
{
	return error_set(error, PROMQL_BAD_DATA, "invalid parameter \"%s\": %s", name, why);
}

static int time_of(const struct run *run, const char *name, bool needed, int64_t *ms,
                   struct error *error)
{
	struct sb_str text = params_get(&run->params, name);

	if (!text.n && !needed)
		return 0;
	if (params_time(text, ms) < 0)
		return bad(error, name, "a time is seconds since 1970 or RFC 3339");
	return 0;
}

static int limits_of(struct run *run, struct promql_limits *out, struct error *error)
{
	struct sb_str timeout = params_get(&run->params, "timeout");
	int64_t ms = TIME_NS / NS_PER_MS;

	if (timeout.n && params_duration(timeout, &ms) < 0)
		return bad(error, "timeout", "a duration is seconds, or a number with a unit");
	*out = (struct promql_limits){ .max_series = SERIES_MAX,
		                       .max_values = VALUES_MAX,
		                       .max_samples = SAMPLES_MAX,
		                       .max_bytes = BYTES_MAX,
		                       .until_ns = clock_mono() +
		                                   MIN(ms, TIME_NS / NS_PER_MS) * NS_PER_MS,
		                       .cancelled = run->cancelled };
	return 0;
}

/* ---- queries */

static int evaluate(struct run *run, struct promql_query *q, struct promql_answer *answer)
{
	struct promql_limits limits;
	struct store store;

	q->text = params_get(&run->params, "query");
	q->limits = &limits;
	q->source = &store.source;
	if (limits_of(run, &limits, &answer->error) < 0)
		return -1;
	int r = store_open(&store, run->registry, run->series, &limits);

	if (r < 0)
		return error_set(&answer->error, PROMQL_INTERNAL, "storage cannot be read");
	r = promql_run(q, answer);
	store_close(&store);
	return r;
}

static int query_do(struct run *run, struct promql_query *q, struct error *error)
{
	struct promql_answer answer = { .error = *error };
	int r = error->fault == PROMQL_WELL ? evaluate(run, q, &answer) : -1;
	int status = 200;

	if (r == 0)
		answer_value(&run->out, q, &answer);
	if (r == 0 && run->out.bad) {
		run->out.bad = false;
		error_set(&answer.error, PROMQL_EXECUTION,
		          "the answer is larger than %u MiB; ask for fewer series, a shorter time "
		          "or a longer step",
		          ANSWER_MAX >> 20);
		r = -1;
	}
	if (r < 0)
		status = answer_fault(&run->out, &answer.error);
	run->samples = answer.samples;
	promql_end(&answer);
	return status;
}

static int do_query(struct run *run)
{
	struct promql_query q = { .start_ms = clock_utc() / NS_PER_MS };
	struct error error = { 0 };

	(void)time_of(run, "time", false, &q.start_ms, &error);
	q.end_ms = q.start_ms;
	return query_do(run, &q, &error);
}

static int do_query_range(struct run *run)
{
	struct promql_query q = { 0 };
	struct error error = { 0 };

	if (time_of(run, "start", true, &q.start_ms, &error) < 0 ||
	    time_of(run, "end", true, &q.end_ms, &error) < 0)
		return query_do(run, &q, &error);
	if (q.end_ms < q.start_ms)
		bad(&error, "end", "end timestamp must not be before start time");
	else if (params_duration(params_get(&run->params, "step"), &q.step_ms) < 0)
		bad(&error, "step",
		    "zero or negative query resolution step widths are not accepted. Try a "
		    "positive integer");
	else if ((q.end_ms - q.start_ms) / q.step_ms > PROMQL_STEPS_MAX)
		error_set(&error, PROMQL_BAD_DATA,
		          "exceeded maximum resolution of 11,000 points per timeseries. Try "
		          "decreasing the query resolution (?step=XX)");
	return query_do(run, &q, &error);
}

/* ---- lists */

static int list_do(struct run *run, int (*fn)(struct store *store, const struct params *params,
                                              struct buffer *out, struct error *error))
{
	struct promql_limits limits = { 0 };
	struct error error = { 0 };
	int r = limits_of(run, &limits, &error);
	struct store store = { 0 };

	if (r == 0 && store_open(&store, run->registry, run->series, &limits) < 0)
		r = error_set(&error, PROMQL_INTERNAL, "storage cannot be read");
	store.skips_ended = true;
	if (r == 0)
		r = fn ? fn(&store, &run->params, &run->out, &error)
		       : lists_values(&store, &run->params,
		                      sb_str_of(run->label, strlen(run->label)), &run->out, &error);
	store_close(&store);
	if (r == 0 && run->out.bad) {
		run->out.bad = false;
		r = error_set(&error, PROMQL_EXECUTION,
		              "the answer is larger than %u MiB; select fewer with match[]",
		              ANSWER_MAX >> 20);
	}
	return r < 0 ? answer_fault(&run->out, &error) : 200;
}

static int do_series(struct run *run)
{
	return list_do(run, lists_series);
}

static int do_labels(struct run *run)
{
	return list_do(run, lists_labels);
}

static int do_values(struct run *run)
{
	return list_do(run, NULL);
}

static int do_metadata(struct run *run)
{
	return list_do(run, lists_metadata);
}

static int do_buildinfo(struct run *run)
{
	static const char *const empty[] = { "branch", "buildUser", "buildDate", "goVersion" };
	struct wire w = wire_on(&run->out, WIRE_JSON);

	answer_begin(&w);
	wire_map(&w);
	wire_key_text(&w, "application", "Signalbox");
	wire_key_text(&w, "version", API_VERSION);
	wire_key_text(&w, "revision", "signalbox-" SIGNALBOX_VERSION);
	for (size_t i = 0; i < ARRAY_LEN(empty); i++)
		wire_key_text(&w, empty[i], "");
	wire_map_end(&w);
	answer_end(&w);
	return 200;
}

/* ---- addresses */

static bool find_values(struct run *run, struct sb_str path)
{
	static const char before[] = "label/";
	static const char behind[] = "/values";
	size_t n = sizeof(before) - 1 + sizeof(behind) - 1;

	if (path.n <= n || path.n - n >= sizeof(run->label) ||
	    memcmp(path.p, before, sizeof(before) - 1) != 0 ||
	    memcmp(path.p + path.n - (sizeof(behind) - 1), behind, sizeof(behind) - 1) != 0)
		return false;
	int64_t length = params_decode(run->label,
	                               sb_str_of(path.p + sizeof(before) - 1, path.n - n), false);

	if (length < 0)
		return false;
	run->label[length] = '\0';
	run->fn = do_values;
	return true;
}

bool run_find(struct run *run, struct sb_str path)
{
	static const struct {
		const char *path;
		run_fn fn;
	} known[] = {
		{ "labels", do_labels }, { "metadata", do_metadata },
		{ "query", do_query },   { "query_range", do_query_range },
		{ "series", do_series }, { "status/buildinfo", do_buildinfo },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (text_is(path, known[i].path)) {
			run->fn = known[i].fn;
			return true;
		}
	return find_values(run, path);
}

int run_do(struct run *run)
{
	run->out.max = ANSWER_MAX;
	return run->fn(run);
}
