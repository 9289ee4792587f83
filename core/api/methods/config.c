/* system.config, system.reload: the platform's own configuration. */
#include <errno.h>

#include "api/rpc.h"
#include "api/server.h"
#include "methods.gen.h"

#define LOG_MODULE "api"
#include "base/log.h"

/* It starts or stops. */
static int later(struct call *c, int r)
{
	return r == -ESHUTDOWN ? call_refuse(c, RPC_UNAVAILABLE, NULL, NULL) : r;
}

int system_config_call(struct call *c)
{
	const struct api_config *config = &c->api->config;

	return later(c, config->platform->config(config->platform_ud, &c->result));
}

int system_reload_call(struct call *c)
{
	const struct api_config *config = &c->api->config;
	bool dry_run = call_bool(c, "dry_run");

	if (!dry_run)
		log_info("%s asks for the configuration to be read again", c->who.subject);
	return later(c, config->platform->reload(config->platform_ud, dry_run, &c->result));
}
