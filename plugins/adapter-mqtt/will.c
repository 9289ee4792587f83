#include "will.h"

#include <stddef.h>

#include "message.h"
#include "publish.h"
#include "session.h"

void will_publish(struct session *s)
{
	struct message *msg = s->will;
	struct publish p;

	if (!msg)
		return;
	s->will = NULL;
	s->will_at = 0;
	message_view(msg, &p);
	publish_internal(s, &p);
	message_unref(msg);
}

void will_drop(struct session *s)
{
	s->will = message_unref(s->will);
	s->will_at = 0;
}
