/* What of the configuration changes while the api thread runs. */
#include <errno.h>
#include <stdlib.h>

#include "api/server.h"
#include "base/own.h"

#define LOG_MODULE "api"
#include "base/log.h"

struct change {
	struct api *api;
	struct api_live live;
};

static void on_change(void *ud)
{
	_own_(freep) struct change *c = ud;
	struct api *api = c->api;

	api->config.origins = c->live.origins;
	api->config.max_clients = c->live.max_clients;
	api->config.provisioning = c->live.provisioning;
}

void api_change(struct api *api, const struct api_live *live)
{
	struct change *c = malloc(sizeof(*c));

	if (!c) {
		log_error(-ENOMEM, "http.origins and http.max-clients stay as they were");
		return;
	}
	*c = (struct change){ api, *live };
	server_post(api, on_change, c);
}
