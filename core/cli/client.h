/* What the WebSocket client (link.c) and the login (login.c) share. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct link_error;
struct lws_context;
struct lws_protocols;

struct client_url {
	bool tls;
	int port;
	char host[256], path[256];
};

int client_error(struct link_error *error, int r, const char *name, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* -EINVAL for anything but ws://, wss://, http://, https:// with a host. */
int client_url_parse(const char *url, struct client_url *out);
struct lws_context *client_context(const struct lws_protocols *protocols, const char *ca_file,
                                   bool tls, void *user);
