#include "host/revise.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/own.h"
#include "host/lifecycle.h"
#include "host/populate.h"
#include "host/section.h"
#include "host/state.h"

#define LOG_MODULE "host"

/* One instance that is not to stay as it is. */
struct step {
	struct instance *in;
	enum revise_effect effect;
	struct config config;  /* the other one: the new until it is applied, then the old */
	char *text;            /* the same for people */
	char *origin;          /* where the new one begins; NULL: no line does */
	bool is_new, is_ended; /* of this revision; ended: stopped and destroyed */
	bool is_swapped;       /* in->config is the new one */
};

struct revise {
	struct host *host;
	struct step *steps;
	size_t n;
	struct instance **wanted; /* by the new configuration */
	size_t n_wanted;
	int first; /* fault */
};

struct revise *revise_free(struct revise *v)
{
	if (!v)
		return NULL;
	for (size_t i = 0; i < v->n; i++) {
		config_fini(&v->steps[i].config);
		free(v->steps[i].text);
		free(v->steps[i].origin);
	}
	free(v->steps);
	free(v->wanted);
	free(v);
	return NULL;
}

void revise_freep(struct revise **v)
{
	revise_free(*v);
}

/* ---- what is to change */

static void fault(struct revise *v, int r)
{
	if (v->first == 0)
		v->first = r;
}

static struct instance *find(const struct host *host, const char *name)
{
	for (size_t i = 0; i < host->n_instances; i++)
		if (strcmp(host->instances[i]->name, name) == 0)
			return host->instances[i];
	return NULL;
}

static bool is_wanted(const struct revise *v, const struct instance *in)
{
	for (size_t i = 0; i < v->n_wanted; i++)
		if (v->wanted[i] == in)
			return true;
	return false;
}

static int want(struct revise *v, struct instance *in)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): found or made */
	if (in->descriptor->flags & SB_SINGLETON)
		for (size_t i = 0; i < v->n_wanted; i++)
			if (v->wanted[i]->product == in->product)
				return log_error(SB_E_EXISTS, "[%s]: %s can have one instance only",
				                 in->name, in->descriptor->id);
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): the pointers are what is counted */
	struct instance **more = reallocarray(v->wanted, v->n_wanted + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	v->wanted = more;
	more[v->n_wanted++] = in;
	return 0;
}

