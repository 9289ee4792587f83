/* Which requests read all values of a profile: neighbours of one kind and interval go together,
 * over small gaps, within the limits of the protocol and the device. A request the device refuses
 * can be split until what it refuses stands alone. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct profile;
struct value_spec;

struct request {
	uint16_t address, count; /* registers or bits */
	uint32_t first, n;       /* its values: plan.order[first .. first + n) */
	int64_t interval_ns, due_ns;
	bool is_refused; /* a single value the device does not have */
};

struct plan {
	const struct profile *profile;
	struct request *requests;
	uint32_t n, cap;
	uint32_t *order; /* indices of profile.values */
};

/* interval_ns 0: as the profile says; else the profile says so from here on. */
int plan_new(struct plan **out, struct profile *profile, int64_t interval_ns);
struct plan *plan_free(struct plan *plan);
/* The value at a place of order[]. */
const struct value_spec *plan_value(const struct plan *plan, uint32_t place);
/* Splits a request of several values at its widest gap, else in the middle. */
int plan_split(struct plan *plan, uint32_t request);
