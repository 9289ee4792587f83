#include "profile.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

#define MAX_VALUES       2000u
#define MAX_NAME         128u
#define DEFAULT_INTERVAL 10000000000LL
#define DEFAULT_GAP      16

/* Reads one JSON object; the first mistake is kept. */
struct reading {
	const char *path;
	char where[64]; /* "registers[3]" */
	char *why;
	size_t cap;
	int r;
};

struct defaults {
	int64_t interval_ns;
	const char *order;
};

__attribute__((format(printf, 3, 4))) static void wrong(struct reading *rd, const char *key,
                                                        const char *format, ...)
{
	char text[160];
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap); // NOLINT(clang-analyzer-valist.Uninitialized)
	va_end(ap);
	if (rd->r < 0)
		return;
	snprintf(rd->why, rd->cap, "%s: %s%s%s: %s", rd->path, rd->where,
	         rd->where[0] && key[0] ? "." : "", key, text);
	rd->r = -EINVAL;
}

int profile_interval(const char *text, int64_t *ns)
{
	static const struct {
		const char *unit;
		int64_t ns;
	} units[] = {
		{ "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 }
	};
	char *end;
	errno = 0;
	long long n = strtoll(text, &end, 10);
	if (errno || end == text || n <= 0 || n > 86400000)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit) != 0)
			continue;
		if (n > 86400000000000 / units[i].ns || n * units[i].ns < 10000000)
			return -EINVAL;
		*ns = n * units[i].ns;
		return 0;
	}
	return -EINVAL;
}

/* ---- members */

static void only(struct reading *rd, json_t *object, const char *const *keys)
{
	const char *key;
	json_t *value;
	json_object_foreach(object, key, value)
	{
		const char *const *known = keys;
		while (*known && strcmp(*known, key) != 0)
			known++;
		if (!*known)
			wrong(rd, key, "unknown member");
	}
}

static const char *take_text(struct reading *rd, const json_t *object, const char *key,
                             const char *fallback)
{
	const json_t *v = json_object_get(object, key);
	if (!v && fallback)
		return fallback;
	const char *text = json_string_value(v);
	if (!text || json_string_length(v) != strlen(text)) {
		wrong(rd, key, v ? "must be text" : "is missing");
		return "";
	}
	return text;
}

static int64_t take_whole(struct reading *rd, const json_t *object, const char *key,
                          int64_t fallback, int64_t least, int64_t most)
{
	const json_t *v = json_object_get(object, key);
	if (!v && fallback >= least)
		return fallback;
	if (!json_is_integer(v) || json_integer_value(v) < least || json_integer_value(v) > most) {
		wrong(rd, key,
		      v ? "must be a whole number from %lld to %lld" : "is missing (%lld to %lld)",
		      (long long)least, (long long)most);
		return least;
	}
	return json_integer_value(v);
}

static double take_number(struct reading *rd, const json_t *object, const char *key,
                          double fallback)
{
	const json_t *v = json_object_get(object, key);
	if (!v)
		return fallback;
	if (!json_is_number(v) || !isfinite(json_number_value(v)))
		wrong(rd, key, "must be a number");
	return json_number_value(v);
}

static int take_choice(struct reading *rd, const json_t *object, const char *key,
                       const char *fallback, const char *const *choices)
{
	const char *text = take_text(rd, object, key, fallback);
	for (int i = 0; choices[i]; i++) {
		if (strcmp(choices[i], text) == 0)
			return i;
	}
	wrong(rd, key, "\"%.32s\" is none of the choices (\"%s\", ...)", text, choices[0]);
	return 0;
}

static int64_t take_interval(struct reading *rd, const json_t *object, int64_t fallback)
{
	int64_t ns = fallback;
	if (!json_object_get(object, "interval"))
		return fallback;
	if (profile_interval(take_text(rd, object, "interval", NULL), &ns) < 0)
		wrong(rd, "interval", "must be a time from 10ms to 24h, such as \"10s\"");
	return ns;
}

/* ---- one value */

static const char *const kinds[] = { "coil", "discrete", "input", "holding", NULL };
static const char *const forms[] = { "u16", "i16", "u32",  "i32",    "u64", "i64",
	                             "f32", "f64", "bool", "string", NULL };
