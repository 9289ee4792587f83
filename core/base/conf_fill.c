/* Options: from the texts of the configuration to the members of a struct, by a table. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/own.h"
#include "base/text.h"

struct filling {
	const struct conf *conf;
	const struct option_spec *table;
	char *target;
	conf_report_fn report;
	void *ud;
	int r;
};

__attribute__((format(printf, 2, 3))) static void tell(struct filling *f, const char *format, ...)
{
	char text[768];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	f->r = -EINVAL;
	f->report(f->ud, text);
}

/* 0, -EINVAL: no number at all, -ERANGE. */
static int parse_int(const char *text, int64_t *out)
{
	char *end = NULL;
	long long v = 0;

	errno = 0;
	v = strtoll(text, &end, 10);
	if (end == text || *end || strchr(" \t\n\v\f\r", *text))
		return -EINVAL;
	if (errno == ERANGE)
		return -ERANGE;
	*out = v;
	return 0;
}

static int parse_number(const struct option_spec *spec, const char *text, int64_t *out)
{
	struct sb_str s = sb_str_of(text, strlen(text));
	uint64_t bytes = 0;
	int r = 0;

	if (spec->kind == OPTION_INT)
		r = parse_int(text, out);
	if (spec->kind == OPTION_TIME)
		r = text_duration(s, out);
	if (spec->kind == OPTION_SIZE) {
		r = text_size(s, &bytes);
		*out = (int64_t)bytes;
	}
	if (r == 0 && (spec->least || spec->most) && (*out < spec->least || *out > spec->most))
		return -ERANGE;
	return r;
}

static int parse_bool(const char *text, bool *out)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = i % 2;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_choice(const char *choices, const char *text, int *out)
{
	size_t n = strlen(text);

	for (int i = 0; choices; i++) {
		const char *bar = strchrnul(choices, '|');

		if ((size_t)(bar - choices) == n && memcmp(choices, text, n) == 0) {
			*out = i;
			return 0;
		}
		choices = *bar ? bar + 1 : NULL;
	}
	return -EINVAL;
}

static int put(const struct option_spec *spec, const char *text, char *target)
{
	void *at = target + spec->offset;
	int64_t number = 0;
	int r = 0;

	switch (spec->kind) {
	case OPTION_TEXT:
		*(char **)at = strdup(text);
		return *(char **)at ? 0 : -ENOMEM;
	case OPTION_BOOL:
		return parse_bool(text, at);
	case OPTION_CHOICE:
		return parse_choice(spec->choices, text, at);
	case OPTION_INT:
	case OPTION_SIZE:
	case OPTION_TIME:
		r = parse_number(spec, text, &number);
		if (r == 0)
			memcpy(at, &number, sizeof(number)); /* int64_t or uint64_t */
		return r;
	}
	return -EINVAL;
}

/* A limit as one would write it in the file. */
static void show_limit(enum option_kind kind, int64_t v, char *buf, size_t cap)
{
	static const struct {
		int64_t factor;
		const char *unit;
	} units[] = {
		{ 86400 * NS_PER_S, "d" },
		{ 3600 * NS_PER_S, "h" },
		{ 60 * NS_PER_S, "m" },
		{ NS_PER_S, "s" },
		{ NS_PER_MS, "ms" },
		{ NS_PER_US, "us" },
		{ 1, "ns" },
		{ 1LL << 30, "G" },
		{ 1LL << 20, "M" },
		{ 1LL << 10, "K" },
		{ 1, "" },
	};
	size_t i = kind == OPTION_TIME ? 0 : kind == OPTION_SIZE ? 7 : 10;

	while (v == 0 ? units[i].factor > 1 : v % units[i].factor != 0)
		i++;
	snprintf(buf, cap, "%lld%s", (long long)(v / units[i].factor), units[i].unit);
}

void conf_describe(const struct option_spec *spec, char *buf, size_t cap)
{
	static const char *const forms[] = {
		[OPTION_TEXT] = "a text",
		[OPTION_BOOL] = "yes or no",
		[OPTION_INT] = "a whole number",
		[OPTION_SIZE] = "a size like 64K, 16M or 1G",
		[OPTION_TIME] = "a time like 500ms, 10s, 5m, 2h or 7d",
	};
	char least[32];
	char most[32];

	if (spec->kind == OPTION_CHOICE) {
		snprintf(buf, cap, "one of %s", spec->choices);
		return;
	}
	if (!spec->least && !spec->most) {
		snprintf(buf, cap, "%s", forms[spec->kind]);
		return;
	}
	show_limit(spec->kind, spec->least, least, sizeof(least));
	show_limit(spec->kind, spec->most, most, sizeof(most));
	snprintf(buf, cap, "%s, %s to %s", forms[spec->kind], least, most);
}

static void fill_one(struct filling *f, const struct option_spec *spec)
{
	const struct conf_entry *found = NULL;
	const struct conf_entry *entry = NULL;
	char wanted[256];
	char shown[128];
	int r = 0;

	for (size_t i = 0; (entry = conf_entry(f->conf, spec->section, i)); i++) {
		if (!conf_same_key(entry->key, spec->key))
			continue;
		if (found && strcmp(entry->origin, "--set") != 0)
			tell(f, "%s: [%s] %s is given twice, first in %s: keep one", entry->origin,
			     spec->section, spec->key, found->origin);
		found = entry;
	}
	r = put(spec, found ? found->value : spec->fallback, f->target);
	if (r == 0)
		return;
	conf_describe(spec, wanted, sizeof(wanted));
	text_show(shown, sizeof(shown),
	          sb_str_of(found ? found->value : "", found ? strlen(found->value) : 0));
	tell(f, "%s: [%s] %s = %s %s: give %s (default %s)", found ? found->origin : "built in",
	     spec->section, spec->key, shown,
	     r == -ERANGE   ? "is out of range"
	     : r == -ENOMEM ? "does not fit into memory"
	                    : "is not understood",
	     wanted, spec->fallback);
}

static bool is_known(const struct option_spec *table, const char *section, const char *key)
{
	for (; table->section; table++)
		if (strcmp(table->section, section) == 0 &&
		    (!key || conf_same_key(table->key, key)))
			return true;
	return false;
}

static void list_keys(const struct option_spec *table, const char *section, char *buf, size_t cap)
{
	size_t n = 0;

	buf[0] = 0;
	for (; table->section; table++)
		if (strcmp(table->section, section) == 0 && n < cap)
			n += (size_t)snprintf(buf + n, cap - n, " %s", table->key);
}

static void check_keys(struct filling *f, const char *section)
{
	const struct conf_entry *entry = NULL;
	char keys[512];

	for (size_t i = 0; (entry = conf_entry(f->conf, section, i)); i++) {
		if (is_known(f->table, section, entry->key))
			continue;
		list_keys(f->table, section, keys, sizeof(keys));
		tell(f, "%s: [%s] has no key %s: give one of%s", entry->origin, section, entry->key,
		     keys);
	}
}

int conf_fill(const struct conf *conf, const struct option_spec *table, void *target,
              conf_report_fn report, void *ud)
{
	struct filling f = { conf, table, target, report, ud, 0 };
	const char *section = NULL;

	for (const struct option_spec *spec = table; spec->section; spec++)
		fill_one(&f, spec);
	for (size_t i = 0; (section = conf_section(conf, i)); i++)
		if (is_known(table, section, NULL))
			check_keys(&f, section);
	return f.r;
}
