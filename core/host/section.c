#include "host/section.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <signalbox/error.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/own.h"
#include "host/schema.h"

#define LOG_MODULE "config"

struct reading {
	const struct conf *conf;
	const char *section;
	const struct schema *schema;
	json_t *doc;
	int wrong;
};

static void drop(json_t **v)
{
	json_decref(*v);
}

static int truth_of(const char *text)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };
	for (int i = 0; i < (int)ARRAY_LEN(words); i++)
		if (strcasecmp(words[i], text) == 0)
			return i & 1;
	return -1;
}

static json_t *whole(const char *text)
{
	char *end = NULL;
	errno = 0;
	long long v = strtoll(text, &end, 10);
	return errno || end == text || *end ? NULL : json_integer(v);
}

static json_t *decimal(const char *text)
{
	json_t *v = whole(text);
	char *end = NULL;
	if (v)
		return v;
	double d = strtod(text, &end);
	return end == text || *end || !isfinite(d) ? NULL : json_real(d);
}

/* The text as a value of the schema's type; NULL if it is none. */
static json_t *convert(const json_t *schema, const char *text)
{
	json_t *v = NULL;
	if (!schema || json_is_boolean(schema))
		return json_string(text);
	if (schema_allows(schema, "boolean") && json_object_get(schema, "type")) {
		int truth = truth_of(text);
		v = truth < 0 ? NULL : json_boolean(truth);
	}
	if (!v && json_object_get(schema, "type")) {
		if (schema_allows(schema, "number"))
			v = decimal(text);
		else if (schema_allows(schema, "integer"))
			v = whole(text);
	}
	if (!v && (text[0] == '{' || text[0] == '[') &&
	    (schema_allows(schema, "object") || schema_allows(schema, "array")))
		v = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (!v && schema_allows(schema, "string"))
		v = json_string(text);
	return v;
}

static void complain(struct reading *rd, const struct conf_entry *e, const char *text)
{
	rd->wrong++;
	log_error(0, "%s: [%s] %s = %s: %s", e->origin, rd->section, e->key, e->value, text);
}

static const char *type_text(const json_t *schema)
{
	if (schema_allows(schema, "boolean"))
		return "must be yes or no";
	if (schema_allows(schema, "integer"))
		return "must be a whole number";
	if (schema_allows(schema, "number"))
		return "must be a number";
	return "cannot be read";
}

static bool is_list(const json_t *schema)
{
	return schema && json_object_get(schema, "type") && schema_allows(schema, "array");
}

/* "[::1]:1883" begins like one. */
static bool is_json_list(const char *text)
{
	json_t *v = text[0] == '[' ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
	bool is_list = json_is_array(v);

	json_decref(v);
	return is_list;
}

static void unknown_key(struct reading *rd, const struct conf_entry *e)
{
	char text[1024] = "not known here; known are: enabled";
	size_t at = strlen(text);
	char shown[64];
	const char *key = NULL;
	json_t *member = NULL;
	json_t *properties = rd->schema ? json_object_get(schema_root(rd->schema), "properties")
	                                : NULL;
	json_object_foreach(properties, key, member)
	{
		int n = snprintf(text + at, sizeof(text) - at, ", %s",
		                 conf_show_key(key, shown, sizeof(shown)));
		at += n > 0 ? (size_t)n : 0;
		if (at >= sizeof(text))
			break;
	}
	complain(rd, e, text);
}

/* The option as the schema spells it, where that differs; else the key as it was given. */
static const char *name_of(const json_t *root, const char *given)
{
	json_t *properties = json_object_get(root, "properties");
	const char *key = NULL;
	json_t *member = NULL;
	if (json_object_get(properties, given))
		return given;
	json_object_foreach(properties, key, member)
	{
		if (conf_same_key(key, given))
			return key;
	}
	return given;
}