static const char *const orders[] = { "ABCD", "CDAB", "BADC", "DCBA", NULL };

static void take_place(struct reading *rd, const json_t *o, struct value_spec *v)
{
	static const uint8_t sizes[] = { 1, 1, 2, 2, 4, 4, 2, 4, 1, 0 };
	v->kind = (enum value_kind)take_choice(rd, o, "kind", NULL, kinds);
	v->form = (enum value_form)take_choice(rd, o, "type", value_is_bit(v->kind) ? "bool" : NULL,
	                                       forms);
	if (value_is_bit(v->kind) && v->form != VALUE_BOOL)
		wrong(rd, "type", "a %s is a bool", kinds[v->kind]);
	v->address = (uint16_t)take_whole(rd, o, "address", -1, 0, 65535);
	v->size = sizes[v->form];
	if (v->form == VALUE_STRING)
		v->size = (uint16_t)take_whole(rd, o, "length", -1, 1, VALUE_MAX_REGISTERS);
	else if (json_object_get(o, "length"))
		wrong(rd, "length", "is for strings");
	if (v->form == VALUE_BOOL && !value_is_bit(v->kind))
		v->bit = (uint8_t)take_whole(rd, o, "bit", -1, 0, 15);
	else if (json_object_get(o, "bit"))
		wrong(rd, "bit", "is for a bool in a register");
	if (v->address + v->size > 65536)
		wrong(rd, "address", "reaches beyond 65535");
}

static void take_scale(struct reading *rd, const json_t *o, struct value_spec *v)
{
	v->is_scaled = json_object_get(o, "scale") || json_object_get(o, "offset");
	v->scale = take_number(rd, o, "scale", 1);
	v->offset = take_number(rd, o, "offset", 0);
	v->deadband = take_number(rd, o, "deadband", 0);
	if (v->is_scaled && (v->form == VALUE_BOOL || v->form == VALUE_STRING))
		wrong(rd, "scale", "is for numbers");
	if (v->scale == 0)
		wrong(rd, "scale", "must not be 0");
	if (v->deadband < 0 || (v->deadband > 0 && v->form >= VALUE_BOOL))
		wrong(rd, "deadband", "must not be negative, and is for numbers");
	double inverse = v->scale != 0 ? round(1 / v->scale) : 0;
	if (fabs(v->scale) < 1 && fabs(inverse * v->scale - 1) < 1e-12)
		v->divisor = inverse;
}

static void take_invalid(struct reading *rd, const json_t *o, struct value_spec *v)
{
	const json_t *j = json_object_get(o, "invalid");
	if (!j)
		return;
	const char *text = json_string_value(j);
	char *end = NULL;
	bool is_number = true;
	errno = 0;
	if (json_is_integer(j) && json_integer_value(j) >= 0)
		v->invalid = (uint64_t)json_integer_value(j);
	else if (text && strncmp(text, "0x", 2) == 0)
		v->invalid = strtoull(text, &end, 16);
	else
		is_number = false;
	v->has_invalid = v->form < VALUE_BOOL;
	if (!is_number || errno || (end && (*end || end == text + 2)) || !v->has_invalid)
		wrong(rd, "invalid", "must be the raw value of a number, such as \"0x8000\"");
}

static void take_value(struct reading *rd, json_t *o, const struct defaults *d,
                       struct value_spec *v)
{
	static const char *const keys[] = { "name",    "kind",   "address",  "type",
		                            "length",  "bit",    "order",    "scale",
		                            "offset",  "unit",   "interval", "deadband",
		                            "invalid", "series", "comment",  NULL };
	/* By SB_KIND_*. */
	static const char *const series[] = { "",      "gauge", "counter", "absolute",
		                              "state", "text",  "event",   NULL };
	if (!json_is_object(o)) {
		wrong(rd, "", "must be an object");
		return;
	}
	only(rd, o, keys);
	const char *name = take_text(rd, o, "name", NULL);
	const char *unit = take_text(rd, o, "unit", "");
	if (!*name || strlen(name) > MAX_NAME || strlen(unit) > MAX_NAME)
		wrong(rd, "name", "name and unit must have 1 to 128 bytes");
	take_place(rd, o, v);
	take_scale(rd, o, v);
	take_invalid(rd, o, v);
	int order = take_choice(rd, o, "order", d->order, orders);
	v->word_swap = (order == 1 || order == 3) && v->form != VALUE_STRING;
	v->byte_swap = order == 2 || order == 3;
	v->interval_ns = take_interval(rd, o, d->interval_ns);
	v->series = (uint32_t)take_choice(rd, o, "series", "", series);
	v->name = strdup(name);
	v->unit = strdup(unit);
	if (!v->name || !v->unit)
		wrong(rd, "", "no memory");
}

