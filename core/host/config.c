#include "host/config.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "host/format.h"
#include "host/schema.h"

#define MAX_STEP 256

/* A place in the document, with the schema that describes it. */
struct place {
	json_t *value;
	const json_t *schema;
};

/* The next step of a JSON pointer, ~0 and ~1 decoded; NULL at the end or if it is too long. */
static const char *take_step(const char *p, char out[static MAX_STEP])
{
	if (*p != '/')
		return NULL;
	size_t n = 0;
	for (p++; *p && *p != '/'; p++) {
		char c = *p;
		if (c == '~' && (p[1] == '0' || p[1] == '1'))
			c = *++p == '0' ? '~' : '/';
		if (n + 1 >= MAX_STEP)
			return NULL;
		out[n++] = c;
	}
	out[n] = 0;
	return p;
}

static void step_down(struct place *at, const char *step)
{
	if (json_is_array(at->value)) {
		char *end = NULL;
		unsigned long i = strtoul(step, &end, 10);
		at->value = *end || !*step ? NULL : json_array_get(at->value, i);
		at->schema = json_object_get(at->schema, "items");
		return;
	}
	bool is_known = false;
	at->value = json_object_get(at->value, step);
	at->schema = schema_member(at->schema, step, &is_known);
}

static struct place find(const struct sb_config *table, const char *pointer)
{
	const struct config *c = table->impl;
	struct place at = { c->doc, c->schema ? schema_root(c->schema) : NULL };
	char step[MAX_STEP];
	while (*pointer && at.value) {
		pointer = take_step(pointer, step);
		if (!pointer)
			return (struct place){ NULL, NULL };
		step_down(&at, step);
	}
	return at;
}

static int32_t get_i64(const struct sb_config *table, const char *pointer, int64_t *out)
{
	struct place at = find(table, pointer);
	if (!at.value)
		return SB_E_NOT_FOUND;
	if (json_is_integer(at.value)) {
		*out = json_integer_value(at.value);
		return 0;
	}
	double d = json_is_real(at.value) ? json_real_value(at.value) : (double)NAN;
	if (floor(d) == d && fabs(d) < 9007199254740992.0) {
		*out = (int64_t)d;
		return 0;
	}
	const char *format = json_string_value(json_object_get(at.schema, "format"));
	const char *text = json_string_value(at.value);
	if (!format || !text || format_number(format, text, out) < 0)
		return SB_E_TYPE;
	return 0;
}

static int32_t get_f64(const struct sb_config *table, const char *pointer, double *out)
{
	struct place at = find(table, pointer);
	if (!at.value)
		return SB_E_NOT_FOUND;
	if (!json_is_number(at.value))
		return SB_E_TYPE;
	*out = json_number_value(at.value);
	return 0;
}

static int32_t get_boolean(const struct sb_config *table, const char *pointer, int32_t *out)
{
	struct place at = find(table, pointer);
	if (!at.value)
		return SB_E_NOT_FOUND;
	if (!json_is_boolean(at.value))
		return SB_E_TYPE;
	*out = json_is_true(at.value);
	return 0;
}

static int32_t get_str(const struct sb_config *table, const char *pointer, struct sb_str *out)
{
	struct place at = find(table, pointer);
	if (!at.value)
		return SB_E_NOT_FOUND;
	if (!json_is_string(at.value))
		return SB_E_TYPE;
	*out = sb_str_of(json_string_value(at.value), json_string_length(at.value));
	return 0;
}

static int32_t get_length(const struct sb_config *table, const char *pointer, uint32_t *out)
{
	struct place at = find(table, pointer);
	if (!at.value)
		return SB_E_NOT_FOUND;
	if (!json_is_array(at.value))
		return SB_E_TYPE;
	*out = (uint32_t)json_array_size(at.value);
	return 0;
}

int config_init(struct config *c, json_t *doc, const struct schema *schema)
{
	*c = (struct config){ .doc = doc, .schema = schema };
	c->text = json_dumps(doc, JSON_COMPACT);
	if (!c->text)
		return -ENOMEM;
	c->table = (struct sb_config){
		.size = sizeof(c->table),
		.impl = c,
		.json = sb_str_of(c->text, strlen(c->text)),
		.i64 = get_i64,
		.f64 = get_f64,
		.boolean = get_boolean,
		.str = get_str,
		.length = get_length,
	};
	return 0;
}

void config_fini(struct config *c)
{
	json_decref(c->doc);
	free(c->text);
	*c = (struct config){ 0 };
}

void config_swap(struct config *a, struct config *b)
{
	struct config was = *a;
	*a = *b;
	*b = was;
	/* The getters find the document through the table. */
	a->table.impl = a;
	b->table.impl = b;
}

static void mask(const json_t *schema, json_t *value)
{
	for (size_t i = 0; i < json_array_size(value); i++)
		mask(json_object_get(schema, "items"), json_array_get(value, i));
	const char *key = NULL;
	json_t *member = NULL;
	if (!json_is_object(value))
		return;
	json_object_foreach(value, key, member)
	{
		bool is_known = false;
		const json_t *own = schema_member(schema, key, &is_known);
		if (json_is_true(json_object_get(json_object_get(own, "x-sb"), "secret")))
			json_object_set_new(value, key, json_string("***"));
		else
			mask(own, member);
	}
}

char *config_show(const struct config *c)
{
	json_t *copy = json_deep_copy(c->doc);
	if (c->schema)
		mask(schema_root(c->schema), copy);
	char *text = json_dumps(copy, JSON_COMPACT);
	json_decref(copy);
	return text;
}
