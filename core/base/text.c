#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/own.h"

/* The code point at p, its length in *n; -1 and *n = 1 if no well-formed UTF-8 begins there. */
static int32_t decode(const uint8_t *p, size_t left, size_t *n)
{
	static const int32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t want = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
	int32_t c = 0;

	*n = 1;
	if (want == 1)
		return p[0];
	if (want == 0 || p[0] > 0xF4 || want > left)
		return -1;
	c = p[0] & (0x7F >> want);
	for (size_t i = 1; i < want; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return -1;
		c = c << 6 | (p[i] & 0x3F);
	}
	if (c < least[want] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		return -1;
	*n = want;
	return c;
}

/* Would it move the cursor, forge a line or turn the direction of what follows? */
static bool is_control(int32_t c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || c == 0x61C ||
	       c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
	       (c >= 0x2066 && c <= 0x2069);
}

static bool is_plain_ascii(struct sb_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] == 0x7F)
			return false;
	return true;
}

bool text_is_utf8(struct sb_str s)
{
	const uint8_t *p = (const uint8_t *)s.p;
	size_t n = 0;

	for (size_t i = 0; i < s.n; i += n)
		if (decode(p + i, s.n - i, &n) < 0)
			return false;
	return true;
}

bool text_is_name(struct sb_str s, size_t max)
{
	const uint8_t *p = (const uint8_t *)s.p;
	size_t n = 0;

	if (s.n == 0 || s.n > max)
		return false;
	if (is_plain_ascii(s))
		return true;
	for (size_t i = 0; i < s.n; i += n)
		if (is_control(decode(p + i, s.n - i, &n))) /* -1 is below 0x20 */
			return false;
	return true;
}

bool text_is_device_id(struct sb_str s)
{
	if (!text_is_name(s, 128) || s.p[0] == ' ' || s.p[s.n - 1] == ' ')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '/' || s.p[i] == '+' || s.p[i] == '#' || s.p[i] == '$')
			return false;
	return true;
}

