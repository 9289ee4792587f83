#include "api/load_text.h"

#include <math.h>
#include <string.h>

#include <signalbox/kit/number.h>

#include "api/dump_form.h"
#include "api/load.h"
#include "base/base64url.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"

static int wrong(struct load *ld, struct sb_str text, const char *what)
{
	char shown[60];

	text_show(shown, sizeof(shown), text);
	return load_fail(ld, "'%s' is not %s", shown, what);
}

/* ---- numbers */

static bool digits(struct sb_str text, uint64_t *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < text.n; i++) {
		unsigned int d = (unsigned int)(unsigned char)text.p[i] - '0';

		if (d > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, d, &v))
			return false;
	}
	*out = v;
	return text.n > 0;
}

static bool integer(struct sb_str text, int64_t *out)
{
	bool negative = text.n && text.p[0] == '-';
	uint64_t v;

	if (!digits(sb_str_of(text.p + negative, text.n - negative), &v) ||
	    v > (uint64_t)INT64_MAX + negative)
		return false;
	*out = (int64_t)(negative ? 0 - v : v);
	return true;
}

static bool hex64(struct sb_str text, uint64_t *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < text.n; i++) {
		const char *all = "0123456789abcdef";
		const char *at = text.p[i] ? strchr(all, text.p[i]) : NULL;

		if (!at)
			return false;
		v = v << 4 | (uint64_t)(at - all);
	}
	*out = v;
	return text.n == 16;
}

/* What dump_form_f64() writes besides numbers. */
static bool special(struct sb_str text, double *out)
{
	uint64_t bits;

	if (text_is(text, "NaN"))
		bits = 0x7ff8000000000000u;
	else if (text_is(text, "Infinity"))
		bits = 0x7ff0000000000000u;
	else if (text_is(text, "-Infinity"))
		bits = 0xfff0000000000000u;
	else if (text.n != 20 || memcmp(text.p, "NaN:", 4) != 0 ||
	         !hex64(sb_str_of(text.p + 4, 16), &bits))
		return false;
	memcpy(out, &bits, sizeof(bits));
	return true;
}

static int as_f64(struct load *ld, struct load_value *v, struct sb_str text)
{
	struct sb_number number;

	v->type = SB_T_F64;
	if (special(text, &v->v.f))
		return 0;
	if (sb_number_scan(text.p, text.p + text.n, &number) != text.p + text.n ||
	    sb_number_f64(&number, &v->v.f) < 0)
		return wrong(ld, text, "a number");
	return 0;
}

static bool as_any_number(struct load_value *v, struct sb_str text)
{
	struct sb_number number;
	union sb_value value;

	if (special(text, &v->v.f)) {
		v->type = SB_T_F64;
		return true;
	}
	if ((text.p[0] != '-' && !sb_number_is_digit_(text.p[0])) ||
	    sb_number_scan(text.p, text.p + text.n, &number) != text.p + text.n ||
	    sb_number_value(&number, &v->type, &value) < 0)
		return false;
	v->v.u = value.u;
	return true;
}

/* ---- values */

static int as_bytes(struct load *ld, struct load_value *v, struct sb_str text)
{
	uint8_t *to = (uint8_t *)(uintptr_t)text.p;
	int64_t n = base64url_take(to, text.n, text);

	if (n < 0)
		return wrong(ld, text, "base64url");
	v->v.blob = (struct sb_bytes){ to, (size_t)n };
	return 0;
}

static int as_text(struct load_value *v, struct sb_str text)
{
	v->type = SB_T_STR;
	v->v.blob = (struct sb_bytes){ (const uint8_t *)text.p, text.n };
	return 0;
}

static int as_what_it_looks_like(struct load_value *v, struct sb_str text)
{
	if (text.n == 0)
		return 0;
	if (text_is(text, "true") || text_is(text, "false")) {
		v->type = SB_T_BOOL;
		v->v.i = text.n == 4;
		return 0;
	}
	return as_any_number(v, text) ? 0 : as_text(v, text);
}

int load_text_value(struct load *ld, struct load_value *v, struct sb_str text, uint8_t type)
{
	v->type = type;
	switch (type) {
	case SB_T_BOOL:
		v->v.i = text_is(text, "true");
		return v->v.i || text_is(text, "false") ? 0 : wrong(ld, text, "true or false");
	case SB_T_I64:
		return integer(text, &v->v.i) ? 0 : wrong(ld, text, "a 64-bit integer");
	case SB_T_U64:
		return digits(text, &v->v.u) ? 0 : wrong(ld, text, "an unsigned 64-bit integer");
	case SB_T_F64:
		return as_f64(ld, v, text);
	case SB_T_STR:
		return as_text(v, text);
	case SB_T_BYTES:
		return as_bytes(ld, v, text);
	default:
		return as_what_it_looks_like(v, text);
	}
}

int load_text_type(struct load *ld, struct sb_str text, uint8_t *type)
{
	*type = SB_T_NULL;
	for (uint8_t i = SB_T_BOOL; i <= SB_T_BYTES; i++)
		if (text_is(text, dump_type_names[i]))
			*type = i;
	return *type || text.n == 0 ? 0
	                            : wrong(ld, text, "a type: bool, i64, u64, f64, text, bytes");
}

int load_text_small(struct load *ld, struct sb_str text, uint64_t max, uint64_t *out)
{
	*out = 0;
	if (text.n == 0 || (digits(text, out) && *out <= max))
		return 0;
	return wrong(ld, text, max > 255 ? "a number up to 65535" : "a number up to 255");
}

