/* Answers in the JSON of the Prometheus API. */
#pragma once
#include <stdint.h>

struct buffer;
struct error;
struct labels;
struct promql_answer;
struct promql_query;
struct wire;

void answer_value(struct buffer *out, const struct promql_query *query,
                  const struct promql_answer *answer);
void answer_error(struct buffer *out, const char *type, const char *text);
/* The error's type and its HTTP status. */
int answer_fault(struct buffer *out, const struct error *error);
void answer_labels(struct wire *w, const struct labels *labels); /* {"a":"b"} */
/* {"status":"success","data": and what closes it. */
void answer_begin(struct wire *w);
void answer_end(struct wire *w);
