/* backup.*: copies of everything while the platform runs. */
#include "api/methods/backup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <signalbox/error.h>

#include "api/describe.h"
#include "api/rpc.h"
#include "api/server.h"
#include "backup/runner.h"
#include "base/clock.h"
#include "base/text.h"
#include "methods.gen.h"

#define LOG_MODULE "api"
#include "base/log.h"

static const char *const health_names[] = {
	[RUNNER_OFF] = "off", [RUNNER_OK] = "ok", [RUNNER_FAILED] = "failed", [RUNNER_LATE] = "late"
};

static void give_run(struct wire *w, const struct runner_state *s)
{
	wire_key(w, "run");
	wire_map(w);
	wire_key_u64(w, "id", s->id);
	wire_key(w, "running");
	wire_bool(w, s->is_running);
	if (s->id) {
		wire_key_text(w, "to", s->to);
		wire_key_text(w, "phase", s->what);
		wire_key_u64(w, "done", s->done);
		wire_key_u64(w, "all", s->all);
	}
	if (s->id && !s->is_running) {
		if (s->r < 0)
			wire_key_text(w, "error", *s->why ? s->why : sb_strerror(s->r));
		wire_key_u64(w, "bytes", s->bytes);
		wire_key_u64(w, "bytes_copied", s->bytes_copied);
		wire_key_u64(w, "bytes_linked", s->bytes_linked);
		wire_key_u64(w, "documents", s->documents);
		wire_key_u64(w, "blocks", s->blocks);
		wire_key_u64(w, "records", s->records);
		wire_key_u64(w, "seq", s->seq);
		wire_key_u64(w, "took_ms", (uint64_t)(s->took_ns / NS_PER_MS));
	}
	wire_map_end(w);
}

static void give_plan(struct wire *w, const struct runner_state *s)
{
	wire_map(w);
	wire_key_text(w, "state", health_names[s->health]);
	if (s->health != RUNNER_OFF) {
		wire_key_text(w, "directory", s->directory);
		if (*s->newest)
			wire_key_text(w, "newest", s->newest);
		if (s->proved_ns)
			describe_time(w, "proved", s->proved_ns);
		if (s->next_ns)
			describe_time(w, "next", s->next_ns);
		if (*s->fault)
			wire_key_text(w, "error", s->fault);
	}
	wire_key_u64(w, "made", s->made);
	wire_key_u64(w, "failures", s->failures);
	wire_map_end(w);
}

void backup_give_plan(struct wire *w, const struct api *api)
{
	struct runner_state s;

	runner_state(api->config.runner, &s);
	give_plan(w, &s);
}

int backup_is_ill(const struct api *api, char *why, size_t cap)
{
	struct runner_state s;
	char when[32];

	runner_state(api->config.runner, &s);
	if (s.health == RUNNER_FAILED) {
		(void)snprintf(why, cap, "the last backup failed: %s", s.fault);
	} else if (s.health == RUNNER_LATE) {
		clock_show(when, sizeof(when), s.proved_ns);
		(void)snprintf(why, cap, "the newest backup that was proved is of %s", when);
	}
	return s.health == RUNNER_FAILED || s.health == RUNNER_LATE;
}

int backup_status_call(struct call *c)
{
	struct runner_state s;

	runner_state(c->api->config.runner, &s);
	wire_map(&c->result);
	give_run(&c->result, &s);
	wire_key(&c->result, "plan");
	give_plan(&c->result, &s);
	wire_map_end(&c->result);
	return 0;
}

/* Where a path may point: whoever can read the data directory can copy it anyway, anybody else
 * gives a name. */
static int find_target(struct call *c, char *to, size_t cap)
{
	struct sb_str given = call_str(c, "to");
	struct runner_state s;

	*to = '\0';
	if (!given.p)
		return 0;
	for (size_t i = 0; i < given.n; i++)
		if ((unsigned char)given.p[i] < ' ')
			return call_refuse(c, RPC_INVALID_PARAMS, "to",
			                   "a path has no control characters");
	if (given.p[0] == '/' && c->who.local) {
		(void)snprintf(to, cap, "%.*s", (int)given.n, given.p);
		return 0;
	}
	if (given.p[0] == '/')
		return call_refuse_with(
			c, RPC_FORBIDDEN, "to", NULL,
			"give a name in backup.directory, or run signalbox with --data on "
			"that machine");
	if (memchr(given.p, '/', given.n) || given.p[0] == '.')
		return call_refuse(c, RPC_INVALID_PARAMS, "to",
		                   "a name has no slash and no dot in front");
	runner_state(c->api->config.runner, &s);
	if (!*s.directory)
		return call_refuse_with(c, RPC_UNAVAILABLE, "to", NULL,
		                        "set backup.directory, which names lie in");
	(void)snprintf(to, cap, "%s/%.*s", s.directory, (int)given.n, given.p);
	return 0;
}

int backup_create_call(struct call *c)
{
	char to[1600];
	uint64_t id = 0;
	int r = find_target(c, to, sizeof(to));

	if (r != 0)
		return r;
	r = runner_begin(c->api->config.runner, *to ? to : NULL, &id);
	if (r == -EBUSY)
		return call_refuse_with(c, RPC_UNAVAILABLE, NULL, "one at a time",
		                        "a backup is under way: wait for it, or cancel it");
	if (r == -EINVAL)
		return call_refuse_with(c, RPC_UNAVAILABLE, "to", NULL,
		                        "say where to, or set backup.directory");
	if (r < 0)
		return call_fault(c, r, "to");
	log_info("%s asks for a backup%s%s", c->who.subject, *to ? " to " : "", to);
	wire_map(&c->result);
	wire_key_u64(&c->result, "id", id);
	if (*to)
		wire_key_text(&c->result, "to", to);
	wire_map_end(&c->result);
	return 0;
}

int backup_cancel_call(struct call *c)
{
	runner_cancel(c->api->config.runner, (uint64_t)call_int(c, "id", 0));
	wire_map(&c->result);
	wire_map_end(&c->result);
	return 0;
}
