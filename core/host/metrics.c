#include "host/metrics.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "host/service.h"
#include "host/state.h"

#define LOG_MODULE       "host"
#define MAX_NAME_BYTES   64
#define MAX_PER_INSTANCE 256

struct cell {
	uint64_t value; /* or an int64_t, for a gauge */
	const struct instance *instance;
	char *name, *help;
	bool is_gauge;
	struct cell *next;
};

struct metrics {
	pthread_mutex_t lock;
	struct cell *first; /* by name */
};

int metrics_new(struct metrics **out)
{
	struct metrics *m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	pthread_mutex_init(&m->lock, NULL);
	*out = m;
	return 0;
}

static void cell_free(struct cell *c)
{
	free(c->name);
	free(c->help);
	free(c);
}

struct metrics *metrics_free(struct metrics *m)
{
	if (!m)
		return NULL;
	while (m->first) {
		struct cell *next = m->first->next;
		cell_free(m->first);
		m->first = next;
	}
	pthread_mutex_destroy(&m->lock);
	free(m);
	return NULL;
}

static bool is_name(const char *name)
{
	size_t n = name ? strnlen(name, MAX_NAME_BYTES + 1) : 0;
	if (n == 0 || n > MAX_NAME_BYTES || isdigit((unsigned char)name[0]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!islower((unsigned char)name[i]) && !isdigit((unsigned char)name[i]) &&
		    name[i] != '_')
			return false;
	return true;
}

static struct cell *cell_new(const struct instance *in, const char *name, const char *help,
                             bool is_gauge)
{
	struct cell *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->instance = in;
	c->name = strdup(name);
	c->help = strdup(help ? help : "");
	c->is_gauge = is_gauge;
	if (c->name && c->help)
		return c;
	cell_free(c);
	return NULL;
}

static void *find_or_make(struct metrics *m, const struct instance *in, const char *name,
                          const char *help, bool is_gauge)
{
	struct cell **place = NULL;
	struct cell **at = &m->first;
	size_t count = 0;
	for (; *at; at = &(*at)->next) {
		int order = strcmp((*at)->name, name);
		if (order == 0 && (*at)->is_gauge != is_gauge)
			return NULL;
		if (order == 0 && (*at)->instance == in)
			return &(*at)->value;
		if (order > 0 && !place)
			place = at;
		count += (*at)->instance == in;
	}
	if (count >= MAX_PER_INSTANCE)
		return NULL;
	struct cell *c = cell_new(in, name, help, is_gauge);
	if (!c)
		return NULL;
	if (!place)
		place = at;
	c->next = *place;
	*place = c;
	return &c->value;
}

void *metrics_cell(struct metrics *m, const struct instance *in, const char *name, const char *help,
                   bool is_gauge)
{
	void *cell = NULL;
	if (is_name(name)) {
		pthread_mutex_lock(&m->lock);
		cell = find_or_make(m, in, name, help, is_gauge);
		pthread_mutex_unlock(&m->lock);
	}
	if (!cell)
		log_warn(0, "%s cannot have the metric \"%.64s\"", in ? in->name : "the host",
		         name ? name : "");
	return cell;
}

void metrics_forget(struct metrics *m, const struct instance *in)
{
	pthread_mutex_lock(&m->lock);
	for (struct cell **at = &m->first; *at;) {
		struct cell *c = *at;
		if (c->instance != in) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		cell_free(c);
	}
	pthread_mutex_unlock(&m->lock);
}

void metrics_each(struct metrics *m, host_metric_fn fn, void *ud)
{
	pthread_mutex_lock(&m->lock);
	for (const struct cell *c = m->first; c; c = c->next) {
		uint64_t v = __atomic_load_n(&c->value, __ATOMIC_RELAXED);
		fn(ud, c->instance ? c->instance->name : "", c->name,
		   c->is_gauge ? "gauge" : "counter", c->help,
		   c->is_gauge ? (double)(int64_t)v : (double)v);
	}
	pthread_mutex_unlock(&m->lock);
}

/* ---- "sb.metrics/1" */

static uint64_t *counter(struct sb_host *h, const char *name, const char *help)
{
	struct instance *in = instance_of(h);
	return metrics_cell(in->host->metrics, in, name, help, false);
}

static int64_t *gauge(struct sb_host *h, const char *name, const char *help)
{
	struct instance *in = instance_of(h);
	return metrics_cell(in->host->metrics, in, name, help, true);
}

const struct sb_metrics *service_metrics(void)
{
	static const struct sb_metrics table = {
		.size = sizeof(table),
		.counter = counter,
		.gauge = gauge,
	};
	return &table;
}
