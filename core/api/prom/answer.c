#include "api/prom/answer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/own.h"
#include "base/text.h"
#include "base/wire.h"
#include "promql/labels.h"
#include "promql/promql.h"

#define PAIR_MAX 80

void answer_begin(struct wire *w)
{
	wire_map(w);
	wire_key(w, "status");
	wire_text(w, "success");
	wire_key(w, "data");
}

void answer_end(struct wire *w)
{
	wire_map_end(w);
}

void answer_labels(struct wire *w, const struct labels *labels)
{
	wire_map(w);
	for (uint32_t i = 0; i < labels->n; i++) {
		wire_key_n(w, labels->l[i].name);
		wire_str(w, labels->l[i].value);
	}
	wire_map_end(w);
}

static size_t number(char *out, double v)
{
	if (isfinite(v))
		return text_f64(out, v);
	return (size_t)snprintf(out, 8, "%s", isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
}

/* [1700000000.5,"21.5"]: seconds as number, the value as text. */
static void pair(struct wire *w, int64_t ms, double v)
{
	char text[PAIR_MAX];
	char value[40];
	int64_t whole = llabs(ms) / 1000;
	int rest = (int)(llabs(ms) % 1000);
	int n;

	value[number(value, v)] = '\0';
	n = rest ? snprintf(text, sizeof(text), "[%s%lld.%03d,\"%s\"]", ms < 0 ? "-" : "",
	                    (long long)whole, rest, value)
	         : snprintf(text, sizeof(text), "[%lld,\"%s\"]", (long long)(ms / 1000), value);
	wire_raw(w, (struct sb_bytes){ (const uint8_t *)text, (size_t)n });
}

static void series(struct wire *w, const struct promql_query *q, const struct promql_answer *a,
                   const struct vector_series *s)
{
	wire_map(w);
	wire_key(w, "metric");
	answer_labels(w, s->labels);
	wire_key(w, s->samples || !a->is_instant ? "values" : "value");
	if (s->samples || !a->is_instant)
		wire_array(w);
	for (uint32_t i = 0; i < s->n_samples; i++)
		pair(w, s->samples[i].ms, s->samples[i].v);
	for (uint32_t i = 0; !s->samples && i < a->n_steps; i++)
		if (!value_is_absent(s->v[i]))
			pair(w, q->start_ms + i * q->step_ms, s->v[i]);
	if (s->samples || !a->is_instant)
		wire_array_end(w);
	wire_map_end(w);
}

static void scalar(struct wire *w, const struct promql_query *q, const struct promql_answer *a)
{
	if (a->is_instant) {
		pair(w, q->start_ms, a->value.scalar[0]);
		return;
	}
	wire_array(w);
	wire_map(w);
	wire_key(w, "metric");
	wire_map(w);
	wire_map_end(w);
	wire_key(w, "values");
	wire_array(w);
	for (uint32_t i = 0; i < a->n_steps; i++)
		pair(w, q->start_ms + i * q->step_ms, a->value.scalar[i]);
	wire_array_end(w);
	wire_map_end(w);
	wire_array_end(w);
}

static void text(struct wire *w, const struct promql_query *q, struct sb_str value)
{
	wire_array(w);
	wire_f64(w, (double)q->start_ms / 1000);
	wire_str(w, value);
	wire_array_end(w);
}

void answer_value(struct buffer *out, const struct promql_query *q, const struct promql_answer *a)
{
	static const char *const types[] = { "scalar", "string", "vector", "matrix" };
	struct wire w = wire_on(out, WIRE_JSON);

	answer_begin(&w);
	wire_map(&w);
	wire_key(&w, "resultType");
	wire_text(&w, a->is_instant ? types[a->value.type] : "matrix");
	wire_key(&w, "result");
	if (a->value.type == VALUE_SCALAR) {
		scalar(&w, q, a);
	} else if (a->value.type == VALUE_STRING) {
		text(&w, q, a->value.text);
	} else {
		wire_array(&w);
		for (uint32_t i = 0; i < a->value.vector.n && !out->bad; i++)
			series(&w, q, a, &a->value.vector.series[i]);
		wire_array_end(&w);
	}
	wire_map_end(&w);
	answer_end(&w);
}

void answer_error(struct buffer *out, const char *type, const char *text)
{
	struct wire w = wire_on(out, WIRE_JSON);

	buffer_reset(out);
	wire_map(&w);
	wire_key(&w, "status");
	wire_text(&w, "error");
	wire_key(&w, "errorType");
	wire_text(&w, type);
	wire_key(&w, "error");
	wire_text(&w, text);
	wire_map_end(&w);
}

int answer_fault(struct buffer *out, const struct error *error)
{
	static const struct {
		const char *type;
		int status;
	} known[] = {
		[PROMQL_WELL] = { "internal", 500 },       [PROMQL_BAD_DATA] = { "bad_data", 400 },
		[PROMQL_EXECUTION] = { "execution", 422 }, [PROMQL_TIMEOUT] = { "timeout", 503 },
		[PROMQL_CANCELED] = { "canceled", 503 },   [PROMQL_INTERNAL] = { "internal", 500 },
	};

	answer_error(out, known[error->fault].type, error->text);
	return known[error->fault].status;
}
