#include "reference.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/own.h"
#include "host/host.h"
#include "host/schema.h"
#include "live.h"
#include "settings.h"

#define WIDTH 76

/* A comment of words that fit the line. */
static void print_words(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column && column + 1 + n > WIDTH)
			column = 0, (void)putchar('\n');
		column += (size_t)printf("%s%.*s", column ? " " : "# ", (int)n, text);
		text += n + strspn(text + n, " ");
	}
	(void)putchar('\n');
}

/* ---- the platform's own */

static void print_option(const struct option_spec *o)
{
	const char *later = live_has(o) ? "" : "; next start";
	char range[256];
	char text[768];

	conf_describe(o, range, sizeof(range));
	if (o->kind == OPTION_TEXT)
		(void)snprintf(text, sizeof(text), "%s%s", o->help, later);
	else
		(void)snprintf(text, sizeof(text), "%s (%s)%s", o->help, range, later);
	print_words(text);
	printf("#%s =%s%s\n", o->key, *o->fallback ? " " : "", o->fallback);
}

/* ---- those of a plugin */

static void print_value(const char *key, const json_t *v)
{
	_own_(freep) char *number = json_is_number(v) ? json_dumps(v, JSON_ENCODE_ANY) : NULL;
	const char *text = json_is_boolean(v)  ? (json_is_true(v) ? "yes" : "no")
	                   : json_is_string(v) ? json_string_value(v)
	                                       : number;

	char shown[64];

	printf("#%s =%s%s\n", conf_show_key(key, shown, sizeof(shown)), text && *text ? " " : "",
	       text ? text : "");
}

static void print_default(const char *key, const json_t *v)
{
	const json_t *one;
	size_t i;

	json_array_foreach(v, i, one) print_value(key, one);
	if (json_array_size(v) == 0)
		print_value(key, v);
}

static bool is_required(const json_t *schema, const char *key)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(schema, "required"), i,
	                   one) if (strcmp(json_string_value(one), key) == 0) return true;
	return false;
}

static void print_property(const json_t *schema, const char *key, const json_t *p)
{
	const char *help = json_string_value(json_object_get(p, "description"));
	const json_t *least = json_object_get(p, "minimum");
	const json_t *most = json_object_get(p, "maximum");
	const json_t *word;
	char text[1024];
	size_t i;
	size_t n = (size_t)snprintf(text, sizeof(text), "%s", help ? help : key);

	json_array_foreach(json_object_get(p, "enum"), i, word) if (n < sizeof(text))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? "|" : ": ",
	                              json_string_value(word));
	if (json_is_integer(least) && json_is_integer(most) && n < sizeof(text))
		n += (size_t)snprintf(text + n, sizeof(text) - n, " (%lld to %lld)",
		                      (long long)json_integer_value(least),
		                      (long long)json_integer_value(most));
	if (is_required(schema, key) && n < sizeof(text))
		(void)snprintf(text + n, sizeof(text) - n, "; must be given");
	print_words(text);
	print_default(key, json_object_get(p, "default"));
}

static bool is_set(const struct conf *conf, const char *section, const char *key)
{
	const struct conf_entry *e;

	for (size_t i = 0; (e = conf_entry(conf, section, i)); i++)
		if (conf_same_key(e->key, key))
			return true;
	return false;
}

static void print_plugin(const struct conf *conf, const char *section, const char *summary,
                         const json_t *schema)
{
	const char *key;
	json_t *property;

	printf("\n[%s]\n", section);
	print_words(summary);
	print_words("part of the platform or not");
	printf("#enabled = yes\n");
	json_object_foreach(json_object_get(schema, "properties"), key,
	                    property) if (!is_set(conf, section, key))
		print_property(schema, key, property);
}

void reference_print(const struct host *host, const struct conf *conf)
{
	const char *section = "";
	const char *summary;
	const struct schema *schema;

	for (const struct option_spec *o = settings_table; o->section; o++) {
		if (strcmp(o->section, section) != 0)
			printf("%s[%s]\n", *section ? "\n" : "", o->section);
		section = o->section;
		print_option(o);
	}
	for (size_t i = 0; host_options(host, i, &section, &summary, &schema); i++)
		if (schema)
			print_plugin(conf, section, summary, schema_root(schema));
}
