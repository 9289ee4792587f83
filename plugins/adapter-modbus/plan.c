#include "plan.h"

#include <errno.h>
#include <stdlib.h>

#include "profile.h"
#include "value.h"

const struct value_spec *plan_value(const struct plan *plan, uint32_t place)
{
	return &plan->profile->values[plan->order[place]];
}

static int compare(const void *a, const void *b, void *profile)
{
	const struct profile *p = profile;
	const struct value_spec *x = &p->values[*(const uint32_t *)a];
	const struct value_spec *y = &p->values[*(const uint32_t *)b];
	if (x->interval_ns != y->interval_ns)
		return x->interval_ns < y->interval_ns ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->size < y->size ? -1 : x->size > y->size;
}

static uint32_t end_of(const struct value_spec *v)
{
	return (uint32_t)v->address + v->size;
}

/* Address and count from the values it has. */
static void measure(const struct plan *plan, struct request *q)
{
	uint32_t end = 0;
	q->address = plan_value(plan, q->first)->address;
	for (uint32_t i = q->first; i < q->first + q->n; i++) {
		if (end_of(plan_value(plan, i)) > end)
			end = end_of(plan_value(plan, i));
	}
	q->count = (uint16_t)(end - q->address);
}

static bool fits(const struct plan *plan, const struct request *q, const struct value_spec *v)
{
	const struct value_spec *first = plan_value(plan, q->first);
	uint32_t limit = value_is_bit(v->kind) ? plan->profile->max_bits
	                                       : plan->profile->max_registers;
	if (v->kind != first->kind || q->interval_ns != v->interval_ns)
		return false;
	return v->address <= (uint32_t)q->address + q->count + plan->profile->max_gap &&
	       end_of(v) - q->address <= limit;
}

static struct request *add(struct plan *plan)
{
	if (plan->n == plan->cap) {
		uint32_t cap = plan->cap ? plan->cap * 2 : 8;
		struct request *p = reallocarray(plan->requests, cap, sizeof(*p));
		if (!p)
			return NULL;
		plan->requests = p;
		plan->cap = cap;
	}
	struct request *q = &plan->requests[plan->n++];
	*q = (struct request){ 0 };
	return q;
}

static int gather(struct plan *plan)
{
	struct request *q = NULL;
	for (uint32_t i = 0; i < plan->profile->n_values; i++) {
		const struct value_spec *v = plan_value(plan, i);
		if (!q || !fits(plan, q, v)) {
			q = add(plan);
			if (!q)
				return -ENOMEM;
			q->first = i;
			q->interval_ns = v->interval_ns;
		}
		q->n++;
		measure(plan, q);
	}
	return 0;
}

int plan_new(struct plan **out, struct profile *profile, int64_t interval_ns)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	if (!plan)
		return -ENOMEM;
	plan->profile = profile;
	plan->order = calloc(profile->n_values, sizeof(*plan->order));
	if (!plan->order) {
		plan_free(plan);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < profile->n_values; i++) {
		plan->order[i] = i;
		if (interval_ns > 0)
			profile->values[i].interval_ns = interval_ns;
	}
	qsort_r(plan->order, profile->n_values, sizeof(*plan->order), compare, profile);
	int r = gather(plan);
	if (r < 0) {
		plan_free(plan);
		return r;
	}
	*out = plan;
	return 0;
}

struct plan *plan_free(struct plan *plan)
{
	if (!plan)
		return NULL;
	free(plan->requests);
	free(plan->order);
	free(plan);
	return NULL;
}

int plan_split(struct plan *plan, uint32_t request)
{
	struct request *rest = add(plan); /* moves the requests */
	if (!rest)
		return -ENOMEM;
	struct request *q = &plan->requests[request];
	uint32_t at = q->n / 2;
	uint32_t widest = 0;
	uint32_t end = 0;
	for (uint32_t i = 0; i + 1 < q->n; i++) {
		uint32_t here = end_of(plan_value(plan, q->first + i));
		uint32_t next = plan_value(plan, q->first + i + 1)->address;
		if (here > end)
			end = here;
		if (next > end && next - end > widest) {
			widest = next - end;
			at = i + 1;
		}
	}
	*rest = *q;
	rest->first = q->first + at;
	rest->n = q->n - at;
	q->n = at;
	measure(plan, q);
	measure(plan, rest);
	return 0;
}
