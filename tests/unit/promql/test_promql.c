#include "base/clock.h"
#include "world.h"

static const int at_60[3] = { 60, 60, 0 };
static const int to_60[3] = { 0, 60, 20 };

static void fill(struct world *w)
{
	*w = (struct world){ .n = 0 };
	world_add(w, "m{d=\"a\",s=\"x\"} 0 1 2 3 4 5 6");
	world_add(w, "m{d=\"b\",s=\"x\"} 0 2 4 6 8 10 12");
	world_add(w, "n{d=\"a\",s=\"x\"} 10 10 10 10 10 10 10");
	world_add(w, "n{d=\"c\",s=\"y\"} 5 5 5 5 5 5 5");
	world_add(w, "site{s=\"x\",town=\"Ulm\"} 1 1 1 1 1 1 1");
	world_add(w, "r{d=\"a\"} 0 10 20 0 10 20 30");
	world_add(w, "gap{d=\"a\"} 1 2 x _ _ 6 7");
}

static void each(const char *const cases[][2], size_t n, const int seconds[3])
{
	static struct world w;
	fill(&w);
	for (size_t i = 0; i < n; i++)
		world_is(&w, cases[i][0], seconds, cases[i][1]);
}

static void selectors_give_the_newest_sample(void **state)
{
	static const char *const cases[][2] = {
		{ "m", "m{d=a,s=x} 6; m{d=b,s=x} 12" },
		{ "m{d!=\"a\"}", "m{d=b,s=x} 12" },
		{ "{d=~\"a|b\",__name__=~\"m|n\"}", "m{d=a,s=x} 6; m{d=b,s=x} 12; n{d=a,s=x} 10" },
		{ "m{d=\"a\"} offset 30s", "m{d=a,s=x} 3" },
		{ "m{d=\"a\"} @ 10", "m{d=a,s=x} 1" },
		{ "m{d=\"a\"} offset -1m", "m{d=a,s=x} 6" },
		{ "m{d=\"a\"}[20s]", "m{d=a,s=x} 4 5 6" },
		{ "nothing", "" },
		{ "m{nothing=\"\",d=\"a\"}", "m{d=a,s=x} 6" },
		{ "timestamp(m{d=\"a\"} offset 25s)", "{d=a,s=x} 30" },
		{ "last_over_time(gap[1m])", "gap{d=a} 7" },
	};
	static const char *const ranges[][2] = {
		{ "m{d=\"a\"}", "m{d=a,s=x} 0 2 4 6" },
		{ "gap", "gap{d=a} 1 _ _ 7" }, /* a stale mark ends it */
		{ "count_over_time(gap[1m])", "{d=a} 1 2 2 4" },
		{ "m{d=\"a\"} @ end()", "m{d=a,s=x} 6 6 6 6" },
		{ "m{d=\"a\"} @ start()", "m{d=a,s=x} 0 0 0 0" },
		{ "absent(nothing{d=\"a\"})", "{d=a} 1 1 1 1" },
		{ "absent(gap)", "{} _ 1 1 _" },
	};
	(void)state;
	each(cases, ARRAY_LEN(cases), at_60);
	each(ranges, ARRAY_LEN(ranges), to_60);
}

static void rates_are_extrapolated(void **state)
{
	static const char *const cases[][2] = {
		{ "rate(m{d=\"a\"}[1m])", "{d=a,s=x} 0.1" },
		{ "increase(r[1m])", "{d=a} 50" },
		{ "delta(r[1m])", "{d=a} 30" },
		{ "irate(r[1m])", "{d=a} 1" },
		{ "idelta(r[1m])", "{d=a} 10" },
		{ "resets(r[1m])", "{d=a} 1" },
		{ "changes(n{d=\"a\"}[1m])", "{d=a,s=x} 0" },
		{ "deriv(m{d=\"a\"}[1m])", "{d=a,s=x} 0.1" },
		{ "predict_linear(m{d=\"a\"}[1m], 60)", "{d=a,s=x} 12" },
		{ "rate(m{d=\"a\"}[5s])", "" },
		{ "max_over_time(rate(m{d=\"a\"}[20s])[40s:10s])", "{d=a,s=x} 0.1" },
	};
	(void)state;
	each(cases, ARRAY_LEN(cases), at_60);
}

