#include "base/zone.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/civil.h"
#include "base/file.h"
#include "base/own.h"
#include "base/zone_rule.h"

#define FOLDER     "/usr/share/zoneinfo/"
#define FILE_MAX   (64 * 1024)
#define CHANGES    4096 /* a file may list */
#define YEAR_LAST  2263 /* what 64 bits of nanoseconds reach */
#define BY_RULE    (2 * (YEAR_LAST - 1800))
#define HEAD_BYTES 44

struct change {
	int64_t at_s;
	int32_t offset_s; /* from then on */
};

struct zone {
	int32_t offset_first; /* before all changes */
	uint32_t n;
	struct change changes[CHANGES + BY_RULE];
};

struct head { /* of one of the two parts of a file */
	uint8_t version;
	uint32_t utc, standard, leaps, times, types, chars;
	size_t time_bytes;
};

bool zone_is_name(struct sb_str name)
{
	bool begins = true; /* a part of it */
	if (name.n > ZONE_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';
		bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '_' || c == '/';
		if (!letter && (begins || !other))
			return false;
		begins = c == '/';
	}
	return !begins;
}

/* ---- the file */

static int64_t big_endian(struct cursor *c, size_t n)
{
	const uint8_t *p = cursor_take(c, n);
	uint64_t v = p && p[0] & 0x80 ? UINT64_MAX : 0;
	for (size_t i = 0; p && i < n; i++)
		v = v << 8 | p[i];
	return (int64_t)v;
}

static struct head head_take(struct cursor *c, size_t time_bytes)
{
	struct head h = { .time_bytes = time_bytes };
	const uint8_t *p = cursor_take(c, HEAD_BYTES - 6 * sizeof(uint32_t));
	if (p && memcmp(p, "TZif", 4) != 0)
		c->bad = true;
	h.version = p ? p[4] : 0;
	uint32_t *counts[] = { &h.utc, &h.standard, &h.leaps, &h.times, &h.types, &h.chars };
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		*counts[i] = (uint32_t)big_endian(c, 4);
		if (*counts[i] > CHANGES)
			c->bad = true;
	}
	return h;
}

static size_t body_bytes(const struct head *h)
{
	return h->times * (h->time_bytes + 1) + h->types * 6UL + h->chars +
	       h->leaps * (h->time_bytes + 4) + h->standard + h->utc;
}

static void change_add(struct zone *z, int64_t at_s, int32_t offset_s)
{
	if (z->n && z->changes[z->n - 1].at_s == at_s)
		z->n--; /* it lasted no time */
	int32_t present = z->n ? z->changes[z->n - 1].offset_s : z->offset_first;
	if (offset_s != present)
		z->changes[z->n++] = (struct change){ at_s, offset_s };
}

static int body_take(struct zone *z, struct cursor *c, const struct head *h, int64_t *last_s)
{
	const uint8_t *at_p = cursor_take(c, h->times * h->time_bytes);
	const uint8_t *which = cursor_take(c, h->times);
	const uint8_t *type = cursor_take(c, h->types * 6UL);
	int32_t offsets[256];
	(void)cursor_take(c, h->chars + h->leaps * (h->time_bytes + 4) + h->standard + h->utc);
	/* Leap seconds are in files of zones nobody's clock follows. */
	if (c->bad || h->types == 0 || h->types > ARRAY_LEN(offsets) || h->leaps)
		return SB_E_MALFORMED;
	struct cursor times = cursor_of(at_p, h->times * h->time_bytes);
	struct cursor types = cursor_of(type, h->types * 6UL);
	for (uint32_t i = 0; i < h->types; i++) {
		offsets[i] = (int32_t)big_endian(&types, 4);
		(void)cursor_take(&types, 2);
		if (abs(offsets[i]) > ZONE_OFFSET_MAX)
			return SB_E_MALFORMED;
	}
	z->offset_first = offsets[0];
	for (uint32_t i = 0; i < h->times; i++) {
		int64_t at = big_endian(&times, h->time_bytes);
		if (which[i] >= h->types || (i && at <= *last_s))
			return SB_E_MALFORMED;
		*last_s = at;
		change_add(z, at, offsets[which[i]]);
	}
	return 0;
}

/* ---- what comes after what it lists */

