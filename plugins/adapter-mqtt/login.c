#include "login.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "conn.h"
#include "server.h"

#define CERT_MAX     8192
#define IDENTITY_MAX 160

int login_check(struct conn *c, struct sb_credentials *who, bool *by_tls, sb_auth_fn fn)
{
	struct server *srv = c->srv;
	const struct sb_stream *stream = srv->stream;
	uint8_t cert[CERT_MAX];
	char identity[IDENTITY_MAX];
	int32_t n;

	who->peer = sb_str_of(c->peer, strlen(c->peer));
	who->anonymous_allowed = server_lets_anonymous(c);
	who->until_ns = &c->until_ns;
	if (SB_HAS(stream, peer_psk)) {
		n = stream->peer_psk(srv->host, c->handle, identity, sizeof(identity));
		if (n > 0)
			who->psk_identity = sb_str_of(identity, (size_t)n);
		n = stream->peer_cert(srv->host, c->handle, cert, sizeof(cert), &who->cert_trusted);
		if (n > 0)
			who->cert_der = (struct sb_bytes){ cert, (size_t)n };
		if (n == -ERANGE)
			server_log(srv, SB_LOG_WARN, "%s: a certificate of more than %d bytes",
			           c->peer, CERT_MAX);
	}
	*by_tls = who->psk_identity.n || who->cert_der.n;
	return srv->devices->authenticate(srv->host, who, fn, c, 0);
}
