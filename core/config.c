#define LOG_MODULE "config"
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/own.h"
#include "host/host.h"
#include "settings.h"

bool config_is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]", 5) == 0 ||
	       strncmp(address, "localhost:", 10) == 0;
}

static int listen_check(const struct settings *s)
{
	if (config_is_loopback(s->http_listen) || *s->tls_cert || s->http_insecure)
		return 0;
	log_error(0,
	          "http.listen = %s is open to other machines without TLS: set tls.certificate and "
	          "tls.key, or http.insecure = yes behind a proxy",
	          s->http_listen);
	return -EINVAL;
}

int config_read(const struct args *args, struct conf **conf, struct settings *settings)
{
	int r = conf_new(conf);
	if (r == 0 && args->config)
		r = conf_load(*conf, args->config);
	for (size_t i = 0; r == 0 && i < args->n_sets; i++)
		r = conf_set(*conf, args->sets[i]);
	if (r == 0)
		r = settings_fill(settings, *conf);
	return r < 0 ? r : listen_check(settings);
}

int config_place_stores(struct conf *conf, const char *data)
{
	static const struct {
		const char *key, *below;
	} places[] = { { "docs.dir", "" }, { "store.dir", "/series" } };

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		_own_(freep) char *text = NULL;
		if (asprintf(&text, "%s=%s%s", places[i].key, data, places[i].below) < 0)
			return -ENOMEM;
		int r = conf_set(conf, text);
		if (r < 0)
			return r;
	}
	return 0;
}

int config_check_sections(const struct conf *conf, const struct host *host)
{
	const char *name;
	int r = 0;

	for (size_t i = 0; (name = conf_section(conf, i)); i++) {
		const struct conf_entry *first = conf_entry(conf, name, 0);
		if (settings_has_section(name) || host_has_section(host, name))
			continue;
		log_error(0, "%s: no part of the platform and no loaded plugin has a section [%s]",
		          first ? first->origin : "configuration", name);
		r = -EINVAL;
	}
	return r;
}