static void ranges_are_summed_up(void **state)
{
	static const char *const cases[][2] = {
		{ "sum_over_time(m{d=\"a\"}[1m])", "{d=a,s=x} 21" },
		{ "avg_over_time(m{d=\"a\"}[1m])", "{d=a,s=x} 3" },
		{ "min_over_time(m{d=\"a\"}[20s])", "{d=a,s=x} 4" },
		{ "max_over_time(m{d=\"a\"}[20s] offset 20s)", "{d=a,s=x} 4" },
		{ "quantile_over_time(0.5, m{d=\"a\"}[1m])", "{d=a,s=x} 3" },
		{ "stddev_over_time(m{d=\"a\"}[1m])", "{d=a,s=x} 2" },
		{ "present_over_time(m{d=\"a\"}[1m])", "{d=a,s=x} 1" },
		{ "sum_over_time(m{d=\"a\"}[1m] @ 10)", "{d=a,s=x} 1" },
	};
	(void)state;
	each(cases, ARRAY_LEN(cases), at_60);
}

static void series_are_aggregated(void **state)
{
	static const char *const cases[][2] = {
		{ "sum(m)", "{} 18" },
		{ "sum by (d) ({d=\"a\",__name__=~\"m|n\"})", "{d=a} 16" },
		{ "avg without (d) (m)", "{s=x} 9" },
		{ "min(m) + max(m)", "{} 18" },
		{ "count by (s) ({__name__=~\"m|n\"})", "{s=x} 3; {s=y} 1" },
		{ "topk(1, m)", "m{d=b,s=x} 12" },
		{ "bottomk(5, m)", "m{d=a,s=x} 6; m{d=b,s=x} 12" },
		{ "quantile(0.25, m)", "{} 7.5" },
		{ "stddev(m)", "{} 3" },
		{ "group(m)", "{} 1" },
		{ "count_values(\"v\", n)", "{v=10} 1; {v=5} 1" },
		{ "topk(0, m)", "" },
		{ "sort_desc(m)", "m{d=b,s=x} 12; m{d=a,s=x} 6" },
	};
	static const char *const ranges[][2] = {
		{ "topk(1, m)", "m{d=a,s=x} 0 _ _ _; m{d=b,s=x} _ 4 8 12" },
		{ "sum(gap)", "{} 1 _ _ 7" },
	};
	(void)state;
	each(cases, ARRAY_LEN(cases), at_60);
	each(ranges, ARRAY_LEN(ranges), to_60);
}

static void operators_join_series(void **state)
{
	static const char *const cases[][2] = {
		{ "1 + 2 * 3 ^ 2 - -1", " 20" },
		{ "2 ^ 3 ^ 2", " 512" },
		{ "7 % 4 == bool 3", " 1" },
		{ "m * 2", "{d=a,s=x} 12; {d=b,s=x} 24" },
		{ "-m{d=\"a\"}", "{d=a,s=x} -6" },
		{ "m > 6", "m{d=b,s=x} 12" },
		{ "6 < m", "m{d=b,s=x} 12" },
		{ "m > bool 6", "{d=a,s=x} 0; {d=b,s=x} 1" },
		{ "m + n", "{d=a,s=x} 16" },
		{ "m + on(d) n", "{d=a} 16" },
		{ "m + ignoring(s) n", "{d=a} 16" },
		{ "m < n", "m{d=a,s=x} 6" },
		{ "m * on(s) group_left(town) site",
		  "{d=a,s=x,town=Ulm} 6; {d=b,s=x,town=Ulm} 12" },
		{ "site > on(s) group_right m", "" },
		{ "site < on(s) group_right m", "m{d=a,s=x} 1; m{d=b,s=x} 1" },
		{ "m and n", "m{d=a,s=x} 6" },
		{ "m unless n", "m{d=b,s=x} 12" },
		{ "m or n", "m{d=a,s=x} 6; m{d=b,s=x} 12; n{d=c,s=y} 5" },
		{ "m + on(s) site",
		  "!multiple matches for labels: many-to-one matching must be explicit "
		  "(group_left/group_right)" },
		{ "{__name__=~\"m|n\",d=\"a\"} * 2",
		  "!vector cannot contain metrics with the same labelset" },
		{ "scalar(m)", " NaN" },
	};
	(void)state;
	each(cases, ARRAY_LEN(cases) - 1, at_60);
}