static int by_name(const void *a, const void *b)
{
	const struct value_spec *const *x = a;
	const struct value_spec *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static void refuse_twins(struct reading *rd, const struct profile *p)
{
	const struct value_spec **sorted = calloc(p->n_values, sizeof(struct value_spec *));
	if (!sorted) {
		wrong(rd, "", "no memory");
		return;
	}
	for (uint32_t i = 0; i < p->n_values; i++)
		sorted[i] = &p->values[i];
	qsort(sorted, p->n_values, sizeof(struct value_spec *), by_name);
	for (uint32_t i = 1; i < p->n_values; i++) {
		if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
			wrong(rd, "registers", "the name \"%.64s\" is used twice", sorted[i]->name);
	}
	free(sorted);
}

static void take_profile(struct reading *rd, json_t *root, struct profile *p)
{
	static const char *const keys[] = { "title",         "vendor",   "model",
		                            "comment",       "interval", "order",
		                            "max_registers", "max_bits", "max_gap",
		                            "registers",     NULL };
	const json_t *list = json_object_get(root, "registers");
	size_t n = json_array_size(list);
	only(rd, root, keys);
	struct defaults d = { .interval_ns = take_interval(rd, root, DEFAULT_INTERVAL) };
	d.order = orders[take_choice(rd, root, "order", "ABCD", orders)];
	p->max_registers = (uint16_t)take_whole(rd, root, "max_registers", 125, 1, 125);
	p->max_bits = (uint16_t)take_whole(rd, root, "max_bits", 2000, 1, 2000);
	p->max_gap = (uint16_t)take_whole(rd, root, "max_gap", DEFAULT_GAP, 0, 125);
	if (n == 0 || n > MAX_VALUES) {
		wrong(rd, "registers", "must be a list of 1 to %u", MAX_VALUES);
		return;
	}
	p->values = calloc(n, sizeof(*p->values));
	if (!p->values) {
		wrong(rd, "", "no memory");
		return;
	}
	for (size_t i = 0; i < n && rd->r == 0; i++) {
		snprintf(rd->where, sizeof(rd->where), "registers[%zu]", i);
		p->n_values++;
		take_value(rd, json_array_get(list, i), &d, &p->values[i]);
		if (p->values[i].size > p->max_registers && !value_is_bit(p->values[i].kind))
			wrong(rd, "type", "is longer than max_registers");
	}
	rd->where[0] = 0;
	if (rd->r == 0)
		refuse_twins(rd, p);
}

int profile_new(struct profile **out, const char *path, char *why, size_t cap)
{
	struct reading rd = { .path = path, .why = why, .cap = cap };
	json_error_t e;
	FILE *f = fopen(path, "re");
	if (!f) {
		int r = -errno;
		snprintf(why, cap, "cannot open profile %s: %s", path, strerror(-r));
		return r;
	}
	json_t *root = json_loadf(f, JSON_REJECT_DUPLICATES, &e);
	fclose(f);
	if (!json_is_object(root)) {
		snprintf(why, cap, "%s:%d:%d: %s", path, e.line, e.column,
		         root ? "no object" : e.text);
		json_decref(root);
		return -EINVAL;
	}
	struct profile *p = calloc(1, sizeof(*p));
	if (p)
		take_profile(&rd, root, p);
	json_decref(root);
	if (!p || rd.r < 0) {
		profile_free(p);
		return p ? rd.r : -ENOMEM;
	}
	*out = p;
	return 0;
}

struct profile *profile_free(struct profile *p)
{
	if (!p)
		return NULL;
	for (uint32_t i = 0; i < p->n_values; i++) {
		free(p->values[i].name);
		free(p->values[i].unit);
	}
	free(p->values);
	free(p);
	return NULL;
}
