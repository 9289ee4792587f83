#include "api/prom/params.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/own.h"
#include "base/text.h"
#include "promql/lex.h"

#define NUMBER_MAX 64
#define TIME_MAX_S 9e9 /* in the year 2255, so that it fits into nanoseconds */

/* ---- the form */

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int64_t params_decode(char *out, struct sb_str in, bool plus_is_space)
{
	int64_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];

		if (c == '%') {
			if (in.n - i < 3 || digit(in.p[i + 1]) < 0 || digit(in.p[i + 2]) < 0)
				return -EINVAL;
			c = (char)(digit(in.p[i + 1]) * 16 + digit(in.p[i + 2]));
			i += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		out[n++] = c;
	}
	return n;
}

static int part_take(struct params *params, struct sb_str in, struct sb_str *out)
{
	char *to = params->text + params->used;
	int64_t n = params_decode(to, in, true);

	if (n < 0)
		return -EINVAL;
	params->used += (size_t)n;
	*out = sb_str_of(to, (size_t)n);
	return 0;
}

static int pair_take(struct params *params, struct sb_str pair)
{
	const char *equal = pair.n ? memchr(pair.p, '=', pair.n) : NULL;
	size_t n = equal ? (size_t)(equal - pair.p) : pair.n;
	struct sb_str value = sb_str_of(pair.p + n, 0);

	if (pair.n == 0)
		return 0;
	if (params->n == PARAMS_MAX)
		return -EINVAL;
	if (equal)
		value = sb_str_of(equal + 1, pair.n - n - 1);
	if (part_take(params, sb_str_of(pair.p, n), &params->at[params->n].name) < 0 ||
	    part_take(params, value, &params->at[params->n].value) < 0)
		return -EINVAL;
	params->n++;
	return 0;
}

static int form_take(struct params *params, struct sb_str form)
{
	int r = 0;

	while (form.n && r == 0) {
		const char *end = memchr(form.p, '&', form.n);
		size_t n = end ? (size_t)(end - form.p) : form.n;

		r = pair_take(params, sb_str_of(form.p, n));
		n += end != NULL;
		form = sb_str_of(form.p + n, form.n - n);
	}
	return r;
}

int params_take(struct params *params, struct sb_str query, struct sb_str body)
{
	params->text = malloc(query.n + body.n + 1);
	if (!params->text)
		return -ENOMEM;
	/* What stands in the body goes first, as in Go. */
	int r = form_take(params, body);

	return r < 0 ? r : form_take(params, query);
}

void params_fini(struct params *params)
{
	free(params->text);
	*params = (struct params){ 0 };
}

struct sb_str params_get(const struct params *params, const char *name)
{
	for (uint32_t i = 0; i < params->n; i++)
		if (text_is(params->at[i].name, name))
			return params->at[i].value;
	return SB_STR("");
}

/* ---- times */

static int number(struct sb_str text, double *out)
{
	char buf[NUMBER_MAX];
	char *end;

	if (text.n == 0 || text.n >= sizeof(buf) || text.p[0] == ' ')
		return -EINVAL;
	memcpy(buf, text.p, text.n);
	buf[text.n] = '\0';
	*out = strtod(buf, &end);
	return *end || end == buf || !isfinite(*out) ? -EINVAL : 0;
}

/* Z, +02:00 */
static int zone(const char *text, int64_t *seconds)
{
	int hours = 0;
	int minutes = 0;
	char sign = 0;
	int end = 0;

	*seconds = 0;
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
		return 0;
	if (sscanf(text, "%c%2d:%2d%n", &sign, &hours, &minutes, &end) != 3 || text[end] ||
	    (sign != '+' && sign != '-') || hours > 23 || minutes > 59)
		return -EINVAL;
	*seconds = (sign == '-' ? 1 : -1) * (hours * 3600LL + minutes * 60LL);
	return 0;
}

static int rfc3339(struct sb_str text, int64_t *ms)
{
	char buf[NUMBER_MAX];
	struct tm tm = { 0 };
	double fraction = 0;
	int64_t shift;
	char *at;

	if (text.n >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, text.p, text.n);
	buf[text.n] = '\0';
	at = strptime(buf, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!at)
		return -EINVAL;
	if (*at == '.') {
		char *end;

		fraction = strtod(at, &end);
		if (!(fraction >= 0 && fraction < 1))
			return -EINVAL;
		at = end;
	}
	if (zone(at, &shift) < 0)
		return -EINVAL;
	int64_t seconds = (int64_t)timegm(&tm) + shift;

	if (llabs(seconds) > (int64_t)TIME_MAX_S)
		return -EINVAL;
	*ms = seconds * 1000 + (int64_t)(fraction * 1000);
	return 0;
}

int params_time(struct sb_str text, int64_t *ms)
{
	double seconds;

	if (number(text, &seconds) < 0)
		return rfc3339(text, ms);
	if (fabs(seconds) > TIME_MAX_S)
		return -EINVAL;
	/* As Prometheus: the fraction is rounded to milliseconds. */
	double whole;
	double fraction = modf(seconds, &whole);

	*ms = (int64_t)whole * 1000 + llround(fraction * 1000);
	return 0;
}

int params_duration(struct sb_str text, int64_t *ms)
{
	double seconds;

	if (number(text, &seconds) < 0)
		*ms = lex_duration(text);
	else
		*ms = seconds > 0 && seconds < TIME_MAX_S ? (int64_t)(seconds * 1000) : -1;
	return *ms > 0 ? 0 : -EINVAL;
}
