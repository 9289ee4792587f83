/* plugin.*: what is loaded and how it fares. */
#include "api/rpc.h"
#include "api/server.h"
#include "host/host.h"
#include "methods.gen.h"

int plugin_list_call(struct call *c)
{
	host_describe(c->api->config.host, &c->result);
	return 0;
}