bool text_equal(struct sb_str a, struct sb_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool text_is(struct sb_str s, const char *literal)
{
	return text_equal(s, sb_str_of(literal, strlen(literal)));
}

bool text_is_nocase(struct sb_str s, const char *literal)
{
	return s.n == strlen(literal) && strncasecmp(s.p, literal, s.n) == 0;
}

struct sb_str text_trim(struct sb_str s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = sb_str_of(s.p + 1, s.n - 1);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Shows the character at p[0] in at most 16 bytes of piece; *n is its length in the source. */
static size_t show_one(char piece[static 20], const uint8_t *p, size_t left, size_t *n)
{
	static const char hex[] = "0123456789abcdef";
	int32_t c = decode(p, left, n);
	size_t len = 0;

	if (c >= 0 && !is_control(c)) {
		memcpy(piece, p, *n);
		return *n;
	}
	for (size_t i = 0; i < *n; i++) {
		piece[len++] = '\\';
		piece[len++] = 'x';
		piece[len++] = hex[p[i] >> 4];
		piece[len++] = hex[p[i] & 15];
	}
	return len;
}

char *text_show(char *buf, size_t cap, struct sb_str s)
{
	size_t len = 0;
	size_t room = 0; /* the longest len at which "..." still fits behind it */
	size_t n = 0;

	if (cap == 0)
		return buf;
	for (size_t i = 0; i < s.n; i += n) {
		char piece[20];
		size_t m = show_one(piece, (const uint8_t *)s.p + i, s.n - i, &n);

		if (m >= cap - len) {
			memcpy(buf + room, "...", MIN(cap - 1 - room, (size_t)3));
			len = MIN(room + 3, cap - 1);
			break;
		}
		memcpy(buf + len, piece, m);
		len += m;
		if (len + 3 < cap)
			room = len;
	}
	buf[len] = 0;
	return buf;
}

static size_t digits_of(char *buf, uint64_t v)
{
	char reversed[20];
	size_t n = 0;

	do
		reversed[n++] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	for (size_t i = 0; i < n; i++)
		buf[i] = reversed[n - 1 - i];
	return n;
}

/* Fixed point with at most 9 decimals, if v is exactly such a number; else 0. Up to 15 digits every
 * decimal text is a double of its own, so the first that fits is the shortest. */
static size_t give_fixed(char buf[static 32], double v)
{
	static const double tens[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9 };

	for (size_t e = 0; e < ARRAY_LEN(tens); e++) {
		double scaled = nearbyint(v * tens[e]);
		size_t n = 0;
		char digits[20];

		if (!(scaled < 1e15))
			return 0;
		if (scaled / tens[e] != v)
			continue;
		n = digits_of(digits, (uint64_t)scaled);
		if (e == 0) {
			memcpy(buf, digits, n);
			return n;
		}
		if (n <= e) { /* 0.00123: zeros in front */
			memmove(digits + (e + 1 - n), digits, n);
			memset(digits, '0', e + 1 - n);
			n = e + 1;
		}
		memcpy(buf, digits, n - e);
		buf[n - e] = '.';
		memcpy(buf + n - e + 1, digits + n - e, e);
		return n + 1;
	}
	return 0;
}

/* "1e+300" to "1e300", "1.5e-05" to "1.5e-5". */
static size_t squeeze_exponent(char *text, size_t n)
{
	char *to = memchr(text, 'e', n);
	char *from = to ? to + 1 : NULL;

	if (!to)
		return n;
	to++;
	if (*from == '-')
		*to++ = *from;
	from++; /* printf gives every exponent a sign */
	while (*from == '0')
		from++;
	memmove(to, from, (size_t)(text + n - from));
	return n - (size_t)(from - to);
}

size_t text_f64(char buf[static 32], double v)
{
	double size = fabs(v);
	size_t sign = signbit(v) ? 1 : 0;
	size_t n = 0;

	buf[0] = '-';
	n = give_fixed(buf + sign, size);
	for (int digits = size < 1e-300 ? 1 : 15; n == 0; digits++) {
		n = (size_t)snprintf(buf + sign, 32 - sign, "%.*g", digits, size);
		if (digits < 17 && strtod(buf + sign, NULL) != size)
			n = 0;
		if (n)
			n = squeeze_exponent(buf + sign, n);
	}
	buf[sign + n] = 0;
	return sign + n;
}

/* "10s" into its number and its unit, the rest behind the digits. */
static int take_number(struct sb_str s, uint64_t *number, struct sb_str *unit)
{
	size_t i = 0;
	uint64_t v = 0;

	for (; i < s.n && isdigit((unsigned char)s.p[i]); i++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return -ERANGE;
	if (i == 0)
		return -EINVAL;
	*number = v;
	*unit = sb_str_of(s.p + i, s.n - i);
	return 0;
}

struct text_unit {
	const char *name;
	int64_t factor;
};

static int take_with_unit(struct sb_str s, const struct text_unit *units, int64_t *out)
{
	struct sb_str unit = { 0 };
	uint64_t number = 0;
	int r = take_number(s, &number, &unit);

	if (r < 0)
		return r;
	for (; units->name; units++)
		if (text_is(unit, units->name))
			return __builtin_mul_overflow(number, units->factor, out) ? -ERANGE : 0;
	return -EINVAL;
}

int text_duration(struct sb_str s, int64_t *ns)
{
	static const struct text_unit units[] = {
		{ "ns", 1 },
		{ "us", NS_PER_US },
		{ "ms", NS_PER_MS },
		{ "s", NS_PER_S },
		{ "m", 60 * NS_PER_S },
		{ "h", 3600 * NS_PER_S },
		{ "d", 86400 * NS_PER_S },
		{ "w", 7 * 86400 * NS_PER_S },
		{ 0 },
	};

	if (text_is(s, "0")) {
		*ns = 0;
		return 0;
	}
	return take_with_unit(s, units, ns);
}

int text_size(struct sb_str s, uint64_t *bytes)
{
	static const struct text_unit units[] = {
		{ "", 1 },
		{ "B", 1 },
		{ "K", 1LL << 10 },
		{ "M", 1LL << 20 },
		{ "G", 1LL << 30 },
		{ "T", 1LL << 40 },
		{ 0 },
	};
	int64_t v = 0;
	int r = take_with_unit(s, units, &v);

	if (r == 0)
		*bytes = (uint64_t)v;
	return r;
}