/* Takes config. */
static int add_step(struct revise *v, struct instance *in, enum revise_effect effect,
                    struct config *config)
{
	struct step *more = reallocarray(v->steps, v->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	/* Their documents are found through pointers to themselves. */
	for (size_t i = 0; i < v->n; i++)
		more[i].config.table.impl = &more[i].config;
	v->steps = more;
	struct step *s = &more[v->n++];
	*s = (struct step){ .in = in, .effect = effect };
	config_swap(&s->config, config);
	if (s->config.doc && !(s->text = config_show(&s->config)))
		return -ENOMEM;
	return 0;
}

/* A place for an instance that does not exist yet; shown to nobody before it is started. */
static int make_place(struct host *host, const struct product *product, const char *name,
                      struct instance **out)
{
	if (host->n_instances == MAX_INSTANCES)
		return log_error(SB_E_QUOTA,
		                 "[%s]: there are %d instances, those counted that were removed "
		                 "since the start: restart the service",
		                 name, MAX_INSTANCES);
	int r = lifecycle_new(out, host, product, name);
	if (r < 0)
		return log_error(r, "cannot make %s", name);
	atomic_store(&(*out)->state, INSTANCE_REMOVED);
	host->instances[host->n_instances] = *out;
	atomic_fetch_add_explicit(&host->n_instances, 1, memory_order_release);
	return 0;
}

static enum revise_effect effect_on(const struct instance *in)
{
	enum instance_state state = instance_state(in);
	if (in->is_stuck || state == INSTANCE_QUARANTINED)
		return REVISE_PROCESS;
	if (lifecycle_is_alone(in->descriptor))
		return state == INSTANCE_REMOVED ? REVISE_ADDED : REVISE_INSTANCE;
	/* Others hold its tables; what it takes live it may have. */
	return state == INSTANCE_RUNNING && SB_HAS(in->descriptor->ops, reconfigure)
	               ? REVISE_INSTANCE
	               : REVISE_PROCESS;
}

static int compare(struct revise *v, const struct conf *conf, const struct product *product,
                   const char *name, bool is_explicit)
{
	struct config config = { 0 };
	struct instance *in = find(v->host, name);
	json_t *doc = NULL;
	int r = section_read(&doc, conf, name, product->schema);
	if (r >= 0)
		r = config_init(&config, doc, product->schema);
	if (r >= 0 && !in)
		r = make_place(v->host, product, name, &in);
	if (r >= 0)
		r = want(v, in);
	if (r < 0) {
		config_fini(&config);
		return r;
	}
	in->is_explicit = is_explicit;
	enum revise_effect effect = effect_on(in);
	bool is_new = instance_state(in) == INSTANCE_REMOVED;
	if (!is_new && json_equal(in->config.doc, config.doc)) {
		config_fini(&config);
		return 0;
	}
	bool try = lifecycle_is_alone(in->descriptor) && effect != REVISE_PROCESS &&
	           !(in->descriptor->flags & SB_SINGLETON);
	if (try)
		r = lifecycle_try(in, &config);
	const struct conf_entry *e = conf_entry(conf, name, 0);
	if (r < 0)
		log_error(0, "%s: [%s] is refused by its plugin", e ? e->origin : "built in", name);
	if (r >= 0)
		r = add_step(v, in, effect, &config);
	if (r >= 0 && e)
		v->steps[v->n - 1].origin = strdup(e->origin);
	config_fini(&config);
	return r;
}

static void compare_section(struct revise *v, const struct conf *conf, const char *section)
{
	const struct product *product = populate_product(v->host, section);
	int enabled = 0;
	if (!product)
		return;
	int r = populate_check_name(section);
	if (r >= 0)
		r = section_enabled(conf, section, &enabled);
	if (r >= 0 && enabled)
		r = compare(v, conf, product, section, true);
	if (r < 0)
		fault(v, r);
}

static void compare_removed(struct revise *v)
{
	for (size_t i = 0; i < v->host->n_instances; i++) {
		struct instance *in = v->host->instances[i];
		if (instance_state(in) == INSTANCE_REMOVED || is_wanted(v, in))
			continue;
		bool may = lifecycle_is_alone(in->descriptor) && !in->is_stuck;
		int r = add_step(v, in, may ? REVISE_REMOVED : REVISE_PROCESS,
		                 &(struct config){ 0 });
		if (r < 0)
			fault(v, r);
	}
}

int revise_new(struct revise **out, struct host *host, const struct conf *conf)
{
	_own_(revise_freep) struct revise *v = calloc(1, sizeof(*v));
	const char *section = NULL;
	if (!v)
		return -ENOMEM;
	v->host = host;
	for (size_t i = 0; (section = conf_section(conf, i)); i++)
		compare_section(v, conf, section);
	for (size_t i = 0; i < host->n_products; i++) {
		const struct product *p = host->products[i];
		if (!(p->descriptor->flags & SB_AUTOSTART) || populate_has_section(host, conf, p))
			continue;
		int r = compare(v, conf, p, p->descriptor->section, false);
		if (r < 0)
			fault(v, r);
	}
	if (v->first == 0)
		compare_removed(v);
	if (v->first < 0)
		return v->first;
	*out = steal(v);
	return 0;
}

/* ---- changing it */

/* The other configuration becomes the one in force. */
static void swap(struct step *s)
{
	config_swap(&s->in->config, &s->config);
	pthread_mutex_lock(&s->in->lock);
	char *text = s->in->config_text;
	s->in->config_text = s->text;
	pthread_mutex_unlock(&s->in->lock);
	s->text = text;
	s->is_swapped = !s->is_swapped;
}

static void take_live(struct step *s)
{
	if (s->effect != REVISE_INSTANCE)
		return;
	int r = lifecycle_reconfigure(s->in, &s->config);
	if (s->in->is_stuck) {
		/* It may still read it: the memory is left to the system. */
		s->config = (struct config){ 0 };
		s->effect = REVISE_PROCESS;
	} else if (r == 0) {
		swap(s);
		s->effect = REVISE_LIVE;
	} else if (!lifecycle_is_alone(s->in->descriptor)) {
		s->effect = REVISE_PROCESS;
	}
}

static int end(struct step *s)
{
	if (s->effect != REVISE_INSTANCE && s->effect != REVISE_REMOVED)
		return 0;
	int r = lifecycle_end(s->in);
	if (r < 0)
		return log_error(r, "%s hangs: it needs a restart of the whole service",
		                 s->in->name);
	s->is_ended = true;
	return 0;
}

static int begin(struct step *s)
{
	if (s->effect != REVISE_INSTANCE && s->effect != REVISE_ADDED)
		return 0;
	if (s->effect == REVISE_ADDED)
		s->is_new = true;
	s->is_ended = false;
	swap(s);
	int r = lifecycle_begin(s->in);
	if (r < 0)
		log_error(0, "%s: [%s] cannot run like this", s->origin ? s->origin : "built in",
		          s->in->name);
	return r;
}

static void forget(struct instance *in)
{
	(void)lifecycle_end(in);
	if (!in->is_stuck)
		atomic_store(&in->state, INSTANCE_REMOVED);
}

static void undo(struct step *s)
{
	if (s->in->is_stuck)
		return;
	if (s->is_new) {
		forget(s->in);
		return;
	}
	if (s->effect == REVISE_LIVE) {
		swap(s);
		if (lifecycle_reconfigure(s->in, &s->in->config) == 0)
			return;
	} else if (!s->is_ended && !s->is_swapped) {
		return;
	} else if (s->is_swapped) {
		swap(s);
	}
	int r = s->is_ended ? 0 : lifecycle_end(s->in);
	if (r >= 0)
		r = lifecycle_begin(s->in);
	if (r < 0)
		log_error(r, "%s does not come back with its old configuration", s->in->name);
}

static int each(struct revise *v, int (*fn)(struct step *s), void (*alive)(void))
{
	int r = 0;
	for (size_t i = 0; i < v->n && r >= 0; i++) {
		r = fn(&v->steps[i]);
		if (alive)
			alive();
	}
	return MIN(r, 0);
}

int revise_apply(struct revise *v, void (*alive)(void))
{
	for (size_t i = 0; i < v->n; i++)
		take_live(&v->steps[i]);
	/* All that end do so first, so that what they hold is free for those that begin. */
	int r = each(v, end, alive);
	if (r >= 0)
		r = each(v, begin, alive);
	for (size_t i = v->n; r < 0 && i-- > 0;) {
		undo(&v->steps[i]);
		if (alive)
			alive();
	}
	for (size_t i = 0; r >= 0 && i < v->n; i++)
		if (v->steps[i].effect == REVISE_REMOVED)
			atomic_store(&v->steps[i].in->state, INSTANCE_REMOVED);
	return r;
}

/* ---- telling it */

static void tell_keys(const struct step *s, const char *was, const char *is, revise_fn fn, void *ud)
{
	json_t *from = json_loads(was ? was : "{}", 0, NULL);
	json_t *to = json_loads(is ? is : "{}", 0, NULL);
	json_t *real_from = s->is_swapped ? s->config.doc : s->in->config.doc;
	json_t *real_to = s->is_swapped ? s->in->config.doc : s->config.doc;
	json_t *all = json_deep_copy(real_from);
	const char *key = NULL;
	json_t *member = NULL;
	if (!all)
		all = json_object();
	json_object_update_missing(all, real_to);
	json_object_foreach(all, key, member)
	{
		if (json_equal(json_object_get(real_from, key), json_object_get(real_to, key)))
			continue;
		_own_(freep) char *a = json_dumps(json_object_get(from, key),
		                                  JSON_ENCODE_ANY | JSON_COMPACT);
		_own_(freep) char *b = json_dumps(json_object_get(to, key),
		                                  JSON_ENCODE_ANY | JSON_COMPACT);
		fn(ud, &(struct revise_change){ s->in->name, key, a, b, s->effect });
	}
	json_decref(all);
	json_decref(from);
	json_decref(to);
}

void revise_each(const struct revise *v, revise_fn fn, void *ud)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct step *s = &v->steps[i];
		bool is_whole = s->effect == REVISE_ADDED || s->effect == REVISE_REMOVED ||
		                !s->text;
		if (is_whole)
			fn(ud, &(struct revise_change){ s->in->name, "", NULL, NULL, s->effect });
		else if (s->is_swapped)
			tell_keys(s, s->text, s->in->config_text, fn, ud);
		else
			tell_keys(s, s->in->config_text, s->text, fn, ud);
	}
}
