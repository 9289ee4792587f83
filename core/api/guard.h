/* Who may speak to us at all: decisions about a request before anything else looks at it. Pure
 * functions over header values; absent headers are empty. */
#pragma once
#include <stdbool.h>

#include <signalbox/types.h>

struct guard_upgrade {
	struct sb_str upgrade, version, key, origin, host;
	bool ours;   /* one of our subprotocols is offered */
	bool bearer; /* a token stands in the Authorization header: not a browser */
};

/* 0 if the upgrade may go on (the token is another matter), or the HTTP status and why (a literal).
 * origins: allowed besides the server's own, separated by spaces, or NULL. */
int guard_upgrade(const struct guard_upgrade *request, const char *origins, const char **why);
/* May a browser page of this origin use its cookie here? An absent origin: only with a bearer
 * token. */
bool guard_origin(struct sb_str origin, struct sb_str host, const char *origins);
/* Is this Host header a name of this very machine, so that no foreign name was rebound to it? */
bool guard_host_local(struct sb_str host);
