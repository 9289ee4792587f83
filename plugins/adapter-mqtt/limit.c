#include "limit.h"

#include <errno.h>
#include <string.h>

#include "conn.h"
#include "server.h"
#include "session.h"

#define NAME(name, fate, help) [LIMIT_##name] = "limit_" #name,
static const char *const names[LIMIT_COUNT] = { LIMITS(NAME) };
#define HELP(name, fate, help) [LIMIT_##name] = help,
static const char *const helps[LIMIT_COUNT] = { LIMITS(HELP) };
#define FATE(name, fate, help) [LIMIT_##name] = SB_FATE_##fate,
static const int32_t fates[LIMIT_COUNT] = { LIMITS(FATE) };

int limit_init(struct server *srv)
{
	const struct sb_metrics *table = srv->core->service(srv->host, "sb.metrics/1");

	for (int i = 0; i < LIMIT_COUNT; i++) {
		srv->limits[i] = table ? table->counter(srv->host, names[i], helps[i]) : NULL;
		if (!srv->limits[i])
			return -ENOMEM;
	}
	return 0;
}

void limit_count(struct server *srv, enum limit which)
{
	metrics_count(srv->limits[which], 1);
}

void limit_hit(struct server *srv, enum limit which, sb_device device, struct sb_str who,
               const char *why)
{
	limit_count(srv, which);
	/* The line has no port and no number of its own, so that the same again is folded. */
	if (device)
		srv->devices->fate(srv->host, device, fates[which], sb_str_of(why, strlen(why)));
	else
		server_log(srv, SB_LOG_WARN, "%.*s: %s", (int)(who.n < 80 ? who.n : 80), who.p,
		           why);
}

void limit_session(struct session *s, enum limit which, const char *why)
{
	sb_device device = s->who.kind == SB_PRINCIPAL_DEVICE ? s->who.device : s->speaks_for;

	limit_hit(s->srv, which, device, session_id(s), why);
}