static void rule_apply(struct zone *z, const struct zone_rule *rule, int64_t last_s)
{
	int64_t day = MAX(last_s / 86400, civil_month_day(-170LL * 12));
	if (!rule->has_summer) {
		if (!z->n)
			z->offset_first = rule->standard_s;
		return;
	}
	for (int64_t year = 1970 + civil_month_of(day) / 12 - 1; year <= YEAR_LAST; year++) {
		int64_t begin = zone_rule_moment(&rule->begin, year, rule->standard_s);
		int64_t end = zone_rule_moment(&rule->end, year, rule->summer_s);
		bool south = end < begin;
		int64_t at[2] = { south ? end : begin, south ? begin : end };
		for (int i = 0; i < 2; i++)
			if (at[i] > last_s && (!z->n || at[i] >= z->changes[z->n - 1].at_s) &&
			    z->n < CHANGES + BY_RULE)
				change_add(z, at[i],
				           (i == 0) == south ? rule->standard_s : rule->summer_s);
	}
}

static int footer_take(struct zone *z, struct cursor *c, int64_t last_s)
{
	struct zone_rule rule;
	size_t n = cursor_left(c);
	const uint8_t *p = cursor_take(c, n);
	const uint8_t *end = n > 1 ? memchr(p + 1, '\n', n - 1) : NULL;
	if (!end || p[0] != '\n')
		return SB_E_MALFORMED;
	struct sb_str text = sb_str_of((const char *)p + 1, (size_t)(end - p) - 1);
	if (text.n == 0)
		return 0;
	int r = zone_rule_take(text, &rule);
	if (r < 0)
		return r;
	rule_apply(z, &rule, last_s);
	return 0;
}

static int take(struct zone *z, struct cursor *c)
{
	int64_t last_s = -(1LL << 40);
	struct head h = head_take(c, 4);
	if (c->bad)
		return SB_E_MALFORMED;
	if (h.version == 0)
		return body_take(z, c, &h, &last_s);
	(void)cursor_take(c, body_bytes(&h));
	h = head_take(c, 8);
	if (c->bad)
		return SB_E_MALFORMED;
	int r = body_take(z, c, &h, &last_s);
	return r < 0 ? r : footer_take(z, c, last_s);
}

static void zone_freep(struct zone **z)
{
	zone_free(*z);
}

int zone_of_bytes(struct zone **out, struct sb_bytes tzif)
{
	_own_(zone_freep) struct zone *z = calloc(1, sizeof(*z));
	struct cursor c = cursor_of(tzif.p, tzif.n);
	if (!z)
		return -ENOMEM;
	int r = take(z, &c);
	if (r < 0)
		return r;
	*out = steal(z);
	return 0;
}

int zone_load(struct zone **out, struct sb_str name)
{
	char path[sizeof(FOLDER) + ZONE_NAME_MAX];
	struct buffer file = { 0 };
	if (!zone_is_name(name))
		return -EINVAL;
	snprintf(path, sizeof(path), FOLDER "%.*s", (int)name.n, name.p);
	int r = file_read_all(path, FILE_MAX, &file);
	if (r >= 0)
		r = zone_of_bytes(out, (struct sb_bytes){ file.p, file.n });
	buffer_fini(&file);
	/* A folder of zones, or a part of a name that is a file, is no zone. */
	return r == -EISDIR || r == -ENOTDIR ? -ENOENT : r < 0 ? r : 0;
}

struct zone *zone_free(struct zone *z)
{
	free(z);
	return NULL;
}

/* ---- looking up */

void zone_at(const struct zone *z, int64_t utc_s, struct zone_span *out)
{
	uint32_t low = 0; /* changes before it are not behind utc_s */
	uint32_t high = z->n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (z->changes[middle].at_s <= utc_s)
			low = middle + 1;
		else
			high = middle;
	}
	*out = (struct zone_span){ INT64_MIN, z->offset_first, z->offset_first };
	if (low == 0)
		return;
	out->begin_s = z->changes[low - 1].at_s;
	out->offset_s = z->changes[low - 1].offset_s;
	if (low > 1)
		out->offset_before = z->changes[low - 2].offset_s;
}

void zone_system(char *buf, size_t cap)
{
	char target[256];
	ssize_t n = readlink("/etc/localtime", target, sizeof(target) - 1);
	const char *name = NULL;
	target[n > 0 ? n : 0] = '\0';
	if (n > 0)
		name = strstr(target, "zoneinfo/");
	name = name ? name + strlen("zoneinfo/") : "UTC";
	if (!zone_is_name(sb_str_of(name, strlen(name))))
		name = "UTC";
	snprintf(buf, cap, "%s", name);
}
