#include "host/schema.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/own.h"
#include "host/format.h"
#include "host/grammar.h"
#include "host/pattern.h"

#define MAX_DEPTH   32
#define MAX_POINTER 512

struct schema {
	json_t *root;
};

struct check {
	schema_report_fn fn;
	void *ud;
	int wrong;
	unsigned depth;
	char pointer[MAX_POINTER];
};

const json_t *schema_root(const struct schema *s)
{
	return s->root;
}

struct schema *schema_free(struct schema *s)
{
	if (!s)
		return NULL;
	json_decref(s->root);
	free(s);
	return NULL;
}

void schema_freep(struct schema **s)
{
	*s = schema_free(*s);
}

/* ---- values */

static long double number(const json_t *v)
{
	return json_is_integer(v) ? (long double)json_integer_value(v)
	                          : (long double)json_real_value(v);
}

static bool is_whole(json_t *v)
{
	return json_is_integer(v) ||
	       (json_is_real(v) && floor(json_real_value(v)) == json_real_value(v));
}

static bool is_of_type(json_t *v, const char *type)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return strcmp(type, "object") == 0;
	case JSON_ARRAY:
		return strcmp(type, "array") == 0;
	case JSON_STRING:
		return strcmp(type, "string") == 0;
	case JSON_INTEGER:
	case JSON_REAL:
		return strcmp(type, "number") == 0 || (strcmp(type, "integer") == 0 && is_whole(v));
	case JSON_TRUE:
	case JSON_FALSE:
		return strcmp(type, "boolean") == 0;
	case JSON_NULL:
		return strcmp(type, "null") == 0;
	}
	return false;
}

/* As JSON Schema compares: 1 and 1.0 are the same number. */
static bool is_same(json_t *a, json_t *b)
{
	if (json_is_number(a) && json_is_number(b))
		return number(a) == number(b);
	if (json_typeof(a) != json_typeof(b))
		return false;
	if (json_is_array(a)) {
		if (json_array_size(a) != json_array_size(b))
			return false;
		for (size_t i = 0; i < json_array_size(a); i++)
			if (!is_same(json_array_get(a, i), json_array_get(b, i)))
				return false;
		return true;
	}
	if (!json_is_object(a))
		return json_equal(a, b);
	if (json_object_size(a) != json_object_size(b))
		return false;
	const char *key = NULL;
	json_t *value = NULL;
	json_object_foreach(a, key, value)
	{
		json_t *other = json_object_get(b, key);
		if (!other || !is_same(value, other))
			return false;
	}
	return true;
}

static size_t characters(const char *s)
{
	size_t n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & 0xC0) != 0x80;
	return n;
}

bool schema_allows(const json_t *schema, const char *name)
{
	const json_t *type = json_object_get(schema, "type");
	if (json_is_string(type))
		return strcmp(json_string_value(type), name) == 0;
	for (size_t i = 0; i < json_array_size(type); i++)
		if (strcmp(json_string_value(json_array_get(type, i)), name) == 0)
			return true;
	return !type;
}

const json_t *schema_member(const json_t *schema, const char *key, bool *is_known)
{
	const json_t *own = json_object_get(json_object_get(schema, "properties"), key);
	const json_t *others = json_object_get(schema, "additionalProperties");
	*is_known = own || !json_is_false(others);
	if (own)
		return own;
	return json_is_object(others) ? others : NULL;
}

/* ---- checking */

