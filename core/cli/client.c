#include "cli/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libwebsockets.h>

#include "base/own.h"
#include "cli/link.h"

int client_error(struct link_error *error, int r, const char *name, const char *format, ...)
{
	va_list ap;

	if (!error)
		return r;
	error->code = 0;
	error->status = 0;
	snprintf(error->name, sizeof(error->name), "%s", name);
	va_start(ap, format);
	vsnprintf(error->text, sizeof(error->text), format, ap);
	va_end(ap);
	return r;
}

int client_url_parse(const char *url, struct client_url *out)
{
	static const struct {
		const char *scheme;
		bool tls;
	} schemes[] = {
		{ "ws://", false }, { "wss://", true }, { "http://", false }, { "https://", true }
	};
	const char *host = NULL;

	*out = (struct client_url){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(schemes) && !host; i++) {
		size_t n = strlen(schemes[i].scheme);

		if (strncmp(url, schemes[i].scheme, n) == 0) {
			host = url + n;
			out->tls = schemes[i].tls;
		}
	}
	if (!host)
		return -EINVAL;
	bool bracket = *host == '[';
	const char *begin = bracket ? host + 1 : host;
	size_t n = strcspn(begin, bracket ? "]" : ":/");
	const char *rest = begin + n + (bracket && begin[n] == ']');

	if (n == 0 || n >= sizeof(out->host))
		return -EINVAL;
	memcpy(out->host, begin, n);
	out->port = out->tls ? 443 : 80;
	if (*rest == ':') {
		char *end;
		long port = strtol(rest + 1, &end, 10);

		if (end == rest + 1 || port < 1 || port > 65535)
			return -EINVAL;
		out->port = (int)port;
		rest = end;
	}
	if (*rest && *rest != '/')
		return -EINVAL;
	int len = snprintf(out->path, sizeof(out->path), "%s", *rest ? rest : "/api/v1");

	return len < (int)sizeof(out->path) ? 0 : -EINVAL;
}

struct lws_context *client_context(const struct lws_protocols *protocols, const char *ca_file,
                                   bool tls, void *user)
{
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.protocols = protocols,
		.fd_limit_per_thread = 32, /* a table for two sockets, not for RLIMIT_NOFILE */
		.pt_serv_buf_size = 65536,
		.client_ssl_ca_filepath = ca_file,
		.options = tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0,
		.user = user,
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
	};

	lws_set_log_level(0, NULL);
	return lws_create_context(&info);
}
