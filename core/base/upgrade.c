#include "base/upgrade.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/own.h"
#include "base/request.h"
#include "base/text.h"

#define KEY_CHARS 24 /* 16 bytes in base64 */

/* RFC 9110 7.8: what HTTP/1.0 asks for is not looked at. */
bool upgrade_is_asked(const struct request *request)
{
	return !request->is_1_0 && (request_field(request, "upgrade").n > 0 ||
	                            request_lists(request, "connection", "upgrade"));
}

static bool is_base64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '/';
}

/* 21 free characters, one that carries two bits, two of padding. */
bool upgrade_is_key(struct sb_str key)
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

bool upgrade_origin(struct sb_str origin, struct sb_str host, const char *origins)
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

int upgrade_check(const struct request *request, const char **why)
{
	struct sb_str upgrade = request_field(request, "upgrade");

	*why = "an upgrade is a GET without a body";
	if (!text_is(request->method, "GET") || request_body(request) != 0)
		return 400;
	*why = "only WebSocket is spoken here";
	if (upgrade.n != 9 || strncasecmp(upgrade.p, "websocket", 9) != 0)
		return 400;
	*why = "Connection must say Upgrade";
	if (!request_lists(request, "connection", "upgrade"))
		return 400;
	*why = "Sec-WebSocket-Version must be 13";
	if (!text_is(request_field(request, "sec-websocket-version"), "13"))
		return 426;
	*why = "Sec-WebSocket-Key must be 16 bytes in base64";
	if (!upgrade_is_key(request_field(request, "sec-websocket-key")))
		return 400;
	*why = NULL;
	return 0;
}

size_t upgrade_accept(char out[static UPGRADE_ANSWER_MAX], const struct request *request,
                      struct sb_str protocol)
{
	static const char salt[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	struct sb_str key = request_field(request, "sec-websocket-key");
	unsigned char salted[KEY_CHARS + sizeof(salt)];
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned char accept[64];
	size_t n = MIN(key.n, (size_t)KEY_CHARS);

	memcpy(salted, key.p, n);
	memcpy(salted + n, salt, sizeof(salt) - 1);
	if (EVP_Digest(salted, n + sizeof(salt) - 1, digest, NULL, EVP_sha1(), NULL) != 1)
		return 0;
	EVP_EncodeBlock(accept, digest, 20);
	int len = snprintf(out, UPGRADE_ANSWER_MAX,
	                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	                   "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"
	                   "Sec-WebSocket-Protocol: %.*s\r\n\r\n",
	                   accept, (int)MIN(protocol.n, (size_t)64), protocol.p);
	return (size_t)len;
}

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} known[] = {
		{ 400, "Bad Request" },         { 401, "Unauthorized" },
		{ 403, "Forbidden" },           { 404, "Not Found" },
		{ 426, "Upgrade Required" },    { 431, "Request Header Fields Too Large" },
		{ 503, "Service Unavailable" }, { 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].status == status)
			return known[i].text;
	return "Refused";
}

size_t upgrade_refuse(char out[static UPGRADE_ANSWER_MAX], int status, const char *why)
{
	int n = snprintf(out, UPGRADE_ANSWER_MAX,
	                 "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\n%s"
	                 "Content-Length: %zu\r\nConnection: close\r\n\r\n%s\n",
	                 status, reason(status),
	                 status == 426 ? "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" : "",
	                 strlen(why) + 1, why);
	return (size_t)MIN(n, UPGRADE_ANSWER_MAX - 1);
}