/* ---- times */

bool load_text_time_name(struct sb_str name, bool *rx, int64_t *unit_ns)
{
	static const struct {
		const char *name;
		int64_t unit_ns;
	} known[] = { { "", 0 },
		      { "_ns", 1 },
		      { "_us", NS_PER_US },
		      { "_ms", NS_PER_MS },
		      { "_s", NS_PER_S } };

	if (text_is(name, "ts")) {
		*rx = false;
		*unit_ns = NS_PER_MS;
		return true;
	}
	*rx = name.n >= 2 && memcmp(name.p, "rx", 2) == 0;
	size_t n = *rx ? 2 : 4;

	if (!*rx && (name.n < 4 || memcmp(name.p, "time", 4) != 0))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (text_is(sb_str_of(name.p + n, name.n - n), known[i].name)) {
			*unit_ns = known[i].unit_ns;
			return true;
		}
	}
	return false;
}

int load_text_time(struct load *ld, struct sb_str text, int64_t unit_ns, int64_t *ns)
{
	const char *dot = text.n ? memchr(text.p, '.', text.n) : NULL;
	struct sb_str whole = sb_str_of(text.p, dot ? (size_t)(dot - text.p) : text.n);
	bool negative = text.n && text.p[0] == '-';
	int64_t v, part = 0, unit = unit_ns;
	bool ok = integer(whole, &v) && !__builtin_mul_overflow(v, unit_ns, &v);

	for (size_t i = whole.n + 1; ok && i < text.n; i++) {
		unsigned int d = (unsigned int)(unsigned char)text.p[i] - '0';

		ok = d <= 9 && (unit >= 10 || d == 0);
		unit /= 10;
		part += (int64_t)d * unit;
	}
	if (!ok || (dot && whole.n + 1 == text.n) ||
	    __builtin_add_overflow(v, negative ? -part : part, &v))
		return wrong(ld, text, "a time that fits in 64 bits of nanoseconds");
	*ns = v;
	return 0;
}

/* n digits; -1: there are others. */
static int number(struct sb_str *s, size_t n)
{
	int v = 0;

	if (s->n < n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!sb_number_is_digit_(s->p[i]))
			return -1;
		v = v * 10 + (s->p[i] - '0');
	}
	s->p += n;
	s->n -= n;
	return v;
}

static bool sign(struct sb_str *s, const char *any, char *which)
{
	if (!s->n || !strchr(any, s->p[0]) || !s->p[0])
		return false;
	if (which)
		*which = s->p[0];
	s->p++;
	s->n--;
	return true;
}

static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool date(struct sb_str *s, int64_t *days)
{
	static const int most[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int y = number(s, 4);
	int m = sign(s, "-", NULL) ? number(s, 2) : -1;
	int d = sign(s, "-", NULL) ? number(s, 2) : -1;
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	if (y < 0 || m < 1 || m > 12 || d < 1 || d > most[m - 1] || (m == 2 && d == 29 && !leap))
		return false;
	*days = days_of(y, m, d);
	return true;
}

static bool fraction(struct sb_str *s, int64_t *ns)
{
	int64_t unit = NS_PER_S;
	bool any = false;

	for (; s->n && sb_number_is_digit_(s->p[0]); s->p++, s->n--) {
		any = true;
		unit /= 10;
		if (!unit && s->p[0] != '0')
			return false; /* finer than we are */
		*ns += unit * (s->p[0] - '0');
	}
	return any;
}

static bool time_of_day(struct sb_str *s, int64_t *seconds, int64_t *ns)
{
	int h = number(s, 2);
	int m = sign(s, ":", NULL) ? number(s, 2) : -1;
	int sec = sign(s, ":", NULL) ? number(s, 2) : 0;

	if (h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 59)
		return false;
	*seconds += h * 3600 + m * 60 + sec;
	return !sign(s, ".,", NULL) || fraction(s, ns);
}

static bool zone(struct sb_str *s, int64_t *seconds)
{
	char which;

	if (s->n == 0 || sign(s, "Zz", NULL))
		return s->n == 0;
	if (!sign(s, "+-", &which))
		return false;
	int h = number(s, 2);
	bool colon = sign(s, ":", NULL);
	int m = s->n || colon ? number(s, 2) : 0;

	if (h < 0 || h > 23 || m < 0 || m > 59)
		return false;
	*seconds -= (which == '-' ? -1 : 1) * (h * 3600 + m * 60);
	return s->n == 0;
}

int load_text_iso(struct load *ld, struct sb_str text, int64_t *ns)
{
	struct sb_str s = text;
	int64_t days = 0, seconds = 0, part = 0, v;
	bool ok = date(&s, &days) && (!sign(&s, "Tt ", NULL) || time_of_day(&s, &seconds, &part)) &&
	          zone(&s, &seconds);

	seconds += days * 86400;
	/* The first second that begins within 64 bits does not fit by itself. */
	if (seconds < 0 && part) {
		seconds++;
		part -= NS_PER_S;
	}
	if (!ok || __builtin_mul_overflow(seconds, NS_PER_S, &v) ||
	    __builtin_add_overflow(v, part, &v))
		return wrong(ld, text, "a time like 2026-01-02T03:04:05.678Z, of 1678 to 2262");
	*ns = v;
	return 0;
}
