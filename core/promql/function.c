#include "promql/function.h"

#include <math.h>

#include "base/own.h"
#include "base/text.h"
#include "promql/call.h"
#include "promql/over.h"

static double sign(double v)
{
	return v < 0 ? -1 : v > 0 ? 1 : v;
}

static double degrees(double v)
{
	return v * 180 / M_PI;
}

static double radians(double v)
{
	return v * M_PI / 180;
}

#define OVER(name, fn)                              \
	{                                           \
		name, "m", VALUE_VECTOR, .over = fn \
	}
#define MATH(name, fn)                              \
	{                                           \
		name, "v", VALUE_VECTOR, .math = fn \
	}
#define CALL(name, args, fn)                         \
	{                                            \
		name, args, VALUE_VECTOR, .call = fn \
	}

static const struct function functions[] = {
	MATH("abs", fabs),
	CALL("absent", "v", call_absent),
	CALL("absent_over_time", "m", call_absent_over_time),
	MATH("acos", acos),
	MATH("acosh", acosh),
	MATH("asin", asin),
	MATH("asinh", asinh),
	MATH("atan", atan),
	MATH("atanh", atanh),
	OVER("avg_over_time", over_avg),
	MATH("ceil", ceil),
	OVER("changes", over_changes),
	CALL("clamp", "vss", call_clamp),
	CALL("clamp_max", "vs", call_clamp_max),
	CALL("clamp_min", "vs", call_clamp_min),
	MATH("cos", cos),
	MATH("cosh", cosh),
	OVER("count_over_time", over_count),
	CALL("day_of_month", "?v", call_calendar),
	CALL("day_of_week", "?v", call_calendar),
	CALL("day_of_year", "?v", call_calendar),
	CALL("days_in_month", "?v", call_calendar),
	MATH("deg", degrees),
	OVER("delta", over_delta),
	OVER("deriv", over_deriv),
	MATH("exp", exp),
	MATH("floor", floor),
	CALL("hour", "?v", call_calendar),
	OVER("idelta", over_idelta),
	OVER("increase", over_increase),
	OVER("irate", over_irate),
	CALL("label_join", "vtt*t", call_label_join),
	CALL("label_replace", "vtttt", call_label_replace),
	{ "last_over_time", "m", VALUE_VECTOR, .over = over_last, .keeps_name = true },
	MATH("ln", log),
	MATH("log10", log10),
	MATH("log2", log2),
	OVER("max_over_time", over_max),
	OVER("min_over_time", over_min),
	CALL("minute", "?v", call_calendar),
	CALL("month", "?v", call_calendar),
	{ "pi", "", VALUE_SCALAR, .call = call_pi },
	{ "predict_linear", "ms", VALUE_VECTOR, .over = over_predict_linear },
	OVER("present_over_time", over_present),
	{ "quantile_over_time", "sm", VALUE_VECTOR, .over = over_quantile },
	MATH("rad", radians),
	OVER("rate", over_rate),
	OVER("resets", over_resets),
	CALL("round", "v?s", call_round),
	{ "scalar", "v", VALUE_SCALAR, .call = call_scalar },
	MATH("sgn", sign),
	MATH("sin", sin),
	MATH("sinh", sinh),
	CALL("sort", "v", call_sort),
	CALL("sort_desc", "v", call_sort_desc),
	MATH("sqrt", sqrt),
	OVER("stddev_over_time", over_stddev),
	OVER("stdvar_over_time", over_stdvar),
	OVER("sum_over_time", over_sum),
	MATH("tan", tan),
	MATH("tanh", tanh),
	{ "time", "", VALUE_SCALAR, .call = call_time },
	CALL("timestamp", "v", call_timestamp),
	CALL("vector", "s", call_vector),
	CALL("year", "?v", call_calendar),
};

const struct function *function_find(struct sb_str name)
{
	for (size_t i = 0; i < ARRAY_LEN(functions); i++)
		if (text_is(name, functions[i].name))
			return &functions[i];
	return NULL;
}
