#include "api/guard.h"

#include <string.h>
#include <strings.h>

#include "base/own.h"
#include "base/text.h"

#define KEY_CHARS 24 /* 16 bytes in base64 */

static bool is_nocase(struct sb_str s, const char *literal)
{
	return s.n == strlen(literal) && strncasecmp(s.p, literal, s.n) == 0;
}

static struct sb_str trimmed(struct sb_str s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = sb_str_of(s.p + 1, s.n - 1);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

bool guard_protocol(struct sb_str protocols)
{
	while (protocols.n) {
		const char *comma = memchr(protocols.p, ',', protocols.n);
		size_t n = comma ? (size_t)(comma - protocols.p) : protocols.n;
		struct sb_str one = trimmed(sb_str_of(protocols.p, n));

		if (text_is(one, "signalbox.v1.json") || text_is(one, "signalbox.v1.cbor"))
			return true;
		n += comma != NULL;
		protocols = sb_str_of(protocols.p + n, protocols.n - n);
	}
	return false;
}

static bool is_base64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '/';
}

/* 16 bytes: 21 free characters, one that carries two bits, two of padding. */
static bool is_key(struct sb_str key)
{
	if (key.n != KEY_CHARS || key.p[22] != '=' || key.p[23] != '=')
		return false;
	for (size_t i = 0; i < 22; i++)
		if (!is_base64(key.p[i]))
			return false;
	return strchr("AQgw", key.p[21]) != NULL;
}

/* "http://host:port" without its scheme, empty if it is no web origin ("null", "file://"). */
static struct sb_str origin_host(struct sb_str origin)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		size_t n = strlen(schemes[i]);

		if (origin.n > n && strncasecmp(origin.p, schemes[i], n) == 0)
			return sb_str_of(origin.p + n, origin.n - n);
	}
	return SB_STR("");
}

bool guard_origin(struct sb_str origin, struct sb_str host, const char *origins)
{
	struct sb_str own = origin_host(origin);

	if (own.n && own.n == host.n && strncasecmp(own.p, host.p, own.n) == 0)
		return true;
	while (own.n && origins && *origins) {
		size_t n = strcspn(origins, " ");

		if (n == origin.n && strncasecmp(origin.p, origins, n) == 0)
			return true;
		origins += n + (origins[n] == ' ');
	}
	return false;
}

bool guard_host_local(struct sb_str host)
{
	const char *bracket = host.n ? memchr(host.p, ']', host.n) : NULL;
	const char *from = bracket ? bracket : host.p;
	const char *colon = host.n ? memchr(from, ':', (size_t)(host.p + host.n - from)) : NULL;

	if (colon)
		host.n = (size_t)(colon - host.p);
	if (is_nocase(host, "localhost") || is_nocase(host, "[::1]"))
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
	if (!is_nocase(trimmed(request->upgrade), "websocket"))
		return 400;
	*why = "Sec-WebSocket-Version must be 13";
	if (!text_is(trimmed(request->version), "13"))
		return 426;
	*why = "Sec-WebSocket-Key must be 16 bytes in base64";
	if (!is_key(trimmed(request->key)))
		return 400;
	*why = "Sec-WebSocket-Protocol must be signalbox.v1.json or signalbox.v1.cbor";
	if (!guard_protocol(request->protocols))
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
