#include "host/grammar.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/own.h"
#include "host/pattern.h"

#define MAX_DEPTH 32

#define BIT(type) (1u << (type))
#define NUMBER    (BIT(JSON_INTEGER) | BIT(JSON_REAL))
#define TRUTH     (BIT(JSON_TRUE) | BIT(JSON_FALSE))
#define SCHEMA    (BIT(JSON_OBJECT) | TRUTH)

struct walk {
	char *why;
	size_t cap;
	unsigned depth;
};

static const struct {
	const char *keyword;
	unsigned types;
	bool is_count; /* not negative and whole */
} keywords[] = {
	{ "type", BIT(JSON_STRING) | BIT(JSON_ARRAY), false },
	{ "enum", BIT(JSON_ARRAY), false },
	{ "minimum", NUMBER, false },
	{ "maximum", NUMBER, false },
	{ "exclusiveMinimum", NUMBER, false },
	{ "exclusiveMaximum", NUMBER, false },
	{ "multipleOf", NUMBER, false },
	{ "minLength", NUMBER, true },
	{ "maxLength", NUMBER, true },
	{ "minItems", NUMBER, true },
	{ "maxItems", NUMBER, true },
	{ "minProperties", NUMBER, true },
	{ "maxProperties", NUMBER, true },
	{ "uniqueItems", TRUTH, false },
	{ "pattern", BIT(JSON_STRING), false },
	{ "format", BIT(JSON_STRING), false },
	{ "title", BIT(JSON_STRING), false },
	{ "description", BIT(JSON_STRING), false },
	{ "items", SCHEMA, false },
	{ "properties", BIT(JSON_OBJECT), false },
	{ "required", BIT(JSON_ARRAY), false },
	{ "additionalProperties", SCHEMA, false },
	{ "x-sb", BIT(JSON_OBJECT), false },
};

static int refuse(const struct walk *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(const struct walk *w, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	vsnprintf(w->why, w->cap, format, ap);
	va_end(ap);
	return SB_E_MALFORMED;
}

static bool is_type_name(const json_t *v)
{
	static const char *const names[] = { "object",  "array",   "string", "number",
		                             "integer", "boolean", "null" };
	for (size_t i = 0; json_is_string(v) && i < ARRAY_LEN(names); i++)
		if (strcmp(json_string_value(v), names[i]) == 0)
			return true;
	return false;
}

static int check_keywords(const struct walk *w, const json_t *schema)
{
	for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
		const json_t *v = json_object_get(schema, keywords[i].keyword);
		if (!v)
			continue;
		if (!(BIT(json_typeof(v)) & keywords[i].types))
			return refuse(w, "the value of \"%s\" has the wrong type",
			              keywords[i].keyword);
		double n = keywords[i].is_count ? json_number_value(v) : 0;
		if (n < 0 || n != (double)(int64_t)n)
			return refuse(w, "\"%s\" must be a count", keywords[i].keyword);
	}
	return 0;
}

static int check_lists(const struct walk *w, const json_t *schema)
{
	const json_t *type = json_object_get(schema, "type");
	if (json_is_string(type) && !is_type_name(type))
		return refuse(w, "\"%.40s\" is not a type", json_string_value(type));
	for (size_t i = 0; i < json_array_size(type); i++)
		if (!is_type_name(json_array_get(type, i)))
			return refuse(w, "\"type\" names something that is not a type");
	const json_t *required = json_object_get(schema, "required");
	for (size_t i = 0; i < json_array_size(required); i++)
		if (!json_is_string(json_array_get(required, i)))
			return refuse(w, "\"required\" must be a list of names");
	const json_t *pattern = json_object_get(schema, "pattern");
	int r = pattern ? pattern_match(json_string_value(pattern), "") : 0;
	if (r < 0)
		return refuse(w, "the pattern %.80s %s", json_string_value(pattern),
		              r == -ENOTSUP ? "uses what is not supported" : "is malformed");
	return 0;
}

static int check(struct walk *w, const json_t *schema)
{
	if (json_is_boolean(schema))
		return 0;
	if (!json_is_object(schema))
		return refuse(w, "a schema must be an object, true or false");
	int r = check_keywords(w, schema);
	if (r >= 0)
		r = check_lists(w, schema);
	if (r < 0)
		return r;
	if (++w->depth > MAX_DEPTH)
		return refuse(w, "nested too deeply");
	const char *key = NULL;
	json_t *member = NULL;
	json_object_foreach(json_object_get(schema, "properties"), key, member)
	{
		r = check(w, member);
		if (r < 0)
			return r;
	}
	static const char *const below[] = { "items", "additionalProperties" };
	for (size_t i = 0; i < ARRAY_LEN(below) && r >= 0; i++)
		if (json_object_get(schema, below[i]))
			r = check(w, json_object_get(schema, below[i]));
	w->depth--;
	return r;
}

int grammar_check(const json_t *schema, char *why, size_t cap)
{
	struct walk w = { why, cap, 0 };
	return check(&w, schema);
}
