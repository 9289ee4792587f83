#include "acl.h"

#include <errno.h>
#include <string.h>

#include <signalbox/services.h>

#include "server.h"
#include "topic.h"

#define ID_MAX 160

/* Is this the id of the session's own device? */
static bool own(const struct session *s, struct sb_str id)
{
	char mine[ID_MAX];

	if (s->srv->devices->id_of(s->srv->host, s->who.device, mine, sizeof(mine)) < 0)
		return false;
	return strlen(mine) == id.n && memcmp(mine, id.p, id.n) == 0;
}

/* The registry's word: asked again for every topic that is new to a connection, and forgotten when
 * the device's rights change. */
static const char *act_for(const struct session *s, struct sb_str id)
{
	const struct server *srv = s->srv;
	int r = SB_HAS(srv->devices, may_act) ? srv->devices->may_act(srv->host, &s->who, id) : 0;

	if (r == -EACCES)
		return "this device has a credential: log in with it";
	return r == SB_E_SUSPENDED ? "the device is suspended or retired" : NULL;
}

const char *acl_publish(const struct session *s, const struct topic_name *name)
{
	if (name->kind == TOPIC_SYSTEM)
		return "topics that begin with $ are the server's";
	switch (s->who.kind) {
	case SB_PRINCIPAL_DEVICE:
		if (!name->device.n || !own(s, name->device))
			return "a device publishes under devices/ and its own id only";
		if (name->kind == TOPIC_DOWN)
			return "this topic is for what the device is told";
		return act_for(s, name->device);
	case SB_PRINCIPAL_USER:
		return s->who.role >= SB_ROLE_OPERATOR ? NULL : "a viewer may not publish";
	case SB_PRINCIPAL_ANONYMOUS:
		return name->device.n ? act_for(s, name->device) : NULL;
	default:
		return "not authenticated";
	}
}

const char *acl_subscribe(const struct session *s, struct sb_str filter)
{
	struct topic_name name;

	switch (s->who.kind) {
	case SB_PRINCIPAL_DEVICE:
		topic_classify(filter, &name);
		if (!name.device.n || !own(s, name.device))
			return "a device subscribes under devices/ and its own id only";
		return NULL;
	case SB_PRINCIPAL_ANONYMOUS:
		topic_classify(filter, &name);
		return name.device.n ? act_for(s, name.device) : NULL;
	case SB_PRINCIPAL_USER:
		return NULL;
	default:
		return "not authenticated";
	}
}
