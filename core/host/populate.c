#include "host/populate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "host/crash_log.h"
#include "host/lifecycle.h"
#include "host/section.h"
#include "host/state.h"

#define LOG_MODULE "host"

#define MAX_INSTANCE_NAME 80

const struct product *populate_product(const struct host *host, const char *section)
{
	size_t n = strcspn(section, " ");
	for (size_t i = 0; i < host->n_products; i++) {
		const char *own = host->products[i]->descriptor->section;
		if (strlen(own) == n && strncmp(own, section, n) == 0)
			return host->products[i];
	}
	return NULL;
}

static size_t count_of(const struct host *host, const struct product *product)
{
	size_t n = 0;
	for (size_t i = 0; i < host->n_instances; i++)
		n += host->instances[i]->product == product;
	return n;
}

/* Three deaths in ten minutes: the platform goes on without it. */
static bool quarantine(struct instance *in)
{
	const struct crash_log *crashes = in->host->crashes;
	if (!crash_log_is_serial(crashes, in->name, in->descriptor->version))
		return false;
	log_error(
		0,
		"%s is not started: it crashed three times within ten minutes; remove the records in %s to try again",
		in->name, crash_log_dir(crashes));
	lifecycle_quarantine(in, "crashed three times within ten minutes");
	return true;
}

static int read_config(struct instance *in, const struct conf *conf)
{
	json_t *doc = NULL;
	int r = section_read(&doc, conf, in->name, in->product->schema);
	if (r >= 0)
		r = config_init(&in->config, doc, in->product->schema);
	if (r >= 0 && !(in->config_text = config_show(&in->config)))
		r = -ENOMEM;
	return r;
}

static int add(struct host *host, const struct conf *conf, const struct product *product,
               const char *name, bool is_explicit)
{
	if (host->n_instances == MAX_INSTANCES)
		return log_error(SB_E_QUOTA, "[%s]: there are %d instances already", name,
		                 MAX_INSTANCES);
	if (product->descriptor->flags & SB_SINGLETON && count_of(host, product))
		return log_error(SB_E_EXISTS, "[%s]: %s can have one instance only", name,
		                 product->descriptor->id);
	struct instance *in = NULL;
	int r = lifecycle_new(&in, host, product, name);
	if (r < 0)
		return log_error(r, "cannot make %s", name);
	in->is_explicit = is_explicit;
	host->instances[host->n_instances] = in;
	atomic_fetch_add_explicit(&host->n_instances, 1, memory_order_release);
	if (quarantine(in))
		return 0;
	r = read_config(in, conf);
	if (r < 0) {
		atomic_store(&in->state, INSTANCE_FAILED);
		return r;
	}
	r = lifecycle_create(in);
	return r < 0 ? r : lifecycle_configure(in);
}

int populate_check_name(const char *section)
{
	size_t n = strlen(section);
	if (n <= MAX_INSTANCE_NAME && text_is_name(sb_str_of(section, n), n))
		return 0;
	return log_error(SB_E_NAME, "[%.80s]: the name of an instance has at most %d bytes",
	                 section, MAX_INSTANCE_NAME);
}

static int add_section(struct host *host, const struct conf *conf, const char *section)
{
	const struct product *product = populate_product(host, section);
	int enabled = 0;
	if (!product)
		return 0;
	int r = populate_check_name(section);
	if (r >= 0)
		r = section_enabled(conf, section, &enabled);
	if (r < 0 || !enabled)
		return r;
	r = add(host, conf, product, section, true);
	return MIN(r, 0);
}

int populate_check(const struct host *host, const struct conf *conf)
{
	int first = 0;
	const char *section = NULL;
	for (size_t i = 0; (section = conf_section(conf, i)); i++) {
		const struct product *product = populate_product(host, section);
		json_t *doc = NULL;
		int enabled = 0;
		if (!product)
			continue;
		int r = populate_check_name(section);
		if (r >= 0)
			r = section_enabled(conf, section, &enabled);
		if (r >= 0 && enabled)
			r = section_read(&doc, conf, section, product->schema);
		json_decref(doc);
		if (r < 0 && first == 0)
			first = r;
	}
	return first;
}

bool populate_has_section(const struct host *host, const struct conf *conf,
                          const struct product *product)
{
	const char *section = NULL;
	for (size_t i = 0; (section = conf_section(conf, i)); i++)
		if (populate_product(host, section) == product)
			return true;
	return false;
}

int populate_host(struct host *host, const struct conf *conf)
{
	int first = 0;
	const char *section = NULL;
	for (size_t i = 0; (section = conf_section(conf, i)); i++) {
		int r = add_section(host, conf, section);
		if (r < 0 && first == 0)
			first = r;
	}
	for (size_t i = 0; i < host->n_products; i++) {
		const struct product *p = host->products[i];
		if (p->descriptor->flags & SB_AUTOSTART && !populate_has_section(host, conf, p))
			(void)add(host, conf, p, p->descriptor->section, false);
	}
	return first;
}
