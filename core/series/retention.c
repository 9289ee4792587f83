#include "series/retention.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "series/tier.h"

#define DAY_NS  (86400 * NS_PER_S)
#define KEEP_NS (36500 * DAY_NS) /* more than this is a mistake */

/* Where it is, or the end. */
static uint32_t find(const struct retention *r, struct sb_str name)
{
	uint32_t i = 0;
	while (i < r->n && !text_is(name, r->at[i].name))
		i++;
	return i;
}

static bool is_class(struct sb_str s)
{
	bool good = s.n > 0 && s.n <= 32;
	for (size_t i = 0; i < s.n && good; i++)
		good = (s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
		       s.p[i] == '-';
	return good;
}

/* Weeks and years beside what other times may be. */
static int keep_take(struct sb_str s, int64_t *out)
{
	char unit = s.n ? s.p[s.n - 1] : 0;
	int64_t days = unit == 'w' ? 7 : unit == 'y' ? 365 : 0;
	char number[24];
	if (text_is(s, "forever") || text_is(s, "0")) {
		*out = 0;
		return 0;
	}
	if (days && s.n < sizeof(number) - 1) {
		(void)snprintf(number, sizeof(number), "%.*sd", (int)s.n - 1, s.p);
		s = sb_str_of(number, strlen(number));
	}
	int r = text_duration(s, out);
	if (r >= 0 && days && __builtin_mul_overflow(*out, days, out))
		r = -ERANGE;
	return r < 0 ? r : *out <= 0 || *out > KEEP_NS ? -ERANGE : 0;
}

static int class_set(struct retention *r, struct sb_str name, int64_t keep_ns)
{
	uint32_t i = find(r, name);
	if (i == RETENTION_CLASSES)
		return -E2BIG;
	if (i == r->n) {
		r->at[r->n++] = (struct retention_class){ .keep_ns = 0 };
		memcpy(r->at[i].name, name.p, name.n);
	}
	r->at[i].keep_ns = keep_ns;
	return 0;
}

static int pair_take(struct retention *r, struct sb_str pair, char *why, size_t cap)
{
	size_t n = 0;
	int64_t keep_ns;
	while (n < pair.n && pair.p[n] != ' ' && pair.p[n] != '\t')
		n++;
	struct sb_str name = sb_str_of(pair.p, n);
	struct sb_str keep = text_trim(sb_str_of(pair.p + n, pair.n - n));
	int e = -EINVAL;
	if (!is_class(name) || keep_take(keep, &keep_ns) < 0)
		(void)snprintf(why, cap,
		               "\"%.*s\" is not a class and a time as \"raw 90d\" (s, m, h, d, w, "
		               "y up to 100y; 0: for ever)",
		               (int)MIN(pair.n, (size_t)60), pair.p);
	else if ((e = class_set(r, name, keep_ns)) < 0)
		(void)snprintf(why, cap, "%d classes are the most", RETENTION_CLASSES);
	return e < 0 ? -EINVAL : 0;
}

static int pairs_take(struct retention *r, struct sb_str text, char *why, size_t cap)
{
	int e = 0;
	while (e >= 0 && text.n) {
		const char *comma = memchr(text.p, ',', text.n);
		size_t n = comma ? (size_t)(comma - text.p) : text.n;
		struct sb_str pair = text_trim(sb_str_of(text.p, n));
		e = pair_take(r, pair, why, cap);
		n += comma != NULL;
		text = sb_str_of(text.p + n, text.n - n);
	}
	return e;
}

int retention_parse(struct retention *out, struct sb_str text, char *why, size_t cap)
{
	int64_t keep_ns;
	*out = (struct retention){ .n = 0 };
	(void)pairs_take(out, SB_STR(RETENTION_DEFAULT), why, cap);
	(void)class_set(out, SB_STR("1d"), 0);
	text = text_trim(text);
	if (keep_take(text, &keep_ns) < 0)
		return pairs_take(out, text, why, cap);
	for (uint32_t i = 0; i < out->n; i++)
		out->at[i].keep_ns = keep_ns;
	return 0;
}

int64_t retention_of(const struct retention *r, struct sb_str class_)
{
	uint32_t i = find(r, class_);
	if (i == r->n && class_.n > 4 && memcmp(class_.p, "raw-", 4) == 0)
		i = find(r, SB_STR("raw"));
	return i < r->n ? r->at[i].keep_ns : 0;
}

int64_t retention_of_tiers(const struct retention *r)
{
	int64_t longest = 1;
	for (enum tier t = 0; t < TIERS && longest; t++) {
		int64_t keep = retention_of(r, sb_str_of(tier_class(t), strlen(tier_class(t))));
		longest = keep ? MAX(longest, keep) : 0;
	}
	return longest;
}
