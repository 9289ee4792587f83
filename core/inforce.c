#include "inforce.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/own.h"
#include "base/wire.h"
#include "host/host.h"
#include "settings.h"

struct line {
	char *text, *origin; /* origin NULL: the default */
	bool waits;
};

struct inforce {
	struct line *lines; /* in the order of settings_table */
	size_t n;
};

int inforce_new(struct inforce **out, const struct conf *conf)
{
	struct inforce *f = calloc(1, sizeof(*f));
	int r = 0;

	if (!f)
		return -ENOMEM;
	while (settings_table[f->n].section)
		f->n++;
	/* NOLINTNEXTLINE(clang-analyzer-optin.portability.UnixAPI): the table has rows */
	f->lines = calloc(f->n, sizeof(*f->lines));
	if (!f->lines)
		r = -ENOMEM;
	for (size_t i = 0; i < f->n && r == 0; i++)
		r = inforce_take(f, conf, &settings_table[i], false);
	if (r < 0)
		inforce_free(f);
	else
		*out = f;
	return r;
}

struct inforce *inforce_free(struct inforce *f)
{
	if (!f)
		return NULL;
	for (size_t i = 0; f->lines && i < f->n; i++) {
		free(f->lines[i].text);
		free(f->lines[i].origin);
	}
	free(f->lines);
	free(f);
	return NULL;
}

const char *inforce_text(const struct inforce *f, const struct option_spec *spec)
{
	return f->lines[spec - settings_table].text;
}

const struct conf_entry *inforce_entry(const struct conf *conf, const char *section,
                                       const char *key)
{
	const struct conf_entry *found = NULL;
	const struct conf_entry *e;

	for (size_t i = 0; (e = conf_entry(conf, section, i)); i++)
		if (conf_same_key(e->key, key))
			found = e;
	return found;
}

int inforce_take(struct inforce *f, const struct conf *conf, const struct option_spec *spec,
                 bool waits)
{
	struct line *line = &f->lines[spec - settings_table];
	const struct conf_entry *e = inforce_entry(conf, spec->section, spec->key);

	line->waits = waits;
	if (waits)
		return 0;
	char *text = strdup(e ? e->value : spec->fallback);
	char *origin = e ? strdup(e->origin) : NULL;

	if (!text || (e && !origin)) {
		free(text);
		free(origin);
		return -ENOMEM;
	}
	free(line->text);
	free(line->origin);
	line->text = text;
	line->origin = origin;
	return 0;
}

/* ---- telling it */

static void give_line(struct wire *w, const char *section, const char *key, const char *value,
                      const char *origin)
{
	char shown[64];

	wire_map(w);
	wire_key_text(w, "section", section);
	wire_key_text(w, "key", conf_show_key(key, shown, sizeof(shown)));
	wire_key_text(w, "value", value);
	wire_key_text(w, "origin", origin ? origin : "default");
}

static void give_value(struct wire *w, const char *section, const char *key, const json_t *v,
                       const char *origin)
{
	_own_(freep) char *text = json_is_string(v) ? NULL
	                                            : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	const char *value = json_is_string(v)    ? json_string_value(v)
	                    : json_is_boolean(v) ? (json_is_true(v) ? "yes" : "no")
	                                         : text;

	give_line(w, section, key, value ? value : "", origin);
	wire_map_end(w);
}

static void give_section(struct wire *w, const struct conf *conf, const char *name,
                         const char *json)
{
	json_t *doc = json_loads(json, 0, NULL);
	const char *key;
	json_t *member;

	json_object_foreach(doc, key, member)
	{
		const struct conf_entry *e = inforce_entry(conf, name, key);
		const json_t *one;
		size_t i;

		json_array_foreach(member, i, one)
			give_value(w, name, key, one, e ? e->origin : NULL);
		if (!json_is_array(member))
			give_value(w, name, key, member, e ? e->origin : NULL);
	}
	json_decref(doc);
}

void inforce_give(const struct inforce *f, const struct conf *conf, const struct host *host,
                  struct wire *w)
{
	const char *name;
	const char *json;

	wire_map(w);
	wire_key(w, "lines");
	wire_array(w);
	for (size_t i = 0; i < f->n; i++) {
		const struct option_spec *spec = &settings_table[i];
		const struct conf_entry *e = inforce_entry(conf, spec->section, spec->key);

		give_line(w, spec->section, spec->key, f->lines[i].text, f->lines[i].origin);
		if (f->lines[i].waits)
			wire_key_text(w, "next_start", e ? e->value : spec->fallback);
		wire_map_end(w);
	}
	for (size_t i = 0; host_config(host, i, &name, &json); i++)
		give_section(w, conf, name, json);
	wire_array_end(w);
	wire_map_end(w);
}