static void functions_change_values_and_labels(void **state)
{
	static const char *const cases[][2] = {
		{ "abs(-m{d=\"a\"})", "{d=a,s=x} 6" },
		{ "clamp(m, 7, 10)", "{d=a,s=x} 7; {d=b,s=x} 10" },
		{ "round(m{d=\"a\"} / 4, 0.5)", "{d=a,s=x} 1.5" },
		{ "scalar(m{d=\"a\"}) + time()", " 66" },
		{ "vector(time())", "{} 60" },
		{ "minute() + hour()", "{} 1" },
		{ "year(vector(1e9))", "{} 2001" },
		{ "label_replace(m{d=\"a\"}, \"e\", \"$1-${1}$$\", \"d\", \"(.*)\")",
		  "m{d=a,e=a-a$,s=x} 6" },
		{ "label_replace(m{d=\"a\"}, \"d\", \"\", \"d\", \"a\")", "m{s=x} 6" },
		{ "label_join(m{d=\"a\"}, \"e\", \"/\", \"d\", \"s\")", "m{d=a,e=a/x,s=x} 6" },
		{ "label_replace(m, \"d\", \"z\", \"s\", \"x\")",
		  "!vector cannot contain metrics with the same labelset" },
		{ "'text'", "text" },
	};
	(void)state;
	each(cases, ARRAY_LEN(cases), at_60);
}

/* ---- limits */

static void fails(struct world *w, const struct promql_limits *limits, const char *query,
                  enum promql_fault fault, const char *why)
{
	const struct promql_source source = { world_select, world_read, NULL, w };
	const struct promql_query q = {
		sb_str_of(query, strlen(query)), 0, 10000000, 1000, &source, limits
	};
	struct promql_answer answer = { 0 };
	assert_int_equal(promql_run(&q, &answer), -1);
	if (!strstr(answer.error.text, why))
		print_error("%s: %s\n", query, answer.error.text);
	assert_int_equal(answer.error.fault, fault);
	assert_non_null(strstr(answer.error.text, why));
	promql_end(&answer);
}

static void every_limit_has_its_message(void **state)
{
	static struct world w;
	struct promql_limits few = world_limits;
	_Atomic bool cancelled = true;
	(void)state;
	fill(&w);
	few.max_series = 1;
	fails(&w, &few, "m", PROMQL_EXECUTION, "more than 1 series");
	few = world_limits;
	few.max_values = 15000;
	fails(&w, &few, "m", PROMQL_EXECUTION, "more than 15000 values");
	few = world_limits;
	few.max_samples = 10;
	fails(&w, &few, "m", PROMQL_EXECUTION, "more than 10 samples");
	few = world_limits;
	few.max_bytes = 4000;
	fails(&w, &few, "m", PROMQL_EXECUTION, "memory");
	few = world_limits;
	few.until_ns = clock_mono() - 1;
	fails(&w, &few, "m", PROMQL_TIMEOUT, "too long");
	few = world_limits;
	few.cancelled = &cancelled;
	fails(&w, &few, "m", PROMQL_CANCELED, "gone");
	fails(&w, &world_limits, "max_over_time(m[100y:1s])", PROMQL_EXECUTION, "subquery");
}

static void wide_steps_do_not_read_what_lies_between(void **state)
{
	static struct world w;
	static const int hours[3] = { 0, 36000, 3600 };
	(void)state;
	w.n = 1;
	strcpy(w.series[0].name, "often");
	w.series[0].n = WORLD_SAMPLES;
	/* 400 samples before the second window, which holds the rest */
	for (int i = 0; i < WORLD_SAMPLES; i++)
		w.series[0].samples[i] = (struct promql_sample){ i * 5, i };
	w.series[0].samples[WORLD_SAMPLES - 1].ms = 3600000;
	world_is(&w, "sum_over_time(often[1s])", hours, "{} 0 511 _ _ _ _ _ _ _ _ _");
	assert_in_range(w.series[0].reads, 1, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selectors_give_the_newest_sample),
		cmocka_unit_test(rates_are_extrapolated),
		cmocka_unit_test(ranges_are_summed_up),
		cmocka_unit_test(series_are_aggregated),
		cmocka_unit_test(operators_join_series),
		cmocka_unit_test(functions_change_values_and_labels),
		cmocka_unit_test(every_limit_has_its_message),
		cmocka_unit_test(wide_steps_do_not_read_what_lies_between),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
