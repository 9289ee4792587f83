/* call.*: calls about calls. */
#include "api/rpc.h"
#include "methods.gen.h"

int call_cancel_call(struct call *c)
{
	bool found = c->session && rpc_cancel(c, json_object_get(c->params, "id"));

	wire_map(&c->result);
	wire_key(&c->result, "found");
	wire_bool(&c->result, found);
	wire_map_end(&c->result);
	return 0;
}
