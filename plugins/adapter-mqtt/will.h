/* Wills: what a client wants said when its connection ends without a DISCONNECT. */
#pragma once

struct session;

/* Publish the session's will, if it has one, and forget it. */
void will_publish(struct session *s);
/* Forget it. */
void will_drop(struct session *s);
