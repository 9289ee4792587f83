/* What a part of a query comes to: for every step a number, or for every series and step. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <signalbox/types.h>

#include "promql/parse.h"

struct eval;
struct labels;
struct promql_sample;

struct vector_series {
	const struct labels *labels;
	double *v; /* one a step; value_absent(): nothing there */
	/* of a matrix, instead of v */
	struct promql_sample *samples;
	uint32_t n_samples;
};

struct vector {
	uint32_t n, cap;
	struct vector_series *series;
};

struct value { /* zero: nothing yet */
	enum value_type type;
	double *scalar; /* one a step */
	struct sb_str text;
	struct vector vector; /* also of a matrix */
};

/* The one NaN that means "no value": what Prometheus marks stale series with. */
#define VALUE_ABSENT_BITS 0x7FF0000000000002ULL

static inline double value_absent(void)
{
	uint64_t bits = VALUE_ABSENT_BITS;
	double v;
	memcpy(&v, &bits, sizeof(v));
	return v;
}

static inline bool value_is_absent(double v)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof(bits));
	return bits == VALUE_ABSENT_BITS;
}

/* All of them: -1 and the error of ev is set, over a limit. */
int value_scalar(struct eval *ev, struct value *out); /* zeros */
/* A series without a value at any step. NULL: as above. */
struct vector_series *value_add(struct eval *ev, struct value *out, const struct labels *labels);
void value_fini(struct eval *ev, struct value *value);
void value_tidy(struct eval *ev, struct value *value); /* no series that never has a value */
/* Without their metric names; series that are the same then become one, unless both have a value
 * at one step, which is an error. */
int value_drop_names(struct eval *ev, struct value *value);
/* The second half of that. */
int value_merge(struct eval *ev, struct value *value);
const struct labels *value_without_name(struct eval *ev, const struct labels *labels);
