#include "will.h"

#include <stddef.h>

#include "keep.h"
#include "message.h"
#include "publish.h"
#include "server.h"

void will_publish(struct session *s)
{
	struct message *msg = s->will;
	struct publish p;

	if (!msg)
		return;
	s->will = NULL;
	s->will_at = 0;
	message_view(msg, &p);
	if (s->will_expiry_s >= 0)
		p.expires_s = server_utc_s(s->srv) + s->will_expiry_s;
	persist_begin(s->srv);
	keep_will_done(s);
	publish_internal(s, &p);
	persist_commit(s->srv);
	message_unref(msg);
}

void will_drop(struct session *s)
{
	s->will = message_unref(s->will);
	s->will_at = 0;
}
