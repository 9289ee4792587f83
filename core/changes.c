#define LOG_MODULE "config"
#include "changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/own.h"
#include "base/wire.h"
#include "inforce.h"
#include "live.h"
#include "settings.h"

static const char *const effects[] = {
	[REVISE_LIVE] = "live",       [REVISE_INSTANCE] = "instance", [REVISE_ADDED] = "added",
	[REVISE_REMOVED] = "removed", [REVISE_PROCESS] = "restart",
};

static void change_fini(struct change *c)
{
	free(c->key);
	free(c->from);
	free(c->to);
	free(c->origin);
}

void changes_fini(struct changes *c)
{
	for (size_t i = 0; i < c->n; i++)
		change_fini(&c->all[i]);
	free(c->all);
	*c = (struct changes){ 0 };
}

static char *copy(const char *text, bool *bad)
{
	char *mine = text ? strdup(text) : NULL;

	*bad |= text && !mine;
	return mine;
}

/* As struct change, texts borrowed. */
struct found {
	const char *key, *from, *to, *origin;
	enum revise_effect effect;
};

static void add(struct changes *c, const struct found *what)
{
	struct change *more = reallocarray(c->all, c->n + 1, sizeof(*more));
	bool bad = false;

	if (!more) {
		c->bad = true;
		return;
	}
	c->all = more;
	struct change *mine = &more[c->n];
	*mine = (struct change){ copy(what->key, &bad), copy(what->from, &bad),
		                 copy(what->to, &bad), copy(what->origin, &bad), what->effect };
	if (bad) {
		change_fini(mine);
		c->bad = true;
		return;
	}
	c->n++;
}

/* ---- collecting */

void changes_settings(struct changes *c, const struct inforce *f, const struct conf *conf,
                      const struct settings *was, const struct settings *is, bool tls_lives)
{
	for (const struct option_spec *spec = settings_table; spec->section; spec++) {
		const struct conf_entry *e = inforce_entry(conf, spec->section, spec->key);
		bool live = strcmp(spec->section, "tls") == 0 ? tls_lives && live_has(spec)
		                                              : live_has(spec);
		char key[96];

		if (!live_differs(spec, was, is))
			continue;
		(void)snprintf(key, sizeof(key), "%s.%s", spec->section, spec->key);
		add(c, &(struct found){ .key = key,
		                        .from = inforce_text(f, spec),
		                        .to = (e ? e->value : spec->fallback),
		                        .origin = e ? e->origin : NULL,
		                        .effect = live ? REVISE_LIVE : REVISE_PROCESS });
	}
}

void changes_renewed(struct changes *c, const char *key, const char *path)
{
	add(c, &(struct found){ .key = key, .from = path, .to = path, .effect = REVISE_LIVE });
}

struct collecting {
	struct changes *changes;
	const struct conf *conf;
};

static void on_plugin(void *ud, const struct revise_change *r)
{
	const struct collecting *into = ud;
	const struct conf_entry *e = *r->key ? inforce_entry(into->conf, r->section, r->key)
	                                     : conf_entry(into->conf, r->section, 0);
	char shown[64];
	char key[192];

	(void)snprintf(key, sizeof(key), "%s%s%s", r->section, *r->key ? "." : "",
	               conf_show_key(r->key, shown, sizeof(shown)));
	add(into->changes, &(struct found){ .key = key,
	                                    .from = r->from,
	                                    .to = r->to,
	                                    .origin = e ? e->origin : NULL,
	                                    .effect = r->effect });
}

void changes_plugins(struct changes *c, const struct revise *v, const struct conf *conf)
{
	struct collecting into = { c, conf };

	revise_each(v, on_plugin, &into);
}

/* ---- telling */

size_t changes_count(const struct changes *c, bool waiting)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += (c->all[i].effect == REVISE_PROCESS) == waiting;
	return n;
}

static const char *shown(const char *text)
{
	return text && *text ? text : "(nothing)";
}

static void log_one(const struct change *c)
{
	switch (c->effect) {
	case REVISE_LIVE:
		log_info("%s = %s is in force, was %s", c->key, shown(c->to), shown(c->from));
		return;
	case REVISE_INSTANCE:
		log_info("%s = %s is in force after a restart of its instance, was %s", c->key,
		         shown(c->to), shown(c->from));
		return;
	case REVISE_ADDED:
		log_info("[%s] is new and runs", c->key);
		return;
	case REVISE_REMOVED:
		log_info("[%s] is gone and was stopped", c->key);
		return;
	case REVISE_PROCESS:
		if (!c->from && !c->to)
			log_warn(0,
			         "[%s] waits for the next start of the service: it stays as it is",
			         c->key);
		else
			log_warn(
				0,
				"%s = %s waits for the next start of the service; %s stays in force",
				c->key, shown(c->to), shown(c->from));
		return;
	}
}

void changes_log(const struct changes *c)
{
	for (size_t i = 0; i < c->n; i++)
		log_one(&c->all[i]);
}

void changes_waiting(const struct changes *c, char *buf, size_t cap)
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < c->n && n < cap; i++)
		if (c->all[i].effect == REVISE_PROCESS)
			n += (size_t)snprintf(buf + n, cap - n, "%s%s", n ? ", " : "",
			                      c->all[i].key);
}

static void give_text(struct wire *w, const char *key, const char *text)
{
	if (text)
		wire_key_text(w, key, text);
}

void changes_give(const struct changes *c, struct wire *w)
{
	wire_array(w);
	for (size_t i = 0; i < c->n; i++) {
		const struct change *one = &c->all[i];

		wire_map(w);
		wire_key_text(w, "key", one->key);
		give_text(w, "from", one->from);
		give_text(w, "to", one->to);
		wire_key_text(w, "origin", one->origin ? one->origin : "default");
		wire_key_text(w, "effect", effects[one->effect]);
		wire_map_end(w);
	}
	wire_array_end(w);
}