static void wrong(struct check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void wrong(struct check *c, const char *format, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	c->wrong++;
	if (c->fn)
		c->fn(c->ud, c->pointer, text);
}

/* "a, b, c" of an array of anything. */
static void list_values(const json_t *values, char *out, size_t cap)
{
	size_t at = 0;
	out[0] = 0;
	for (size_t i = 0; i < json_array_size(values) && at + 1 < cap; i++) {
		_own_(freep) char *text = json_dumps(json_array_get(values, i),
		                                     JSON_ENCODE_ANY | JSON_COMPACT);
		int n = snprintf(out + at, cap - at, "%s%s", i ? ", " : "", text ? text : "?");
		at += n > 0 ? (size_t)n : 0;
	}
}

static void check_type(struct check *c, const json_t *schema, json_t *v)
{
	const json_t *type = json_object_get(schema, "type");
	if (json_is_string(type) && !is_of_type(v, json_string_value(type)))
		wrong(c, "must be of type %s", json_string_value(type));
	if (!json_is_array(type))
		return;
	for (size_t i = 0; i < json_array_size(type); i++)
		if (is_of_type(v, json_string_value(json_array_get(type, i))))
			return;
	char list[128];
	list_values(type, list, sizeof(list));
	wrong(c, "must be of one of the types %s", list);
}

static void check_choice(struct check *c, const json_t *schema, json_t *v)
{
	json_t *only = json_object_get(schema, "const");
	char list[192];
	if (only && !is_same(only, v)) {
		_own_(freep) char *text = json_dumps(only, JSON_ENCODE_ANY | JSON_COMPACT);
		wrong(c, "must be %.160s", text ? text : "?");
	}
	const json_t *values = json_object_get(schema, "enum");
	if (!values)
		return;
	for (size_t i = 0; i < json_array_size(values); i++)
		if (is_same(json_array_get(values, i), v))
			return;
	list_values(values, list, sizeof(list));
	wrong(c, "must be one of %s", list);
}

/* A limit: breaks it when v is on the wrong side. */
static const struct {
	const char *keyword;
	int sign;     /* 1: v must not be below, -1: not above */
	bool is_open; /* nor equal */
	const char *text;
} limits[] = {
	{ "minimum", 1, false, "must be at least" },
	{ "maximum", -1, false, "must be at most" },
	{ "exclusiveMinimum", 1, true, "must be more than" },
	{ "exclusiveMaximum", -1, true, "must be less than" },
};

static void check_number(struct check *c, const json_t *schema, json_t *v)
{
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		const json_t *limit = json_object_get(schema, limits[i].keyword);
		if (!json_is_number(limit))
			continue;
		long double over = (number(v) - number(limit)) * limits[i].sign;
		if (over < 0 || (limits[i].is_open && over == 0))
			wrong(c, "%s %.15Lg", limits[i].text, number(limit));
	}
	const json_t *step = json_object_get(schema, "multipleOf");
	if (!json_is_number(step) || number(step) <= 0)
		return;
	long double q = number(v) / number(step);
	if (fabsl(q - roundl(q)) > 1e-9L * fmaxl(1, fabsl(q)) || isinf((double)q))
		wrong(c, "must be a multiple of %.15Lg", number(step));
}

/* minX and maxX of a count of things. */
static void check_count(struct check *c, const json_t *schema, const char *least, const char *most,
                        size_t n, const char *things)
{
	const json_t *min = json_object_get(schema, least);
	const json_t *max = json_object_get(schema, most);
	if (json_is_number(min) && (long double)n < number(min))
		wrong(c, "must have at least %.0Lf %s", number(min), things);
	if (json_is_number(max) && (long double)n > number(max))
		wrong(c, "must have at most %.0Lf %s", number(max), things);
}

static void check_string(struct check *c, const json_t *schema, json_t *v)
{
	const char *text = json_string_value(v);
	check_count(c, schema, "minLength", "maxLength", characters(text), "characters");
	const json_t *pattern = json_object_get(schema, "pattern");
	if (pattern && pattern_match(json_string_value(pattern), text) == 0)
		wrong(c, "must match %.200s", json_string_value(pattern));
}

static void check_value(struct check *c, const json_t *schema, json_t *v);

/* Goes down one step and comes back. */
static void check_below(struct check *c, const json_t *schema, json_t *v, const char *step)
{
	size_t n = strlen(c->pointer);
	snprintf(c->pointer + n, sizeof(c->pointer) - n, "/%s", step);
	check_value(c, schema, v);
	c->pointer[n] = 0;
}

static void check_array(struct check *c, const json_t *schema, json_t *v)
{
	size_t n = json_array_size(v);
	check_count(c, schema, "minItems", "maxItems", n, "items");
	const json_t *items = json_object_get(schema, "items");
	for (size_t i = 0; items && i < n; i++) {
		char step[24];
		snprintf(step, sizeof(step), "%zu", i);
		check_below(c, items, json_array_get(v, i), step);
	}
	if (!json_is_true(json_object_get(schema, "uniqueItems")))
		return;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (is_same(json_array_get(v, i), json_array_get(v, j))) {
				wrong(c, "items %zu and %zu are the same", j, i);
				return;
			}
}

