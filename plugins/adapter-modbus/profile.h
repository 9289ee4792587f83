/* What a kind of device has in its registers: a JSON file, read strictly. A mistake is told with
 * the file and the member. The form is described in profiles/README.md. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct value_spec;

struct profile {
	struct value_spec *values;
	uint32_t n_values;
	uint16_t max_registers, max_bits; /* of one request */
	uint16_t max_gap; /* unwanted registers between two wanted ones, read over */
};

/* -EINVAL, or what opening the file says; why gets a sentence. */
int profile_new(struct profile **out, const char *path, char *why, size_t cap);
struct profile *profile_free(struct profile *p);
/* "500ms", "10s", "5m", "1h"; -EINVAL. At least 10 ms, at most a day. */
int profile_interval(const char *text, int64_t *ns);
