/* session.*, subscription.*: about this connection. */
#include <errno.h>

#include <signalbox/services.h>

#include "api/describe.h"
#include "api/live.h"
#include "api/rpc.h"
#include "api/server.h"
#include "methods.gen.h"

int session_me_call(struct call *c)
{
	describe_claims(&c->result, &c->who, NULL);
	return 0;
}

/* This connection ends with the next look at the tokens of all. */
int session_logout_call(struct call *c)
{
	int r = access_end(&c->api->access, &c->who);

	if (r == -EPERM)
		return call_refuse(c, RPC_FORBIDDEN, NULL, "a local token ends by itself");
	if (r < 0)
		return r;
	wire_map(&c->result);
	wire_map_end(&c->result);
	return 0;
}

int subscription_cancel_call(struct call *c)
{
	int r = live_cancel(c->session, (uint32_t)call_int(c, "subscription", 0));

	if (r < 0)
		return call_fault(c, r, "/subscription");
	wire_map(&c->result);
	wire_map_end(&c->result);
	return 0;
}
