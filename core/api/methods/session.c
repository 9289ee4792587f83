/* session.*, subscription.*: about this connection. */
#include <signalbox/services.h>

#include "api/live.h"
#include "api/login.h"
#include "api/rpc.h"
#include "methods.gen.h"

int session_me_call(struct call *c)
{
	login_give(&c->result, &c->who, NULL);
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