static void check_object(struct check *c, const json_t *schema, json_t *v)
{
	check_count(c, schema, "minProperties", "maxProperties", json_object_size(v), "members");
	const json_t *required = json_object_get(schema, "required");
	for (size_t i = 0; i < json_array_size(required); i++) {
		const char *key = json_string_value(json_array_get(required, i));
		if (!json_object_get(v, key))
			wrong(c, "\"%.80s\" is required", key);
	}
	const char *key = NULL;
	json_t *member = NULL;
	json_object_foreach(v, key, member)
	{
		bool is_known = false;
		const json_t *own = schema_member(schema, key, &is_known);
		if (!is_known)
			wrong(c, "\"%.80s\" is not known", key);
		else if (own)
			check_below(c, own, member, key);
	}
}

static void check_value(struct check *c, const json_t *schema, json_t *v)
{
	if (json_is_false(schema))
		wrong(c, "is not allowed here");
	if (!json_is_object(schema))
		return;
	if (++c->depth > MAX_DEPTH) {
		wrong(c, "is nested too deeply");
		c->depth--;
		return;
	}
	check_type(c, schema, v);
	check_choice(c, schema, v);
	if (json_is_number(v))
		check_number(c, schema, v);
	else if (json_is_string(v))
		check_string(c, schema, v);
	else if (json_is_array(v))
		check_array(c, schema, v);
	else if (json_is_object(v))
		check_object(c, schema, v);
	const json_t *format = json_object_get(schema, "format");
	const char *right = json_is_string(format) ? format_wrong(json_string_value(format), v)
	                                           : NULL;
	if (right)
		wrong(c, "must be %s", right);
	c->depth--;
}

int schema_check(const struct schema *s, json_t *value, schema_report_fn fn, void *ud)
{
	struct check c = { .fn = fn, .ud = ud };
	check_value(&c, s->root, value);
	return c.wrong ? SB_E_MALFORMED : 0;
}

int schema_check_defaults(const struct schema *s, schema_report_fn fn, void *ud)
{
	struct check c = { .fn = fn, .ud = ud };
	const char *key = NULL;
	json_t *member = NULL;
	json_object_foreach(json_object_get(s->root, "properties"), key, member)
	{
		json_t *fallback = json_object_get(member, "default");
		if (fallback)
			check_below(&c, member, fallback, key);
	}
	return c.wrong ? SB_E_MALFORMED : 0;
}

static int fill(const json_t *schema, json_t *value, unsigned depth)
{
	if (depth > MAX_DEPTH)
		return 0;
	for (size_t i = 0; json_is_array(value) && i < json_array_size(value); i++) {
		int r = fill(json_object_get(schema, "items"), json_array_get(value, i), depth + 1);
		if (r < 0)
			return r;
	}
	const char *key = NULL;
	json_t *member = NULL;
	if (!json_is_object(value))
		return 0;
	json_object_foreach(json_object_get(schema, "properties"), key, member)
	{
		json_t *have = json_object_get(value, key);
		const json_t *fallback = json_object_get(member, "default");
		if (!have && fallback) {
			if (json_object_set_new(value, key, json_deep_copy(fallback)) < 0)
				return -ENOMEM;
			have = json_object_get(value, key);
		}
		int r = have ? fill(member, have, depth + 1) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int schema_fill(const struct schema *s, json_t *value)
{
	return fill(s->root, value, 0);
}

int schema_new(struct schema **out, const char *text, char *why, size_t cap)
{
	json_error_t error;
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!root) {
		snprintf(why, cap, "line %d: %s", error.line, error.text);
		return SB_E_MALFORMED;
	}
	struct schema *s = calloc(1, sizeof(*s));
	if (!s) {
		json_decref(root);
		return -ENOMEM;
	}
	s->root = root;
	int r = grammar_check(root, why, cap);
	if (r < 0) {
		schema_free(s);
		return r;
	}
	*out = s;
	return 0;
}