static int take_entry(struct reading *rd, const struct conf_entry *e)
{
	if (strcmp(e->key, "enabled") == 0)
		return 0;
	const json_t *root = rd->schema ? schema_root(rd->schema) : NULL;
	const char *key = name_of(root, e->key);
	bool is_known = false;
	const json_t *own = root ? schema_member(root, key, &is_known) : NULL;
	/* An option nobody declared is a typing mistake, unless the schema opens itself. */
	if (!own && !json_is_true(json_object_get(root, "additionalProperties"))) {
		unknown_key(rd, e);
		return 0;
	}
	json_t *have = json_object_get(rd->doc, key);
	bool as_list = is_list(own) && !is_json_list(e->value);
	json_t *v = convert(as_list ? json_object_get(own, "items") : own, e->value);
	if (!v) {
		complain(rd, e, type_text(as_list ? json_object_get(own, "items") : own));
		return 0;
	}
	if (have && !as_list) {
		json_decref(v);
		complain(rd, e, "given twice, but takes one value");
		return 0;
	}
	if (!as_list)
		return json_object_set_new(rd->doc, key, v) < 0 ? -ENOMEM : 0;
	if (!have && json_object_set_new(rd->doc, key, json_array()) < 0)
		return -ENOMEM;
	return json_array_append_new(json_object_get(rd->doc, key), v) < 0 ? -ENOMEM : 0;
}

/* The entry a JSON pointer is about: its first step is the key, its second the how-manieth. */
static const struct conf_entry *entry_of(const struct reading *rd, const char *pointer)
{
	size_t n = strcspn(pointer + (pointer[0] == '/'), "/");
	char key[64] = "";
	memcpy(key, pointer + (pointer[0] == '/'), MIN(n, sizeof(key) - 1));
	long nth = pointer[n + (pointer[0] == '/')] == '/' ? strtol(pointer + n + 2, NULL, 10) : 0;
	const struct conf_entry *e = NULL;
	const struct conf_entry *last = NULL;
	for (size_t i = 0; (e = conf_entry(rd->conf, rd->section, i)); i++) {
		if (!conf_same_key(e->key, key))
			continue;
		last = e;
		if (nth-- == 0)
			return e;
	}
	return last;
}

static void report(void *ud, const char *pointer, const char *text)
{
	struct reading *rd = ud;
	const struct conf_entry *e = entry_of(rd, pointer);
	if (e) {
		complain(rd, e, text);
		return;
	}
	char shown[128];
	rd->wrong++;
	log_error(0, "[%s]%s%s: %s", rd->section, pointer[0] ? " " : "",
	          conf_show_key(pointer + (pointer[0] == '/'), shown, sizeof(shown)), text);
}

int section_read(json_t **out, const struct conf *conf, const char *section,
                 const struct schema *schema)
{
	_own_(drop) json_t *doc = json_object();
	struct reading rd = { conf, section, schema, doc, 0 };
	const struct conf_entry *e = NULL;
	if (!doc)
		return -ENOMEM;
	for (size_t i = 0; (e = conf_entry(conf, section, i)); i++) {
		int r = take_entry(&rd, e);
		if (r < 0)
			return r;
	}
	int r = schema ? schema_fill(schema, doc) : 0;
	if (r < 0)
		return r;
	if (schema && !rd.wrong)
		schema_check(schema, doc, report, &rd);
	if (rd.wrong)
		return SB_E_MALFORMED;
	*out = steal(doc);
	return 0;
}

int section_enabled(const struct conf *conf, const char *section, int *enabled)
{
	const struct conf_entry *e = NULL;
	*enabled = 1;
	for (size_t i = 0; (e = conf_entry(conf, section, i)); i++) {
		if (strcmp(e->key, "enabled") != 0)
			continue;
		*enabled = truth_of(e->value);
		if (*enabled < 0)
			return log_error(SB_E_MALFORMED, "%s: [%s] enabled = %s: must be yes or no",
			                 e->origin, section, e->value);
	}
	return 0;
}
