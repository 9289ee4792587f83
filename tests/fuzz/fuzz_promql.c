/* Any bytes as a query, which is also run: over two series, in few steps, within tight limits. */
#include <stdint.h>
#include <string.h>

#include "promql/labels.h"
#include "promql/promql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int give(void *ud, struct arena *a, const struct node *selector, const int64_t ms[2],
                int (*found)(void *ud, const struct labels *labels, void *series), void *found_ud)
{
	int r = 0;
	(void)ud;
	(void)selector;
	(void)ms;
	for (uintptr_t i = 0; i < 2 && r == 0; i++) {
		struct labels_draft d;
		labels_begin(&d, NULL);
		labels_set(&d, SB_STR("__name__"), SB_STR("m"));
		labels_set(&d, SB_STR("d"), i ? SB_STR("b") : SB_STR("a"));
		const struct labels *labels = labels_make(&d, a);
		r = labels ? found(found_ud, labels, &((char *)NULL)[i]) : -1;
	}
	return r;
}

static int read_samples(void *ud, void *series, const int64_t ms[2],
                        int (*sample)(void *ud, int64_t ms, double v), void *sample_ud)
{
	(void)ud;
	(void)series;
	for (int64_t t = 0; t < 600000; t += 7000)
		if (t >= ms[0] && t <= ms[1] &&
		    sample(sample_ud, t, t % 5 ? (double)t : value_absent()))
			return 0;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct promql_source source = { give, read_samples, NULL, NULL };
	const struct promql_limits limits = { .max_series = 10,
		                              .max_values = 20000,
		                              .max_samples = 20000,
		                              .max_bytes = 4 << 20,
		                              .until_ns = INT64_MAX };
	for (int64_t step_ms = 0; step_ms <= 60000; step_ms += 60000) {
		const struct promql_query q = {
			sb_str_of((const char *)data, n), 300000, 600000, step_ms, &source, &limits
		};
		struct promql_answer answer = { 0 };
		(void)promql_run(&q, &answer);
		promql_end(&answer);
	}
	return 0;
}
