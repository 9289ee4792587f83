/* What clients watch: devices that change, values that arrive. Changes come from any thread, are
 * coalesced or put in a bounded ring there, and leave in frames from the api thread's tick; who is
 * slow gets a gap count. Api thread, unless said. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/marks.h"
#include "base/wire.h"
#include "registry/query.h"

struct api;
struct device;
struct live;
struct session;

enum live_kind { LIVE_LIST, LIVE_DEVICE, LIVE_TELEMETRY };

struct subscription {
	struct subscription *next; /* of the session */
	struct session *session;
	enum live_kind kind;
	uint32_t id;
	uint64_t seq, gap;
	/* LIST */
	struct query query;
	struct marks shown; /* devices the client knows */
	/* DEVICE */
	uint32_t device_no;
	/* TELEMETRY */
	struct marks devices; /* empty if all */
	bool all;
	json_t *names; /* array of series, or NULL: all */
	uint32_t points;
	/* the event being written */
	struct buffer out;
	struct wire w;
};

int live_new(struct live **out, struct api *api); /* listens; before registry and series start */
struct live *live_free(struct live *live);
/* SB_E_QUOTA beyond 32 of a session, -ENOMEM. *out is filled in and not yet watching. */
int live_new_subscription(struct session *s, enum live_kind kind, struct subscription **out);
void live_watch(struct subscription *sub);       /* from here on it gets events */
int live_cancel(struct session *s, uint32_t id); /* SB_E_NOT_FOUND */
void live_forget(struct session *s);             /* all of them */
bool live_is_needed(const struct live *live);
void live_tick(struct live *live); /* every 100 ms while needed */

/* An event's frame: open params, write members, end and send it. False: the client is slow. */
void live_begin(struct subscription *sub, const char *name);
bool live_end(struct subscription *sub);
