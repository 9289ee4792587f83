#include "api/guard.h"

#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "base/upgrade.h"

bool guard_origin(struct sb_str origin, struct sb_str host, const char *origins)
{
	return upgrade_origin(origin, host, origins);
}

bool guard_host_local(struct sb_str host)
{
	const char *bracket = host.n ? memchr(host.p, ']', host.n) : NULL;
	const char *from = bracket ? bracket : host.p;
	const char *colon = host.n ? memchr(from, ':', (size_t)(host.p + host.n - from)) : NULL;

	if (colon)
		host.n = (size_t)(colon - host.p);
	if (text_is_nocase(host, "localhost") || text_is_nocase(host, "[::1]"))
		return true;
	if (host.n < 7 || host.n > 15 || strncmp(host.p, "127.", 4) != 0)
		return false;
	for (size_t i = 4; i < host.n; i++)
		if (host.p[i] != '.' && (host.p[i] < '0' || host.p[i] > '9'))
			return false;
	return true;
}

int guard_upgrade(const struct guard_upgrade *request, const char *origins, const char **why)
{
	*why = "only WebSocket is spoken here";
	if (!text_is_nocase(text_trim(request->upgrade), "websocket"))
		return 400;
	*why = "Sec-WebSocket-Version must be 13";
	if (!text_is(text_trim(request->version), "13"))
		return 426;
	*why = "Sec-WebSocket-Key must be 16 bytes in base64";
	if (!upgrade_is_key(text_trim(request->key)))
		return 400;
	*why = "Sec-WebSocket-Protocol must be signalbox.v1.json or signalbox.v1.cbor";
	if (!request->ours)
		return 400;
	*why = "pages of this origin may not use the interface: see http.origins";
	if (request->origin.n && !guard_origin(request->origin, request->host, origins))
		return 403;
	*why = "without Origin a bearer token is needed";
	if (!request->origin.n && !request->bearer)
		return 401;
	*why = NULL;
	return 0;
}
