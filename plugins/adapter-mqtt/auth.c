#include "auth.h"

#include "conn.h"
#include "reason.h"

int auth_take(struct conn *c, const struct packet *p)
{
	(void)p;
	return conn_fail(c, REASON_PROTOCOL_ERROR, "AUTH without an agreed authentication method");
}
