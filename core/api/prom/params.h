/* Parameters of a request: what stands behind ? and, of a POST, in its body, as
 * application/x-www-form-urlencoded. Decoded into memory of its own. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

#define PARAMS_MAX 64

struct params { /* zero: none */
	uint32_t n;
	struct {
		struct sb_str name, value;
	} at[PARAMS_MAX];
	char *text; /* all of them */
	size_t used;
};

/* -EINVAL: not such a form, or more than PARAMS_MAX; -ENOMEM. */
int params_take(struct params *params, struct sb_str query, struct sb_str body);
void params_fini(struct params *params);
struct sb_str params_get(const struct params *params, const char *name); /* the first; "" */
/* %41 and so on as they stand for; out has room for n bytes. -EINVAL. */
int64_t params_decode(char *out, struct sb_str in, bool plus_is_space);
/* "1700000000.5" or RFC 3339 to milliseconds. -EINVAL. */
int params_time(struct sb_str text, int64_t *ms);
/* "15", "0.5" seconds or "1h30m" to milliseconds, 1 at least. -EINVAL. */
int params_duration(struct sb_str text, int64_t *ms);
