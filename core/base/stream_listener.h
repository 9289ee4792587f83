/* A listening socket of struct streams: binds, accepts, has its limits. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <signalbox/services.h>

#include "base/list.h"
#include "base/loop.h"

struct stream_calls;
struct streams;
struct tls;

#define LISTENER_HTTP "http" /* the address of those that share the HTTP port */

struct listener {
	struct streams *owner;
	struct list link; /* in streams.listeners */
	struct watch watch;
	struct timer pause;    /* no descriptors left: tries again when it fires */
	struct sb_listen spec; /* with defaults filled in; its texts are not kept */
	const struct stream_calls *calls;
	void *calls_ud;
	struct tls *tls;
	uint32_t id, n_conns;
	char name[32], websocket[32];
};

int listener_new(struct streams *s, const struct sb_listen *spec, struct tls *tls, uint32_t *port,
                 struct listener **out);
/* The subprotocol it asks for; plugins of 1.0 know none. */
struct sb_str listener_websocket(const struct sb_listen *spec);
bool listener_is_full(const struct listener *l);
struct listener *listener_free(struct listener *l); /* without connections */
/* "192.0.2.1:4711", "[2001:db8::1]:4711"; an IPv4 address is shown as one. */
struct sb_str listener_peer_text(char *buf, size_t cap, const struct sockaddr *sa);
